//! Making a run: plan or resume, call, record, summarise, decide the exit code.

use std::path::Path;

use anyhow::anyhow;
use jiff::Timestamp;

use super::args::RunArgs;
use super::prepare::{self, Prepared};
use super::session::{self, Made};
use super::{Surroundings, access, data, manage, meaning, plan, reports};
use crate::base::clock::Clock;
use crate::base::id::{Ids, entropy};
use crate::cli::exit::{Exit, Failed};
use crate::cli::output;
use crate::cli::settings::{self, Config};
use crate::engine::UNBOUNDED;
use crate::engine::leg::Leg;
use crate::eval::manifest::Manifest;
use crate::eval::run::Ended;
use crate::eval::summarize::summarize;
use crate::eval::summary::{Decision, Summary};
use crate::eval::tape;
use crate::ledger::Reader;
use crate::ledger::row::{RunRow, RunStatus};
use crate::model::outcome::Target;
use crate::policy::catalogue::Catalogue;

/// `orch eval DATASET…` and `orch eval --resume RUN`.
pub(super) fn run(args: &RunArgs, surroundings: &Surroundings<'_>) -> Result<Exit, Failed> {
    for path in &args.output.out {
        reports::check(path)?;
    }
    if let Some(path) = args.record.as_deref().filter(|_| args.resume.is_none()) {
        tape::check(path).map_err(Failed::input)?;
    }
    let (global, environment) = (surroundings.global, surroundings.environment);
    let config = settings::config(global, environment, surroundings.terminal.color_stderr)?;
    let ledger = settings::ledger(global, &config, environment)?;
    // The parser does not insist on --resume beside a dataset, which conflicts with it.
    if args.retry_errors && args.resume.is_none() {
        return Err(Failed::input(anyhow!("--retry-errors asks again within a recorded run: --resume RUN")));
    }
    let resumed = match &args.resume {
        Some(name) => Some(manage::find(&Reader::open(&ledger)?, name)?),
        None => None,
    };
    let mut manifest = match &resumed {
        Some(row) => continued(row, args, &config)?,
        None => plan::plan(args, &config)?,
    };
    let datasets = data::open(&mut manifest, resumed.is_some(), surroundings);
    let asked = data::asked(&datasets, &manifest);
    // A run that goes on was allowed to ask its models when it began.
    let allows_unknown = args.allow_unknown_model || args.resume.is_some();
    let datasets = access::check(datasets, &manifest, &asked, &config, (surroundings, allows_unknown))?;
    data::check_gates(&manifest, &datasets)?;
    let catalogue = settings::catalogue(&config);
    let prepared = prepare::prepare(&manifest, &asked, &config, surroundings)?;
    check_prices(&manifest, &prepared, &catalogue)?;
    manifest.cap_is_simulated = manifest.max_cost.is_some() && prepared.is_rehearsal();
    let is_resumed = resumed.is_some();
    let row =
        resumed.map_or_else(|| new_row(&manifest), |row| RunRow { manifest: manifest.to_json(), ..row });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let plan = session::Session {
        manifest: &manifest,
        datasets: &datasets,
        row: &row,
        is_resumed,
        retries_errors: args.retry_errors,
        ledger: &ledger,
        record: args.record.as_deref(),
        surroundings,
    };
    let made = runtime.block_on(plan.make(prepared, catalogue))?;
    // What is still under way after a second interrupt is abandoned, not waited for.
    runtime.shutdown_background();
    finish(args, surroundings, &ledger, &manifest, &made)
}

/// The manifest of a run that is continued; what it was run with may be widened, not changed.
fn continued(row: &RunRow, args: &RunArgs, config: &Config) -> Result<Manifest, Failed> {
    let mut manifest = manage::manifest(row)?;
    let changes: Vec<_> =
        manifest.candidates.iter().flat_map(|entrant| meaning::changes(entrant, config)).collect();
    if !changes.is_empty() {
        return Err(Failed::input(anyhow!(
            "run {} cannot go on, because the configuration has changed: {}; put it back or begin a new run (limits, \
             retries and keys may change)",
            row.id,
            changes.join("; ")
        )));
    }
    if args.concurrency == Some(0) {
        return Err(Failed::input(anyhow!("--concurrency must be at least 1")));
    }
    manifest.concurrency = args.concurrency.unwrap_or(manifest.concurrency);
    manifest.allow_exec |= args.allow_exec;
    if let Some(typed) = &args.max_cost {
        manifest.max_cost = plan::cap(typed)?;
    }
    Ok(manifest)
}

fn new_row(manifest: &Manifest) -> RunRow {
    let now: Timestamp = Clock::System.now();
    RunRow {
        id: Ids::new(entropy()).run(now),
        started: now,
        ended: None,
        status: RunStatus::Running,
        dataset_sha256: manifest.dataset_sha256(),
        seed: manifest.seed,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        manifest: manifest.to_json(),
    }
}

/// A cap cannot hold over a price nobody knows: say so before the first call.
fn check_prices(manifest: &Manifest, prepared: &Prepared, catalogue: &Catalogue) -> Result<(), Failed> {
    if manifest.max_cost.is_none() {
        return Ok(());
    }
    for candidate in &prepared.candidates {
        check_price(&candidate.leg, candidate.params.max_tokens, catalogue)?;
    }
    // Judges are asked for short answers, and embedders for none.
    for leg in prepared.effects.judges.values().chain(prepared.effects.embedders.values()) {
        check_price(leg, Some(0), catalogue)?;
    }
    Ok(())
}

