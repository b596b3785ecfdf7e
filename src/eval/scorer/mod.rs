//! Scorers: one way each to tell whether an answer is right. Pure; what needs the world (a judge, an
//! embedder, a program) is asked for as a value, and the result handed back.

mod choice;
mod closeness;

mod exec;
mod json;
mod judge;
mod limit;
mod numeric;
mod options;
mod parse;
pub mod refusal;
mod similarity;
mod text;
mod tool_call;

use std::time::Duration;

use crate::base::money::Money;
use crate::eval::dataset::Case;
use crate::model::{Failure, Request, Response};

pub use exec::ExecResult;
pub(crate) use tool_call::arguments;

/// One way to score an answer, with its options.
#[derive(Clone, Debug)]
pub struct Scorer {
    name: String,
    negate: bool,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Text(text::TextRule),
    Regex(regex::Regex),
    Json(json::JsonRule),
    Fields(json::FieldsRule),
    Numeric(numeric::NumericRule),
    Choice(choice::ChoiceRule),
    Closeness(closeness::ClosenessRule),
    ToolCall(tool_call::ToolCallRule),
    Refusal,
    Length(limit::LengthRule),
    Latency(Duration),
    Cost(Money),
    Judge(judge::JudgeRule),
    Similarity(similarity::SimilarityRule),
    Exec(exec::ExecRule),
}

/// What a scorer asks another model for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// A judgement.
    Judge,
    /// Embeddings.
    Embedder,
}

/// What a scorer looks at.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The row.
    pub case: &'a Case,
    /// The answer.
    pub response: &'a Response,
    /// From send to last byte of the first attempt, when it was measured.
    pub latency: Option<Duration>,
    /// What the answer cost, when that is known.
    pub cost: Option<Money>,
}

/// What a scorer says.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Whether the answer passes.
    pub passed: bool,
    /// 0 or 1 for pass or fail, a share or similarity from 0 to 1, a rating, seconds, dollars or a count.
    pub value: f64,
    /// Why, in one sentence. May quote the answer: show it as untrusted text.
    pub reason: String,
    /// Whether the scorer could not tell (judge unreachable, program failed, latency not measured). The
    /// answer then has not passed, but it is not known to be wrong either, and `not` does not turn it round.
    pub unable: bool,
}

impl Verdict {
    fn new(passed: bool, value: f64, reason: impl Into<String>) -> Self {
        Self { passed, value, reason: reason.into(), unable: false }
    }

    /// Passed or failed, with the value 1 or 0.
    fn is(passed: bool, reason: impl Into<String>) -> Self {
        Self::new(passed, f64::from(u8::from(passed)), reason)
    }

    fn unable(reason: impl Into<String>) -> Self {
        Self { passed: false, value: 0.0, reason: reason.into(), unable: true }
    }
}

/// What it takes to reach a verdict.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Nothing more.
    Done(Verdict),
    /// Ask a judge; hand the answers, in the order of the requests, to [`Scorer::conclude_ask`].
    Ask {
        /// The judge.
        model: String,
        /// What to ask it; each independent of the others.
        requests: Vec<Request>,
    },
    /// Embed texts; hand the vectors, in the order of the texts, to [`Scorer::conclude_embed`].
    Embed {
        /// The embedder.
        model: String,
        /// The texts.
        texts: Vec<String>,
    },
    /// Run a program; hand what came of it to [`Scorer::conclude_exec`].
    Exec {
        /// The program and its arguments; no shell is involved.
        argv: Vec<String>,
        /// JSON for its standard input.
        stdin: String,
        /// How long it may take.
        timeout: Duration,
    },
}

impl Scorer {
    /// Its name in results; unique within a row's scorers.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it costs money or time beyond the answer: a judge, an embedder or a program.
    pub fn has_effect(&self) -> bool {
        matches!(self.kind, Kind::Judge(_) | Kind::Similarity(_) | Kind::Exec(_))
    }

    /// The model it asks, if it asks one.
    pub fn model(&self) -> Option<&str> {
        match &self.kind {
            Kind::Judge(rule) => Some(rule.model()),
            Kind::Similarity(rule) => Some(rule.model()),
            _ => None,
        }
    }

    /// The program it runs, if it runs one.
    pub fn program(&self) -> Option<&str> {
        match &self.kind {
            Kind::Exec(rule) => Some(rule.program()),
            _ => None,
        }
    }

    /// The model it asks and what for, if it asks one.
    pub fn asks(&self) -> Option<(Effect, &str)> {
        match &self.kind {
            Kind::Judge(rule) => Some((Effect::Judge, rule.model())),
            Kind::Similarity(rule) => Some((Effect::Embedder, rule.model())),
            _ => None,
        }
    }

