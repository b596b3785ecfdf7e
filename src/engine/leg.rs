//! One way a request can go: a target with everything needed to call it.

use std::sync::Arc;

use http::HeaderMap;

use super::gate::Gate;
use crate::base::money::Money;
use crate::dialect::{Dialect, Quirks};
use crate::model::outcome::{Cost, Target};
use crate::model::{Action, FailureClass, TokenUsage};
use crate::policy::{Limits, Retry};
use crate::wire::Transport;

/// What calls to a target cost.
pub trait Tariff: Send + Sync {
    /// The most a call of this size can cost; absent when no price or no bound on the output is known.
    fn worst_case(&self, target: &Target, input_tokens: u64, output_tokens: Option<u64>) -> Option<Money>;

    /// What a finished call cost, and the price snapshot it was computed under. Priced by the model that
    /// answered; a cost the provider stated wins.
    fn price(&self, target: &Target, answered: &Answered<'_>) -> (Cost, Option<String>);
}

/// What is known of a finished call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answered<'a> {
    /// The model that answered, when the provider said.
    pub model: Option<&'a str>,
    /// Its tokens, when reported.
    pub usage: Option<&'a TokenUsage>,
    /// What the provider says it cost.
    pub stated_cost: Option<Money>,
}

/// A target with everything needed to call it.
pub struct Leg {
    /// Where it goes.
    pub target: Target,
    /// The provider's language.
    pub dialect: &'static dyn Dialect,
    /// Its peculiarities.
    pub quirks: Quirks,
    /// The provider's base address, without a trailing slash.
    pub base_url: String,
    /// Static headers from the configuration.
    pub headers: HeaderMap,
    /// Whether to ask for a stream.
    pub is_streaming: bool,
    /// What carries the bytes.
    pub transport: Arc<dyn Transport>,
    /// The provider's gate, shared by all its targets.
    pub gate: Arc<Gate>,
    /// How long an attempt may take.
    pub limits: Limits,
    /// The bounds of a request's attempts.
    pub retry: Retry,
    /// What follows a failure; a class that is not named follows its default.
    pub actions: Vec<(FailureClass, Vec<Action>)>,
    /// The most tokens the model writes, when the request sets no limit.
    pub max_output: Option<u64>,
}

impl Leg {
    /// What follows a failure of this class.
    pub fn actions(&self, class: FailureClass) -> &[Action] {
        let own = self.actions.iter().find(|(of, _)| *of == class);
        own.map_or(class.actions(), |(_, actions)| actions)
    }
}

impl std::fmt::Debug for Leg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Leg").field("target", &self.target).finish_non_exhaustive()
    }
}
