//! What scorers need of the world: judges, embedders, programs. Their requests take the engine's one path,
//! with its limits, retries, budget and record.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::sample::{self, Bench, Paid};
use super::scorer::{ExecResult, Scorer, Step, Subject, Verdict};
use crate::base::dice::Dice;
use crate::base::id::Ids;
use crate::engine::Ask;
use crate::engine::leg::Leg;
use crate::ledger::row::{SampleKey, ScoreRow};
use crate::model::outcome::{Context, Cost, Outcome};
use crate::model::request::Params;
use crate::model::{Failure, Message, Request, Response, Role};

/// The most a program's output may be.
const LARGEST_OUTPUT: u64 = 1 << 20;

/// The models that scorers ask, by the name written in the scorer, and a source of identifiers.
#[derive(Debug)]
pub struct Effects {
    /// Judges: chat legs.
    pub judges: BTreeMap<String, Leg>,
    /// Embedders: legs that speak an embeddings dialect.
    pub embedders: BTreeMap<String, Leg>,
    /// Identifiers for requests.
    pub ids: Ids,
    /// The environment of programs: what they need to run at all, and no key.
    pub environment: Vec<(String, String)>,
}

/// What the scorers of one sample said.
#[derive(Debug, Default)]
pub(super) struct Scored {
    pub(super) scores: Vec<ScoreRow>,
    pub(super) outcomes: Vec<Arc<Outcome>>,
    /// Time spent waiting for judges, embedders and programs.
    pub(super) waited: Duration,
    /// Why a scorer could not tell, when one could not.
    pub(super) unable: Option<String>,
}

impl Scored {
    pub(super) fn cost(&self) -> Cost {
        self.outcomes.iter().map(|outcome| outcome.cost()).sum()
    }

    pub(super) fn add(&mut self, scorer: &Scorer, verdict: Verdict) {
        if verdict.unable {
            self.unable.get_or_insert_with(|| why_unable(scorer.name(), &verdict.reason));
        }
        self.scores.push(ScoreRow {
            scorer: scorer.name().to_owned(),
            passed: verdict.passed,
            value: verdict.value,
            reason: verdict.reason,
        });
    }
}

impl Effects {
    pub(super) async fn score(&self, bench: &Bench<'_>, subject: &Subject<'_>, key: SampleKey) -> Scored {
        let mut asker =
            Asker { effects: self, bench, key, asked: 0, paid: Paid::new(bench.engine, Vec::new()) };
        let mut scored = Scored::default();
        for scorer in subject.case.scorers.iter() {
            let step = scorer.begin(subject);
            let began = Instant::now();
            let verdict = match step {
                Step::Done(verdict) => verdict,
                Step::Ask { model, requests } => {
                    scorer.conclude_ask(subject, &asker.judge(&model, &requests).await)
                }
                Step::Embed { model, texts } => match asker.embed(&model, &texts).await {
                    Ok(vectors) => scorer.conclude_embed(subject, &vectors),
                    Err(failure) => unable(format!("the embedder {model} failed: {failure}")),
                },
                Step::Exec { argv, stdin, timeout } => {
                    scorer.conclude_exec(subject, &execute(&argv, &self.environment, stdin, timeout).await)
                }
            };
            scored.waited += began.elapsed();
            scored.add(scorer, verdict);
        }
        scored.outcomes = asker.paid.end();
        scored
    }
}

/// How a sample says which of its scorers could not tell, and why.
pub(super) fn why_unable(scorer: &str, reason: &str) -> String {
    format!("{scorer}: {reason}")
}

fn unable(reason: String) -> Verdict {
    Verdict { passed: false, value: 0.0, reason, unable: true }
}

/// Makes the requests of one sample's scorers.
struct Asker<'a> {
    effects: &'a Effects,
    bench: &'a Bench<'a>,
    key: SampleKey,
    asked: u64,
    paid: Paid<'a>,
}

