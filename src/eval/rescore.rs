//! Scoring recorded answers again: no calls are made.

use std::ops::ControlFlow;
use std::time::Duration;

use super::dataset::{Case, Dataset};
use super::effect::{Scored, why_unable};
use super::manifest::Manifest;
use super::sample::{UNSCORED, grade, prompt};
use super::scorer::{Scorer, Step, Subject};
use crate::ledger::row::{Entry, RunRow, SampleRow, ScoreRow};
use crate::ledger::{LedgerError, Reader, Recorder, SampleFilter};
use crate::model::request::ToolCall;
use crate::model::response::Choice;
use crate::model::{FinishReason, Response};

/// What rescoring did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rescored {
    /// Samples that had an answer.
    pub samples: u64,
    /// Samples whose outcome changed.
    pub changed: u64,
    /// Samples that keep what a judge, embedder or program said of them.
    pub kept: u64,
    /// Samples whose row is no longer in the dataset, or asks something else now.
    pub missing: u64,
}

/// Scores every recorded answer of a run again with the dataset's and the manifest's scorers as they are now.
/// What needs a call keeps its recorded score. The run itself is recorded first, with whatever scorers its caller
/// gave it: whoever continues it, even after a rescoring that was cut short, judges by those.
pub async fn rescore(
    reader: &Reader,
    recorder: &Recorder,
    run: &RunRow,
    manifest: &Manifest,
    datasets: &[Dataset],
) -> Result<Rescored, LedgerError> {
    recorder.record(Entry::Run(run.clone())).await?;
    let mut rescored = Rescored::default();
    let mut batch = Vec::new();
    let mut page = SampleFilter { limit: Some(BATCH), ..SampleFilter::default() };
    loop {
        // In batches, so that recording does not wait inside a read transaction.
        reader.samples(&run.id, &page, |row| {
            batch.push(row);
            ControlFlow::Continue(())
        })?;
        let Some(last) = batch.last() else { break };
        page.after = Some(last.facts.key);
        for row in batch.drain(..) {
            if let Some(row) = one(row, manifest, datasets, &mut rescored) {
                recorder.record(Entry::Rescore(Box::new(row))).await?;
            }
        }
    }
    recorder.commit().await?;
    Ok(rescored)
}

const BATCH: u64 = 10_000;

/// The first scorer that would need a call to judge a recorded answer, because it has not judged it yet. Where
/// there is one, rescoring would leave answers that nobody judged: refuse it before anything is written.
pub fn unscored(
    reader: &Reader,
    run: &RunRow,
    manifest: &Manifest,
    datasets: &[Dataset],
) -> Result<Option<String>, LedgerError> {
    let mut found = None;
    reader.samples(&run.id, &SampleFilter::default(), |row| {
        found = is_answered(&row).then(|| unjudged(&row, &case(&row, manifest, datasets)?)).flatten();
        if found.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(found)
}

fn unjudged(row: &SampleRow, case: &Case) -> Option<String> {
    let response = recorded(row);
    let subject = subject(row, case, &response);
    let is_known = |scorer: &Scorer| row.scores.iter().any(|score| score.scorer == scorer.name());
    let mut asking = case.scorers.iter().filter(|scorer| scorer.has_effect() && !is_known(scorer));
    let first = asking.find(|scorer| !matches!(scorer.begin(&subject), Step::Done(_)));
    first.map(|scorer| scorer.name().to_owned())
}

/// A call that failed, or that a filter declined, left nothing to judge; one whose judge failed did.
fn is_answered(row: &SampleRow) -> bool {
    row.facts.failure_class.as_deref().is_none_or(|class| class == UNSCORED)
}

/// The row that a sample was taken of, if the dataset still has it and it still asks the same.
fn case(row: &SampleRow, manifest: &Manifest, datasets: &[Dataset]) -> Option<Case> {
    let entrant = manifest.candidates.get(row.facts.key.candidate as usize)?;
    let dataset = datasets.get(entrant.prompt.unwrap_or(0))?;
    let case = dataset.case(row.facts.key.item).ok();
    case.filter(|case| case.id == row.id && prompt(&case.request.messages) == row.prompt)
}

fn subject<'a>(row: &SampleRow, case: &'a Case, response: &'a Response) -> Subject<'a> {
    Subject { case, response, latency: row.facts.latency, cost: row.facts.cost.amount() }
}

fn one(
    mut row: SampleRow,
    manifest: &Manifest,
    datasets: &[Dataset],
    count: &mut Rescored,
) -> Option<SampleRow> {
    if !is_answered(&row) {
        return None;
    }
    count.samples += 1;
    let Some(case) = case(&row, manifest, datasets) else {
        count.missing += 1;
        return None;
    };
    let before = row.facts.status;
    let response = recorded(&row);
    let subject = subject(&row, &case, &response);
    let (scored, is_kept) = scores(&case, &subject, &row);
    count.kept += u64::from(is_kept);
    row.expected = case.expected.as_ref().map(ToString::to_string);
    grade(&mut row, &subject, &scored);
    row.scores = scored.scores;
    count.changed += u64::from(row.facts.status != before);
    Some(row)
}

fn scores(case: &Case, subject: &Subject<'_>, row: &SampleRow) -> (Scored, bool) {
    let mut scored = Scored { waited: Duration::ZERO, ..Scored::default() };
    let mut is_kept = false;
    for scorer in case.scorers.iter() {
        if let Step::Done(verdict) = scorer.begin(subject) {
            scored.add(scorer, verdict);
        } else if let Some(score) = row.scores.iter().find(|score| score.scorer == scorer.name()) {
            is_kept = true;
            if could_not_tell(row, score) {
                scored.unable.get_or_insert_with(|| why_unable(&score.scorer, &score.reason));
            }
            scored.scores.push(score.clone());
        } else {
            let name = scorer.name();
            scored
                .unable
                .get_or_insert_with(|| format!("{name}: was not scored, and rescoring makes no calls"));
        }
    }
    (scored, is_kept)
}

/// Whether a recorded score is that of a judge or program that failed: the sample says so, not the score.
fn could_not_tell(row: &SampleRow, score: &ScoreRow) -> bool {
    row.facts.failure_class.as_deref() == Some(UNSCORED)
        && row.failure.as_deref() == Some(&*why_unable(&score.scorer, &score.reason))
}

/// The answer as it was recorded.
fn recorded(row: &SampleRow) -> Response {
    let finish = row.finish.as_deref();
    let reason = FinishReason::ALL.into_iter().find(|reason| Some(reason.name()) == finish);
    let choice = Choice {
        text: row.answer.clone(),
        tool_calls: tool_calls(row.tool_calls.as_deref()),
        finish: reason,
        finish_raw: finish.map(str::to_owned),
        ..Choice::default()
    };
    Response { choices: vec![choice], usage: row.facts.usage, ..Response::default() }
}

fn tool_calls(text: Option<&str>) -> Vec<ToolCall> {
    let calls: Option<Vec<serde_json::Value>> = text.and_then(|text| serde_json::from_str(text).ok());
    let read = |call: serde_json::Value| {
        let field =
            |name: &str| call.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
        ToolCall { id: field("id"), name: field("name"), arguments: field("arguments"), signature: None }
    };
    calls.unwrap_or_default().into_iter().map(read).collect()
}
