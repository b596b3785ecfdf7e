//! One way a request can go: a target with everything needed to call it.

use std::sync::Arc;

use http::HeaderMap;

use super::gate::Gate;
use crate::dialect::{Dialect, Quirks};
use crate::model::outcome::Target;
use crate::model::{Action, FailureClass};
use crate::policy::{Limits, Retry};
use crate::wire::Transport;

/// A target with everything needed to call it.
pub struct Leg {
    /// Where it goes.
    pub target: Target,
    /// The target as the catalogue lists it: by the provider's preset, whatever the user calls it.
    pub listed: Target,
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
    /// Whether its cost counts against a cap: real money always, simulated money only where all money of a run is
    /// simulated, so that a cap can be rehearsed; a recording's never.
    pub counts: bool,
    /// Whether calls cost money. Recorded and simulated answers do not, whatever their price table says.
    pub spends: bool,
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
