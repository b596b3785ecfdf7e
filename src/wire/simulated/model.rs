//! What the simulated models are like, and the luck of one request.

use std::time::Duration;

use super::reply::Reply;
use crate::base::dice::Dice;

/// What a simulated model is like.
#[derive(Debug)]
pub(super) struct Profile {
    pub(super) name: &'static str,
    /// The share of right answers among those that are given.
    accuracy: f64,
    /// The median of the latency, which is lognormal: short beside real models', so that trying takes
    /// seconds.
    median: Duration,
    /// The standard deviation of the latency's logarithm.
    sigma: f64,
    /// The share of requests that meet a rate limit at first.
    rate_limited: f64,
    /// The share of requests that meet a server error at first.
    server: f64,
    /// The share of answers that are refusals.
    refused: f64,
    /// The share of JSON answers that are cut off.
    broken_json: f64,
}

const PROFILES: [Profile; 5] = [
    Profile {
        name: "good",
        accuracy: 0.95,
        median: Duration::from_millis(90),
        sigma: 0.35,
        rate_limited: 0.0,
        server: 0.002,
        refused: 0.005,
        broken_json: 0.0,
    },
    Profile {
        name: "fast",
        accuracy: 0.88,
        median: Duration::from_millis(20),
        sigma: 0.3,
        rate_limited: 0.01,
        server: 0.002,
        refused: 0.0,
        broken_json: 0.01,
    },
    Profile {
        name: "cheap",
        accuracy: 0.8,
        median: Duration::from_millis(45),
        sigma: 0.5,
        rate_limited: 0.02,
        server: 0.005,
        refused: 0.0,
        broken_json: 0.03,
    },
    Profile {
        name: "slow",
        accuracy: 0.95,
        median: Duration::from_millis(120),
        sigma: 0.7,
        rate_limited: 0.0,
        server: 0.002,
        refused: 0.005,
        broken_json: 0.0,
    },
    Profile {
        name: "flaky",
        accuracy: 0.9,
        median: Duration::from_millis(60),
        sigma: 0.6,
        rate_limited: 0.08,
        server: 0.06,
        refused: 0.02,
        broken_json: 0.05,
    },
];

/// The names of the simulated models.
pub fn models() -> impl Iterator<Item = &'static str> {
    PROFILES.iter().map(|profile| profile.name)
}

impl Profile {
    pub(super) fn find(model: &str) -> Option<&'static Self> {
        PROFILES.iter().find(|profile| profile.name == model)
    }
}

/// A failure that is over on the second try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    RateLimited,
    Server,
}

/// The rolls of one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Luck {
    dice: Dice,
    /// Of model, prompt and sampling seed.
    digest: u64,
}

impl Luck {
    pub(super) fn new(dice: Dice, model: &str, prompt: &str, seed: Option<i64>) -> Self {
        let seed = seed.map_or(0, i64::cast_unsigned);
        Self { dice, digest: dice.bits(dice.bits(seed, 0, model), 0, prompt) }
    }

    /// A number that stands for the request.
    pub(super) const fn digest(self) -> u64 {
        self.digest
    }

    fn roll(self, purpose: &str) -> f64 {
        self.dice.unit(self.digest, 0, purpose)
    }

    /// What goes wrong at the first try.
    pub(super) fn trouble(self, profile: &Profile) -> Option<Trouble> {
        let roll = self.roll("trouble");
        if roll < profile.rate_limited {
            return Some(Trouble::RateLimited);
        }
        (roll < profile.rate_limited + profile.server).then_some(Trouble::Server)
    }

    /// How long the answer takes: lognormal, within an eighth and eight times the median.
    pub(super) fn latency(self, profile: &Profile) -> Duration {
        let (radius, angle) = (1.0 - self.roll("radius"), self.roll("angle"));
        // Box and Muller 1958; one minus a roll is never zero.
        let normal = libm::sqrt(-2.0 * libm::log(radius)) * libm::cos(std::f64::consts::TAU * angle);
        profile.median.mul_f64(libm::exp(profile.sigma * normal).clamp(0.125, 8.0))
    }