    /// Whether it looks for JSON in the answer.
    pub fn reads_json(&self) -> bool {
        match &self.kind {
            Kind::Json(_) | Kind::Fields(_) => true,
            Kind::Numeric(rule) => rule.has_path(),
            _ => false,
        }
    }

    /// Whether declining is what it wants to see.
    pub fn expects_refusal(&self) -> bool {
        matches!(self.kind, Kind::Refusal) && !self.negate
    }

    /// Begins to score: a verdict, or what it takes to reach one.
    pub fn begin(&self, subject: &Subject<'_>) -> Step {
        let step = match &self.kind {
            Kind::Judge(rule) => Ok(rule.ask(subject)),
            Kind::Similarity(rule) => rule.embed(subject),
            Kind::Exec(rule) => Ok(rule.run(subject)),
            _ => return Step::Done(self.settle(self.look(subject))),
        };
        step.unwrap_or_else(|reason| Step::Done(Verdict::unable(reason)))
    }

    /// Concludes from a judge's answers.
    pub fn conclude_ask(&self, _subject: &Subject<'_>, answers: &[Result<Response, Failure>]) -> Verdict {
        match &self.kind {
            Kind::Judge(rule) => self.settle(rule.conclude(answers)),
            _ => Verdict::unable("this scorer asked no judge"),
        }
    }

    /// Concludes from embeddings.
    pub fn conclude_embed(&self, _subject: &Subject<'_>, vectors: &[Vec<f32>]) -> Verdict {
        match &self.kind {
            Kind::Similarity(rule) => self.settle(rule.conclude(vectors)),
            _ => Verdict::unable("this scorer asked for no embeddings"),
        }
    }

    /// Concludes from what came of a program.
    pub fn conclude_exec(&self, _subject: &Subject<'_>, result: &ExecResult) -> Verdict {
        match &self.kind {
            Kind::Exec(rule) => self.settle(rule.conclude(result)),
            _ => Verdict::unable("this scorer ran no program"),
        }
    }

    /// Scores by looking only; an error means that it could not tell.
    fn look(&self, subject: &Subject<'_>) -> Result<Verdict, String> {
        match &self.kind {
            Kind::Text(rule) => rule.look(subject),
            Kind::Regex(regex) => Ok(text::look_for(regex, subject)),
            Kind::Json(rule) => rule.look(subject),
            Kind::Fields(rule) => rule.look(subject),
            Kind::Numeric(rule) => rule.look(subject),
            Kind::Choice(rule) => rule.look(subject),
            Kind::Closeness(rule) => rule.look(subject),
            Kind::ToolCall(rule) => rule.look(subject),
            Kind::Refusal => Ok(refusal::look(subject)),
            Kind::Length(rule) => Ok(rule.look(subject)),
            Kind::Latency(most) => limit::latency(*most, subject),
            Kind::Cost(most) => limit::cost(*most, subject),
            Kind::Judge(_) | Kind::Similarity(_) | Kind::Exec(_) => {
                Err("this scorer needs an effect".to_owned())
            }
        }
    }

    fn settle(&self, verdict: Result<Verdict, String>) -> Verdict {
        match verdict {
            Ok(verdict) if self.negate => Verdict {
                passed: !verdict.passed,
                reason: format!("must not hold: {}", verdict.reason),
                ..verdict
            },
            Ok(verdict) => verdict,
            Err(reason) => Verdict::unable(reason),
        }
    }

    /// Whether a row has what the scorer needs; the error says what is missing.
    pub(crate) fn fits(&self, row: &RowFacts<'_>) -> Result<(), String> {
        let wanted = match &self.kind {
            Kind::Text(rule) => rule.fits(row.expected),
            Kind::Json(rule) => rule.fits(row.has_schema),
            Kind::Fields(rule) => rule.fits(row.expected),
            Kind::Numeric(rule) => rule.fits(row.expected),
            Kind::Choice(rule) => rule.fits(row.expected),
            Kind::Closeness(rule) => rule.fits(row.expected),
            Kind::ToolCall(rule) => rule.fits(row.expected),
            Kind::Judge(rule) => rule.fits(row.expected),
            Kind::Similarity(rule) => rule.fits(row.expected),
            Kind::Regex(_)
            | Kind::Refusal
            | Kind::Length(_)
            | Kind::Latency(_)
            | Kind::Cost(_)
            | Kind::Exec(_) => Ok(()),
        };
        wanted.map_err(|problem| format!("scorer `{}` {problem}", self.name))
    }
}

/// What [`Scorer::fits`] and [`Scorer::suggested`] need to know of a row.
#[derive(Clone, Copy)]
pub(crate) struct RowFacts<'a> {
    pub(crate) expected: Option<&'a serde_json::Value>,
    pub(crate) has_schema: bool,
    pub(crate) has_tools: bool,
}

#[cfg(test)]
mod tests;
