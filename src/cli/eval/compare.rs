//! Two recorded runs against each other, on the prompts they share.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use anyhow::anyhow;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::args::CompareArgs;
use super::{Surroundings, manage, plan};
use crate::base::number::{count, counted};
use crate::base::untrusted::{self, Untrusted};
use crate::cli::exit::{Exit, Failed};
use crate::cli::output;
use crate::eval::candidate::Source;
use crate::eval::manifest::Manifest;
use crate::eval::summary::{Comparison, Verdict};
use crate::eval::tally::Tally;
use crate::eval::verdict;
use crate::ledger::row::{RunRow, SampleFacts, SampleKey};
use crate::ledger::{LedgerError, Reader, SampleFilter};

/// One side of a comparison: a run and one of its candidates.
struct Side {
    run: RunRow,
    manifest: Manifest,
    candidate: u32,
}

/// What was asked. Rows without an id of their own are known by their place in a file, which another version of
/// the file may have given to another prompt, so those go by their prompt alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Asked {
    id: Option<String>,
    prompt: [u8; 32],
    /// Which of the rows that ask just the same, in their order.
    turn: u32,
    repeat: u32,
}

struct Answer {
    row: String,
    scorers: String,
    facts: SampleFacts,
}

type Answers = BTreeMap<Asked, Answer>;

impl Side {
    fn find(reader: &Reader, written: &str) -> Result<Self, Failed> {
        let (name, model) =
            written.split_once(':').map_or((written, None), |(run, model)| (run, Some(model)));
        let run = manage::find(reader, name)?;
        let manifest = manage::manifest(&run)?;
        let labels: Vec<_> = manifest.candidates.iter().map(|one| one.label.as_str()).collect();
        let at = match model {
            Some(model) => labels.iter().position(|label| *label == model),
            None if labels.len() == 1 => Some(0),
            None => None,
        };
        let Some(at) = at else {
            let labels = labels.join(", ");
            return Err(Failed::input(anyhow!(
                "say which candidate of run {}: {name}:MODEL, of {labels}",
                run.id
            )));
        };
        let candidate = u32::try_from(at).unwrap_or(u32::MAX);
        Ok(Self { run, manifest, candidate })
    }

    fn label(&self) -> String {
        let entrant = &self.manifest.candidates[self.candidate as usize];
        format!("{}:{}", self.run.id, Source::of(&entrant.target).beside(&entrant.label))
    }

    fn answers(&self, reader: &Reader) -> Result<Answers, LedgerError> {
        let mut out = Answers::new();
        let mut turns: BTreeMap<(Option<String>, [u8; 32]), (u64, u32)> = BTreeMap::new();
        let filter = SampleFilter { candidate: Some(self.candidate), ..SampleFilter::default() };
        reader.samples(&self.run.id, &filter, |row| {
            let is_own_id = row.is_own_id.unwrap_or_else(|| !self.is_place(&row.id));
            let id = is_own_id.then(|| row.id.clone());
            let prompt: [u8; 32] = Sha256::digest(row.prompt.as_bytes()).into();
            let SampleKey { item, repeat, .. } = row.facts.key;
            let turn = turns.entry((id.clone(), prompt)).or_insert((item, 0));
            if turn.0 != item {
                *turn = (item, turn.1 + 1);
            }
            let names: Vec<_> = row.scores.iter().map(|score| score.scorer.as_str()).collect();
            let answer = Answer { row: row.id, scorers: names.join(", "), facts: row.facts };
            out.insert(Asked { id, prompt, turn: turn.1, repeat }, answer);
            ControlFlow::Continue(())
        })?;
        Ok(out)
    }

    /// Whether an id only says where its row is, the file and the line, by the look of it: the samples of earlier
    /// versions do not say.
    fn is_place(&self, id: &str) -> bool {
        let is_file = |file: &str| {
            file == "stdin" || self.manifest.datasets.iter().any(|dataset| dataset.path.ends_with(file))
        };
        id.rsplit_once(':')
            .is_some_and(|(file, line)| line.bytes().all(|byte| byte.is_ascii_digit()) && is_file(file))
    }
}

/// Two sides paired.
struct Paired {
    tally: Tally,
    /// Answers of each side without a counterpart, and all of its answers.
    unmatched: [(usize, usize); 2],
    /// Rows that both have under one id, and that ask different things.
    renamed: usize,
    /// What judged the answers, where it was not the same.
    scorers: BTreeSet<(String, String)>,
}

fn pair(incumbent: Answers, mut candidate: Answers, repeats: u32) -> Option<Paired> {
    let (ours, theirs) = (incumbent.len(), candidate.len());
    let mut tally = Tally::new(2, Some(0), repeats);
    let mut scorers = BTreeSet::new();
    let (mut left, mut shared) = (BTreeSet::new(), 0);
    let (mut item, mut last) = (0, None);
    for (asked, old) in incumbent {
        let Some(new) = candidate.remove(&asked) else {
            left.insert(old.row);
            continue;
        };
        shared += 1;
        if old.scorers != new.scorers {
            scorers.insert((old.scorers, new.scorers));
        }
        // All repeats of a prompt are one item: they are right or wrong together.
        let prompt = (asked.id, asked.prompt, asked.turn);
        item += u64::from(last.as_ref().is_some_and(|last| *last != prompt));
        last = Some(prompt);
        for (place, facts) in (0..).zip([old.facts, new.facts]) {
            tally.add(SampleFacts {
                key: SampleKey { item, candidate: place, repeat: asked.repeat },
                ..facts
            });
        }
    }
    let renamed = candidate.values().map(|new| &new.row).collect::<BTreeSet<_>>();
    let renamed = renamed.into_iter().filter(|row| left.contains(*row)).count();
    let unmatched = [(ours - shared, ours), (theirs - shared, theirs)];
    (shared > 0).then_some(Paired { tally, unmatched, renamed, scorers })
}