/// A bound needs a price and a most that may be answered.
fn check_price(leg: &Leg, max_tokens: Option<u64>, catalogue: &Catalogue) -> Result<(), Failed> {
    let (target, listed) = (&leg.target, &leg.listed);
    if !leg.counts {
        return Ok(());
    }
    let known = catalogue.find(&listed.provider, &listed.model);
    let Some(model) = known.filter(|model| model.prices.is_some()) else {
        let meant = meant_by(listed).map_or_else(String::new, |id| format!("; did you mean `{id}`?"));
        return Err(Failed::input(anyhow!(
            "the price of {target} is unknown, so --max-cost cannot hold{meant}; give it a price in orch.toml: \
             [models.NAME] id = \"{target}\", price = {{ input = …, output = … }}"
        )));
    };
    if max_tokens.or(model.max_output).or(model.context).is_none() {
        return Err(Failed::input(anyhow!(
            "how much {target} may answer is unknown, so --max-cost cannot hold; set max_output in orch.toml \
             under [models.NAME] id = \"{target}\", or ask for {target}?max_tokens=N"
        )));
    }
    Ok(())
}

/// What a model without a price was probably meant to be: another one of its provider's.
fn meant_by(listed: &Target) -> Option<String> {
    let catalogue = Catalogue::embedded();
    let written = listed.to_string();
    catalogue.nearest(&written).filter(|id| catalogue.knows(&listed.provider) && *id != written)
}

fn finish(
    args: &RunArgs,
    surroundings: &Surroundings<'_>,
    ledger: &Path,
    manifest: &Manifest,
    made: &Made,
) -> Result<Exit, Failed> {
    if let Ended::Ledger(error) = &made.went.ended {
        return Err(Failed::surroundings(anyhow!("the ledger failed, so the run stopped: {error}")));
    }
    let reader = Reader::open(ledger)?;
    let row = manage::find(&reader, &made.run)?;
    let summary = summarize(&reader, &row, manifest, Some(&made.went))?;
    reports::show(&summary, &reader, &args.output, (surroundings, reports::Hint::Said))?;
    let resume = surroundings.command(&format!("--resume {}", made.run));
    let say = |text: &str| output::stderr(text);
    match &made.went.ended {
        Ended::Budget(failure) => {
            let is_any_cap = failure.code.as_deref() == Some(UNBOUNDED);
            let with = if is_any_cap { "none" } else { "DOLLARS" };
            say(&format!(
                "stopped by the cap: {}; continue with another:\n  {resume} --max-cost {with}",
                failure.message
            ));
            return Ok(Exit::Stopped);
        }
        Ended::Interrupted => {
            say(&format!("interrupted; what is finished is kept\ncontinue with:\n  {resume}"));
            return Ok(Exit::Interrupted);
        }
        Ended::Dataset(error) => return Err(Failed::input(anyhow!("{error}; continue with:\n  {resume}"))),
        Ended::Tape(error) => {
            let again = format!("continue with:\n  {resume} --record FILE");
            return Err(Failed::surroundings(anyhow!("answers cannot be recorded: {error}; {again}")));
        }
        Ended::Decided if !surroundings.global.quiet => say(decided(manifest)),
        Ended::Done | Ended::Decided | Ended::Ledger(_) => {}
    }
    if summary.finished > 0 && summary.models.iter().all(|model| errors(model) == model.samples) {
        for (at, model) in summary.models.iter().enumerate() {
            let given_up = made.went.given_up.iter().find(|(place, _)| *place == at);
            let classes = || model.errors.iter().map(|(class, n)| format!("{class} {n}")).collect::<Vec<_>>();
            let why = given_up.map_or_else(|| classes().join(", "), |(_, failure)| failure.to_string());
            say(&format!("{}: every call failed: {why}", manifest.candidates[at].label));
        }
        return Ok(Exit::Surroundings);
    }
    Ok(verdict(&summary, args.require_decision))
}

/// Why an early stop was right.
fn decided(manifest: &Manifest) -> &'static str {
    match manifest.gates.is_empty() {
        true => "stopped early: every comparison is decided",
        false => {
            "stopped early: every candidate is shown to be worse by more than the margin, whatever its gates"
        }
    }
}

fn errors(model: &crate::eval::summary::ModelSummary) -> u64 {
    model.errors.values().sum()
}

/// No when a gate failed on a candidate or no candidate is left to adopt; inconclusive only where a decision is required.
fn verdict(summary: &Summary, require_decision: bool) -> Exit {
    let decisions = || summary.verdicts.iter().map(|verdict| verdict.decision);
    let is_refused = decisions().next().is_some() && decisions().all(|one| one == Decision::Reject);
    if summary.gates.iter().any(|gate| !gate.pass && summary.decides(gate)) || is_refused {
        Exit::No
    } else if require_decision && decisions().any(|decision| decision == Decision::Inconclusive) {
        Exit::Inconclusive
    } else {
        Exit::Done
    }
}
