//! Failures by kind, with one example each.

use std::collections::BTreeMap;
use std::io;

use super::{Filter, Samples, bounded};
use crate::ledger::row::{SampleKey, SampleRow, SampleStatus};

/// Kinds told apart; more than any sensible run has. The rest is counted together.
const MOST_KINDS: usize = 256;
/// Characters of each text of an example.
const MOST_CHARACTERS: usize = 2_000;

/// The failures of one kind.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// What they have in common.
    pub(super) kind: String,
    /// How many there are.
    pub(super) count: u64,
    /// How many each candidate has.
    pub(super) by_candidate: BTreeMap<u32, u64>,
    /// The first of them in the order of the dataset.
    pub(super) example: Example,
}

/// One failure in words.
#[derive(Clone, Debug)]
pub(super) struct Example {
    /// Which sample.
    pub(super) key: SampleKey,
    /// The dataset row's identifier.
    pub(super) id: String,
    /// The prompt.
    pub(super) prompt: String,
    /// What was expected.
    pub(super) expected: String,
    /// The answer, its tool calls included.
    pub(super) answer: String,
    /// Why it was not accepted.
    pub(super) why: String,
}

impl Example {
    pub(super) fn new(row: &SampleRow, most: usize) -> Self {
        Self {
            key: row.facts.key,
            id: bounded(&row.id, 200),
            prompt: bounded(&row.prompt, most),
            expected: bounded(&expected(row), most),
            answer: bounded(&answer(row), most),
            why: bounded(&why(row), most),
        }
    }
}

/// The kinds of failure, the most frequent first.
pub(super) fn collect(samples: &dyn Samples) -> io::Result<Vec<Group>> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    samples.each(Filter::failures(), &mut |row| {
        add(&mut groups, row);
        Ok(())
    })?;
    Ok(sorted(groups))
}

/// Counts one failure.
pub(super) fn add(groups: &mut BTreeMap<String, Group>, row: &SampleRow) {
    let Some(mut kind) = kind(row) else { return };
    if !groups.contains_key(&kind) && groups.len() >= MOST_KINDS {
        "other".clone_into(&mut kind);
    }
    let group = groups.entry(kind).or_insert_with_key(|kind| Group {
        kind: kind.clone(),
        count: 0,
        by_candidate: BTreeMap::new(),
        example: Example::new(row, MOST_CHARACTERS),
    });
    group.count += 1;
    *group.by_candidate.entry(row.facts.key.candidate).or_default() += 1;
    if row.facts.key < group.example.key {
        group.example = Example::new(row, MOST_CHARACTERS);
    }
}

/// The most frequent kind first.
pub(super) fn sorted(groups: BTreeMap<String, Group>) -> Vec<Group> {
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    groups
}

/// What kind of failure a sample is; absent when it was accepted.
pub(super) fn kind(row: &SampleRow) -> Option<String> {
    Some(match row.facts.status {
        SampleStatus::Accepted => return None,
        SampleStatus::Refused => "refused".to_owned(),
        SampleStatus::Error => match &row.facts.failure_class {
            Some(class) => format!("error: {class}"),
            None => "error".to_owned(),
        },
        SampleStatus::Rejected if !row.facts.valid => "invalid answer".to_owned(),
        SampleStatus::Rejected => match row.scores.iter().find(|score| !score.passed) {
            Some(score) => format!("rejected by {}", bounded(&score.scorer, 100)),
            None => "rejected".to_owned(),
        },
    })
}

/// Why a sample was not accepted, as recorded; empty when it was, or when nothing was recorded.
pub(super) fn why(row: &SampleRow) -> String {
    let failed = row.scores.iter().filter(|score| !score.passed && !score.reason.is_empty());
    // Where a scorer could not judge, its reason is the sample's failure already.
    let said = |why: &String| row.failure.as_ref() == Some(why);
    let scores = failed.map(|score| format!("{}: {}", score.scorer, score.reason)).filter(|why| !said(why));
    let own = row.failure.iter().chain(&row.invalid).cloned();
    let finish = row.finish.iter().map(|finish| format!("ended with {finish}"));
    let reasons: Vec<_> = match row.facts.status {
        SampleStatus::Accepted => Vec::new(),
        SampleStatus::Refused => own.chain(finish).collect(),
        SampleStatus::Rejected | SampleStatus::Error => own.chain(scores).collect(),
    };
    reasons.join("; ")
}

/// What was expected: a JSON string without its quotes, other JSON as it is.
pub(super) fn expected(row: &SampleRow) -> String {
    let Some(text) = &row.expected else { return String::new() };
    serde_json::from_str::<String>(text).unwrap_or_else(|_| text.clone())
}

/// The answer's text and, below it, its tool calls.
pub(super) fn answer(row: &SampleRow) -> String {
    match &row.tool_calls {
        Some(calls) if row.answer.is_empty() => calls.clone(),
        Some(calls) => format!("{}\n{calls}", row.answer),
        None => row.answer.clone(),
    }
}