/// What a reader must know of how far the two are comparable.
fn notes(sides: &[Side; 2], paired: &Paired) -> Vec<String> {
    let mut notes = Vec::new();
    let [old, new] = sides;
    if old.run.dataset_sha256 != new.run.dataset_sha256 {
        notes.push("the datasets differ: only prompts that are the same in both are compared".to_owned());
    }
    for ((missing, all), side) in paired.unmatched.into_iter().zip(sides) {
        if missing > 0 {
            let [missing, all] = [missing, all].map(|n| count(n as u64));
            notes.push(format!(
                "{}: {missing} of {all} answers have no counterpart and are left out",
                side.label()
            ));
        }
    }
    if paired.renamed > 0 {
        let rows = counted(paired.renamed as u64, "row");
        let (have, ask, are) =
            if paired.renamed == 1 { ("has", "asks", "it is") } else { ("have", "ask", "they are") };
        notes.push(format!("{rows} {have} the same id in both and {ask} something else: {are} not compared"));
    }
    let named = |names: &str| if names.is_empty() { "none".to_owned() } else { names.to_owned() };
    if let Some((old, new)) = paired.scorers.first() {
        let (old, new) = (named(old), named(new));
        notes.push(format!(
            "the answers were not judged by the same scorers ({old}; {new}), so a difference may be theirs"
        ));
    } else if old.manifest.scorers != new.manifest.scorers {
        notes.push(
            "the runs' default scorers are written differently, so a difference may be the scorers'"
                .to_owned(),
        );
    }
    notes
}

pub(super) fn compare(args: &CompareArgs, surroundings: &Surroundings<'_>) -> Result<Exit, Failed> {
    let margin = plan::share(&args.margin).map_err(|error| Failed::input(anyhow!("--margin: {error}")))?;
    let (_, _, reader) = manage::open(surroundings)?;
    let sides = [Side::find(&reader, &args.incumbent)?, Side::find(&reader, &args.candidate)?];
    let [old, new] = &sides;
    if (&old.run.id, old.candidate) == (&new.run.id, new.candidate) {
        return Err(Failed::input(anyhow!(
            "both sides are {}: there is nothing to compare it with but itself; name another run, or another \
             candidate of it as RUN:MODEL",
            old.label()
        )));
    }
    let repeats = old.manifest.repeat.min(new.manifest.repeat);
    let Some(paired) = pair(old.answers(&reader)?, new.answers(&reader)?, repeats) else {
        return Err(Failed::input(anyhow!(
            "the two runs share no prompts (rows are matched by what they ask, and by their ids where they have \
             ids)"
        )));
    };
    let notes = notes(&sides, &paired);
    let unmatched = paired.unmatched.map(|(missing, _)| missing);
    let mut counted = paired.tally.finish();
    for (model, side) in counted.models.iter_mut().zip(&sides) {
        model.model = side.label();
    }
    counted.models[0].is_incumbent = true;
    let compared = verdict::compare(&counted.models, 0, &counted.versus, counted.has_clusters, margin);
    let question = verdict::Question { margin, gates: Vec::new() };
    let verdicts = verdict::verdicts(&question, &counted.models, &compared, &[], &verdict::Pace::default());
    for both in compared.iter().zip(&verdicts) {
        say(both, unmatched, &notes, args.json)?;
    }
    Ok(Exit::Done)
}

fn say(
    (comparison, verdict): (&Comparison, &Verdict),
    unmatched: [usize; 2],
    notes: &[String],
    is_json: bool,
) -> Result<(), Failed> {
    output::stdout(|out| {
        if is_json {
            let object = json!({
                "version": 1, "incumbent": comparison.incumbent, "candidate": comparison.candidate,
                "prompts": comparison.prompts, "pairs": comparison.pairs,
                "unmatched": { "incumbent": unmatched[0], "candidate": unmatched[1] },
                "better": comparison.better, "worse": comparison.worse,
                "delta_accepted": comparison.delta_accepted, "ci95": comparison.ci95,
                "unanswered": comparison.unanswered, "p_value": comparison.p_value,
                "samples_needed": comparison.samples_needed,
                "verdict": { "decision": verdict.decision.name(), "sentence": verdict.sentence },
                "notes": notes,
            });
            return writeln!(out, "{}", untrusted::json(&object.to_string()));
        }
        let counts = format!("{} better, {} worse", count(comparison.better), count(comparison.worse));
        let prompts = counted(comparison.prompts, "shared prompt");
        let shared = match comparison.pairs == comparison.prompts {
            true => prompts,
            false => format!("{} on {prompts}", counted(comparison.pairs, "pair")),
        };
        writeln!(out, "{}", Untrusted::line(&verdict.sentence))?;
        writeln!(out, "{counts} of {shared}, p {:.3}", comparison.p_value)?;
        for note in notes {
            writeln!(out, "note: {}", Untrusted::line(note))?;
        }
        Ok(())
    })?;
    Ok(())
}