impl Asker<'_> {
    async fn judge(&mut self, model: &str, requests: &[Request]) -> Vec<Result<Response, Failure>> {
        let mut answers = Vec::new();
        for request in requests {
            answers.push(match self.effects.judges.get(model) {
                Some(leg) => self.request("judge", leg, request).await,
                None => Err(missing(model)),
            });
        }
        answers
    }

    async fn embed(&mut self, model: &str, texts: &[String]) -> Result<Vec<Vec<f32>>, Failure> {
        let leg = self.effects.embedders.get(model).ok_or_else(|| missing(model))?;
        let messages = texts.iter().map(|text| Message::text(Role::User, text)).collect();
        // Nothing is written, so that the bound on the cost needs no length of an answer.
        let params = Params { max_tokens: Some(0), ..Params::default() };
        let request = Request { messages, params, ..Request::default() };
        let response = self.request("embed", leg, &request).await?;
        Ok(crate::dialect::embed::vectors(&response))
    }

    async fn request(
        &mut self,
        origin: &'static str,
        leg: &Leg,
        request: &Request,
    ) -> Result<Response, Failure> {
        let subject = Dice::new(sample::subject(self.key)).bits(self.asked, 0, origin);
        self.asked += 1;
        let context = Context {
            id: self.effects.ids.uuid(self.bench.engine.clock.now(), subject, origin),
            origin,
            run: Some(self.bench.run.to_owned()),
            class: None,
            subject,
        };
        let headers = HeaderMap::new();
        let ask = Ask { context, request, headers: &headers, deadline: None };
        let outcome = self.bench.engine.run(ask, leg).await.outcome;
        let answer = outcome.answer.clone();
        self.paid.add(outcome);
        answer
    }
}

fn missing(model: &str) -> Failure {
    Failure::new(
        crate::model::FailureClass::ModelMissing,
        format!("no model `{model}` was prepared for scoring"),
    )
}

/// A program's process group: the program and what it starts. Dropped before the program has ended, all of them end.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)))
    }

    /// The program has ended, and its number may be another's from now on.
    fn end(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // One that has ended by itself needs no end.
            kill_process_group(group, Signal::KILL).ok();
        }
    }
}

/// Runs a program with its input; it and what it started end with the wait.
async fn execute(
    argv: &[String],
    environment: &[(String, String)],
    stdin: String,
    timeout: Duration,
) -> ExecResult {
    let Some((program, arguments)) = argv.split_first() else {
        return ExecResult::NotStarted("no program is named".to_owned());
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        // A program named by a dataset has no business with the keys in our environment.
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A terminal sends its interrupt to the whole group in front: in ours, a program would die while the run
        // still waits for what it says.
        .process_group(0)
        .kill_on_drop(true);
    let run = async {
        let mut child = command.spawn()?;
        // Dropped before the child, whose number is its own until it has been waited for.
        let mut group = Group::of(&child);
        let (mut input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let feed = async {
            if let Some(input) = &mut input {
                // A program that does not read its input is free to do so.
                input.write_all(stdin.as_bytes()).await.ok();
            }
            drop(input);
        };
        let ((), stdout, stderr) = tokio::join!(feed, bounded(output), bounded(errors));
        let status = child.wait().await?;
        group.end();
        Ok::<_, std::io::Error>(ExecResult::Exited { code: status.code(), stdout, stderr })
    };
    match tokio::time::timeout(timeout, run).await {
        Err(_) => ExecResult::TimedOut,
        Ok(Ok(result)) => result,
        Ok(Err(error)) => ExecResult::NotStarted(format!("{program}: {error}")),
    }
}

async fn bounded(pipe: Option<impl tokio::io::AsyncRead + Unpin>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        // What was read before an error is what there is.
        pipe.take(LARGEST_OUTPUT).read_to_end(&mut bytes).await.ok();
    }
    bytes
}
