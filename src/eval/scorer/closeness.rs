//! How close an answer's text is to a reference: edit distance and longest common subsequence.

use serde_json::Value;

use super::options::{Options, texts};
use super::{Subject, Verdict};

/// The similarity to the closest reference reaches `threshold`.
#[derive(Clone, Debug)]
pub(super) struct ClosenessRule {
    measure: Measure,
    wanted: Option<Vec<String>>,
    threshold: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Measure {
    Levenshtein,
    RougeL,
}

/// How many characters (Levenshtein) of a text are compared: the time is the product of both lengths.
const MOST_CHARS: usize = 8_000;
/// How many words (ROUGE-L) of a text are compared.
const MOST_WORDS: usize = 8_000;

impl ClosenessRule {
    pub(super) fn parse(kind: &str, options: &mut Options<'_>) -> Result<Self, String> {
        let (measure, threshold) =
            if kind == "rouge_l" { (Measure::RougeL, 0.5) } else { (Measure::Levenshtein, 0.8) };
        Ok(Self {
            measure,
            wanted: options.texts("value")?,
            threshold: options.share("threshold")?.unwrap_or(threshold),
        })
    }

    pub(super) fn fits(&self, expected: Option<&Value>) -> Result<(), String> {
        if self.wanted.is_some() || expected.and_then(texts).is_some() {
            return Ok(());
        }
        Err("needs text in the row's `expected`, or its own `value`".to_owned())
    }

    pub(super) fn look(&self, subject: &Subject<'_>) -> Result<Verdict, String> {
        let expected = || subject.case.expected.as_ref().and_then(texts);
        let wanted = self.wanted.clone().or_else(expected).ok_or("the row has no text in `expected`")?;
        let answer = subject.response.text().trim();
        let similarity = |reference: &String| match self.measure {
            Measure::Levenshtein => levenshtein(answer, reference.trim()),
            Measure::RougeL => rouge_l(answer, reference),
        };
        let best = wanted.iter().map(similarity).fold(0.0, f64::max);
        let passed = best >= self.threshold;
        let holds = if passed { "reaches" } else { "is below" };
        Ok(Verdict::new(passed, best, format!("similarity {best:.3} {holds} {}", self.threshold)))
    }
}

/// One less the edit distance over the longer length, in characters (Levenshtein 1966).
fn levenshtein(answer: &str, reference: &str) -> f64 {
    let head = |text: &str| text.chars().take(MOST_CHARS).collect::<String>();
    strsim::normalized_levenshtein(&head(answer), &head(reference))
}

/// The F-measure of the longest common subsequence of words, lower case, punctuation aside (Lin 2004).
#[expect(clippy::cast_precision_loss, reason = "word counts are small")]
fn rouge_l(answer: &str, reference: &str) -> f64 {
    let words = |text: &str| -> Vec<String> {
        let lower = text.to_lowercase();
        let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.take(MOST_WORDS).map(str::to_owned).collect()
    };
    let (answer, reference) = (words(answer), words(reference));
    if answer.is_empty() || reference.is_empty() {
        return if answer.len() == reference.len() { 1.0 } else { 0.0 };
    }
    let common = longest_common(&answer, &reference) as f64;
    2.0 * common / (answer.len() + reference.len()) as f64
}

/// The length of the longest common subsequence, in memory of one row.
fn longest_common(a: &[String], b: &[String]) -> usize {
    let mut row = vec![0; b.len() + 1];
    for x in a {
        let mut diagonal = 0;
        for (at, y) in b.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if x == y { diagonal + 1 } else { above.max(row[at]) };
            diagonal = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rouge_l_is_the_f_measure_of_the_common_subsequence() {
        // Lin 2004, section 3.1: "police killed the gunman" against its variants.
        let reference = "police killed the gunman";
        assert!((rouge_l("police kill the gunman", reference) - 0.75).abs() < 1e-12);
        assert!((rouge_l("the gunman kill police", reference) - 0.5).abs() < 1e-12);
        assert!((rouge_l("", reference)).abs() < 1e-12);
    }

    #[test]
    fn levenshtein_counts_characters_not_bytes() {
        assert!((levenshtein("naïve", "naive") - 0.8).abs() < 1e-12);
        assert!((levenshtein("", "") - 1.0).abs() < 1e-12);
    }
}
