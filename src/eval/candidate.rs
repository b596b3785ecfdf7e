//! Who answers: a model with its parameters and everything needed to call it.

use crate::engine::leg::Leg;
use crate::model::Request;
use crate::model::request::Params;

/// One candidate of a run.
#[derive(Debug)]
pub struct Candidate {
    /// As shown; unique within a run.
    pub label: String,
    /// How it is called.
    pub leg: Leg,
    /// Parameters for every request to it; a row's own limit on tokens wins.
    pub params: Params,
    /// Where its answers come from.
    pub source: Source,
    /// The prompt template it is asked through, by place; zero when there is none.
    pub prompt: usize,
}

/// Where answers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A provider that is paid.
    Provider,
    /// Arithmetic: for trying things out.
    Simulated,
    /// A file of recorded answers.
    Replayed,
}

impl Source {
    /// The source behind a target as manifests write it: `provider/model`.
    pub fn of(target: &str) -> Self {
        match target.split_once('/') {
            Some(("sim", _)) => Self::Simulated,
            Some(("replay", _)) => Self::Replayed,
            _ => Self::Provider,
        }
    }

    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Simulated => "simulated",
            Self::Replayed => "replayed",
        }
    }

    /// A candidate's label with its source behind it, where nobody was paid and the label hides that:
    /// `cheap (simulated)`.
    pub fn beside(self, label: &str) -> String {
        let is_told = match self {
            Self::Provider => true,
            Self::Simulated => label.contains("sim/"),
            Self::Replayed => label.contains("replay:"),
        };
        if is_told { label.to_owned() } else { format!("{label} ({})", self.name()) }
    }
}

impl Candidate {
    /// The row's request with the candidate's parameters.
    pub fn request(&self, request: &Request) -> Request {
        let mut request = request.clone();
        let (own, row) = (&self.params, &mut request.params);
        row.max_tokens = row.max_tokens.or(own.max_tokens);
        row.temperature = row.temperature.or(own.temperature);
        row.top_p = row.top_p.or(own.top_p);
        row.seed = row.seed.or(own.seed);
        row.effort = row.effort.take().or_else(|| own.effort.clone());
        request
    }
}

/// Reads parameters written behind a model: `?temperature=0&max_tokens=200&effort=low`.
pub fn params(written: &str) -> Result<Params, String> {
    let mut params = Params::default();
    for pair in written.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or_else(|| format!("`{pair}` is not name=value"))?;
        let wrong = |expected: &str| format!("`{name}` must be {expected}, not {value:?}");
        match name {
            "temperature" => {
                params.temperature = Some(within(value, 2.0).ok_or_else(|| wrong("from 0 to 2"))?);
            }
            "top_p" => params.top_p = Some(within(value, 1.0).ok_or_else(|| wrong("from 0 to 1"))?),
            "max_tokens" => {
                let most = value.parse().ok().filter(|most| *most > 0);
                params.max_tokens = Some(most.ok_or_else(|| wrong("a whole number above 0"))?);
            }
            "seed" => params.seed = Some(value.parse().map_err(|_| wrong("a whole number"))?),
            "effort" => params.effort = Some(value.to_owned()),
            _ => {
                let known = "temperature, top_p, max_tokens, seed, effort";
                return Err(format!("unknown parameter `{name}`; known: {known}"));
            }
        }
    }
    Ok(params)
}

/// Parameters as they are written behind a model, so that [`params`] reads them back.
pub fn written(params: &Params) -> String {
    let number = |name: &str, value: Option<f64>| value.map(|value| format!("{name}={value}"));
    let written = [
        number("temperature", params.temperature),
        number("top_p", params.top_p),
        params.max_tokens.map(|most| format!("max_tokens={most}")),
        params.seed.map(|seed| format!("seed={seed}")),
        params.effort.as_ref().map(|effort| format!("effort={effort}")),
    ];
    written.into_iter().flatten().collect::<Vec<_>>().join("&")
}

/// What is asked with: parameters written behind a model, and the alias's where none are.
pub fn over(written: Params, alias: &Params) -> Params {
    Params {
        temperature: written.temperature.or(alias.temperature),
        top_p: written.top_p.or(alias.top_p),
        max_tokens: written.max_tokens.or(alias.max_tokens),
        seed: written.seed.or(alias.seed),
        effort: written.effort.or_else(|| alias.effort.clone()),
        ..Params::default()
    }
}

fn within(value: &str, most: f64) -> Option<f64> {
    value.parse().ok().filter(|number| (0.0..=most).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_written_as_they_are_read() {
        let text = "temperature=0.7&top_p=1&max_tokens=200&seed=-3&effort=low";
        assert_eq!(written(&params(text).unwrap()), text);
    }

    #[test]
    fn a_label_that_hides_that_nobody_was_paid_is_marked() {
        let cases = [
            ("sim/good", "sim/good", "sim/good"),
            ("sim/good", "cheap", "cheap (simulated)"),
            ("replay/old.jsonl", "replay:old.jsonl", "replay:old.jsonl"),
            ("replay/old.jsonl", "before", "before (replayed)"),
            ("openai/gpt", "cheap", "cheap"),
        ];
        for (target, label, shown) in cases {
            assert_eq!(Source::of(target).beside(label), shown, "{target}");
        }
    }

    #[test]
    fn parameters_are_read_from_behind_a_model() {
        let read = params("temperature=0&max_tokens=200&effort=low&seed=-3").unwrap();
        assert_eq!((read.temperature, read.max_tokens, read.seed), (Some(0.0), Some(200), Some(-3)));
        for (written, error) in [
            ("temperature=3", "`temperature` must be from 0 to 2, not \"3\""),
            (
                "temprature=1",
                "unknown parameter `temprature`; known: temperature, top_p, max_tokens, seed, effort",
            ),
            ("effort", "`effort` is not name=value"),
        ] {
            assert_eq!(params(written).unwrap_err(), error);
        }
    }
}