    /// What is said, given the right answer.
    pub(super) fn answer(self, profile: &Profile, right: Option<String>) -> Reply {
        if self.roll("refusal") < profile.refused {
            return Reply::refusal("I'm sorry, but I can't help with that.");
        }
        let Some(right) = right else {
            let digest = self.digest >> 32;
            return Reply::text(format!("The simulated model {} answers with {digest:08x}.", profile.name));
        };
        let is_right = self.roll("right") < profile.accuracy;
        let text = if is_right { right } else { wrong(&right) };
        let is_broken = text.starts_with(['{', '[']) && self.roll("broken") < profile.broken_json;
        Reply::text(if is_broken { first_half(&text).to_owned() } else { text })
    }
}

/// A mistake in the form of the right answer: the next number, the other truth, another value in JSON, or a
/// word that answers nothing.
fn wrong(right: &str) -> String {
    let number = right.trim().parse::<i64>().ok().and_then(|number| number.checked_add(1));
    if let Some(number) = number {
        return number.to_string();
    }
    match right.trim() {
        "true" => return "false".to_owned(),
        "false" => return "true".to_owned(),
        "yes" => return "no".to_owned(),
        "no" => return "yes".to_owned(),
        _ => {}
    }
    match serde_json::from_str(right) {
        Ok(mut value @ (serde_json::Value::Object(_) | serde_json::Value::Array(_))) => {
            spoil(&mut value);
            value.to_string()
        }
        _ => "unknown".to_owned(),
    }
}

/// Makes every value wrong and keeps the types, so that a schema still holds.
fn spoil(value: &mut serde_json::Value) {
    use serde_json::Value;
    match value {
        Value::Bool(truth) => *truth = !*truth,
        Value::Number(number) => {
            *value = number.as_i64().map_or_else(|| Value::from(0.5), |n| Value::from(n.wrapping_add(1)));
        }
        Value::String(text) => "unknown".clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(spoil),
        Value::Object(fields) => fields.values_mut().for_each(spoil),
        Value::Null => {}
    }
}

fn first_half(text: &str) -> &str {
    &text[..text.floor_char_boundary(text.len() / 2)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_have_the_form_of_the_right_answer() {
        let cases = [
            ("41", "42"),
            ("true", "false"),
            ("no", "yes"),
            ("Paris", "unknown"),
            (r#"{"n":1,"ok":true,"x":["a",null]}"#, r#"{"n":2,"ok":false,"x":["unknown",null]}"#),
        ];
        for (right, expected) in cases {
            assert_eq!(wrong(right), expected);
        }
    }

    #[test]
    fn latencies_are_around_the_median() {
        let profile = Profile::find("good").unwrap();
        let mut latencies: Vec<_> = (0..2_001)
            .map(|i| Luck::new(Dice::new(1), "good", &format!("prompt {i}"), None).latency(profile))
            .collect();
        latencies.sort_unstable();
        let (median, p95) = (latencies[1_000].as_millis(), latencies[1_900].as_millis());
        assert!((85..95).contains(&median), "{median}");
        // exp(1.645 × 0.35) is 1.78.
        assert!((145..175).contains(&p95), "{p95}");
    }

    #[test]
    fn luck_depends_on_seed_model_prompt_and_sampling_seed() {
        let digest =
            |seed, model, prompt, sampling| Luck::new(Dice::new(seed), model, prompt, sampling).digest();
        let first = digest(1, "good", "p", None);
        assert_eq!(first, digest(1, "good", "p", None));
        for other in [
            digest(2, "good", "p", None),
            digest(1, "fast", "p", None),
            digest(1, "good", "q", None),
            digest(1, "good", "p", Some(3)),
        ] {
            assert_ne!(first, other);
        }
    }
}
