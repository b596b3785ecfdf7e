//! Similarity of meaning: the cosine of two embeddings.

use serde_json::Value;

use super::options::{Options, texts};
use super::{Step, Subject, Verdict};

/// The cosine between the answer's embedding and the closest reference's reaches `threshold`.
#[derive(Clone, Debug)]
pub(super) struct SimilarityRule {
    model: String,
    wanted: Option<Vec<String>>,
    threshold: f64,
}

impl SimilarityRule {
    pub(super) fn parse(options: &mut Options<'_>) -> Result<Self, String> {
        Ok(Self {
            model: options.required_text("model")?.to_owned(),
            wanted: options.texts("value")?,
            threshold: options.share("threshold")?.unwrap_or(0.8),
        })
    }

    pub(super) fn model(&self) -> &str {
        &self.model
    }

    pub(super) fn fits(&self, expected: Option<&Value>) -> Result<(), String> {
        if self.wanted.is_some() || expected.and_then(texts).is_some() {
            return Ok(());
        }
        Err("needs text in the row's `expected`, or its own `value`".to_owned())
    }

    pub(super) fn embed(&self, subject: &Subject<'_>) -> Result<Step, String> {
        let answer = subject.response.text().trim();
        if answer.is_empty() {
            return Ok(Step::Done(Verdict::is(false, "the answer has no text")));
        }
        let expected = || subject.case.expected.as_ref().and_then(texts);
        let wanted = self.wanted.clone().or_else(expected).ok_or("the row has no text in `expected`")?;
        let texts = std::iter::once(answer.to_owned()).chain(wanted).collect();
        Ok(Step::Embed { model: self.model.clone(), texts })
    }

    pub(super) fn conclude(&self, vectors: &[Vec<f32>]) -> Result<Verdict, String> {
        let (answer, references) = vectors.split_first().ok_or("the embedder returned nothing")?;
        let best = references.iter().filter_map(|reference| cosine(answer, reference)).reduce(f64::max);
        let best = best.ok_or("the embeddings cannot be compared: their lengths differ or they are zero")?;
        let passed = best >= self.threshold;
        let holds = if passed { "reaches" } else { "is below" };
        Ok(Verdict::new(passed, best, format!("cosine {best:.3} {holds} {}", self.threshold)))
    }
}

/// The cosine of the angle between two vectors of the same length, neither of them zero.
fn cosine(a: &[f32], b: &[f32]) -> Option<f64> {
    let dot =
        |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum() };
    let cosine = dot(a, b) / (dot(a, a).sqrt() * dot(b, b).sqrt());
    (a.len() == b.len() && cosine.is_finite()).then_some(cosine)
}
