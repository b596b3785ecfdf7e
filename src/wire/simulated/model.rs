//! What the simulated models are like, and the luck of one request.

use std::time::Duration;

use super::mistake;
use super::reply::Reply;
use super::solve::Answer;
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
    /// The share of requests that fail however often they are tried.
    down: f64,
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
        down: 0.0,
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
        down: 0.0,
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
        down: 0.0,
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
        down: 0.0,
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
        down: 0.02,
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

/// A failure of the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Too many requests; over on the second try.
    RateLimited,
    /// Something broke; over on the second try.
    Server,
    /// Nobody answers this request, however often it is tried.
    Down,
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

    /// What goes wrong, at the first try or at every one.
    pub(super) fn trouble(self, profile: &Profile) -> Option<Trouble> {
        if self.roll("down") < profile.down {
            return Some(Trouble::Down);
        }
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

    /// What is said, given what can be worked out. `form` is an answer that has at least the form asked for,
    /// where there is one.
    pub(super) fn answer(self, profile: &Profile, right: Option<Answer>, form: Option<String>) -> Reply {
        if self.roll("refusal") < profile.refused {
            return Reply::refusal("I'm sorry, but I can't help with that.");
        }
        let Some(right) = right else {
            let digest = self.digest >> 32;
            return Reply::text(form.unwrap_or_else(|| {
                format!(
                    "This is a simulated answer ({digest:08x}): sim/{} cannot work this out.",
                    profile.name
                )
            }));
        };
        let is_right = self.roll("right") < profile.accuracy;
        let bits = self.dice.bits(self.digest, 0, "mistake");
        let answer = if is_right { right } else { mistake::wrong(&right, bits) };
        let is_broken = matches!(answer, Answer::Object(_)) && self.roll("broken") < profile.broken_json;
        match answer {
            Answer::Calls(calls) => Reply::calls(calls),
            answer if is_broken => Reply::text(first_half(&answer.text()).to_owned()),
            answer => Reply::text(answer.text()),
        }
    }
}

fn first_half(text: &str) -> &str {
    &text[..text.floor_char_boundary(text.len() / 2)]
}

#[cfg(test)]
mod tests {
    use super::*;

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
