//! Who answers: many providers repeat it with every chunk, callers hear it once.

use super::loose::Loose;
use crate::model::Delta;

/// What has been said of who answers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heading {
    has_id: bool,
    has_model: bool,
}

impl Heading {
    /// Appends what is new. Empty texts say nothing: Azure's first chunk has an empty model.
    pub(super) fn push(&mut self, id: Loose<'_>, model: Loose<'_>, out: &mut Vec<Delta>) {
        let id = (!self.has_id && !id.text().is_empty()).then(|| id.into_json_text());
        let model = (!self.has_model && !model.text().is_empty()).then(|| model.into_json_text());
        if id.is_some() || model.is_some() {
            self.has_id |= id.is_some();
            self.has_model |= model.is_some();
            out.push(Delta::Start { id, model });
        }
    }
}
