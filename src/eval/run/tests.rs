use std::cell::Cell;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use tokio::sync::Notify;

use super::course::{GIVE_UP_AFTER, GIVE_UP_AT_LAST_AFTER, Health, Lag};
use super::*;
use crate::base::clock::Clock;
use crate::base::dice::Dice;
use crate::base::id::Ids;
use crate::base::money::Money;
use crate::dialect::openai::OpenAi;
use crate::dialect::quirks;
use crate::engine::gate::Gate;
use crate::engine::leg::Leg;
use crate::engine::purse::Purse;
use crate::engine::{Dropped, Record};
use crate::eval::candidate::Source;
use crate::eval::dataset::ReadOptions;
use crate::eval::scorer::Scorer;
use crate::ledger::{Ledger, Reader};
use crate::model::FailureClass;
use crate::model::outcome::Target;
use crate::model::request::Params;
use crate::policy::Policy;
use crate::policy::catalogue::Catalogue;
use crate::wire::{Transport, WireError, WireRequest, WireResponse};

/// A provider in memory: after a pause it answers `yes` with a status, always the same.
struct Provider {
    status: u16,
    pause: Option<Duration>,
    calls: AtomicU32,
}

impl Transport for Provider {
    fn send(&self, _request: WireRequest) -> BoxFuture<'_, Result<WireResponse, WireError>> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let body = match self.status {
            200 => {
                r#"{"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"yes"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#
            }
            429 => r#"{"error":{"message":"slow down","type":"requests","code":"rate_limit_exceeded"}}"#,
            _ => r#"{"error":{"message":"bad key","type":"invalid_request_error","code":"invalid_api_key"}}"#,
        };
        Box::pin(async move {
            if let Some(pause) = self.pause {
                tokio::time::sleep(pause).await;
            }
            let headers =
                HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
            let body = futures_util::stream::iter([Ok(Bytes::from(body))]).boxed();
            Ok(WireResponse { status: self.status, headers, connect: None, body })
        })
    }
}

/// A ledger and a dataset of so many rows, and one candidate for each status its provider answers with.
struct Desk {
    home: tempfile::TempDir,
    datasets: Vec<Dataset>,
    candidates: Vec<Candidate>,
    providers: Vec<Arc<Provider>>,
    rows: u64,
}

const SEED: u64 = 7;

impl Desk {
    fn new(rows: u64, statuses: &[u16]) -> Self {
        Self::with(rows, statuses, Some(Duration::from_millis(50)))
    }

    /// One provider whose answers are there at once, as recorded ones are.
    fn at_once(rows: u64) -> Self {
        Self::with(rows, &[200], None)
    }

    fn with(rows: u64, statuses: &[u16], pause: Option<Duration>) -> Self {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("rows.txt");
        let mut file = std::fs::File::create(&path).unwrap();
        (0..rows).for_each(|row| writeln!(file, "is {row} a number?").unwrap());
        let scorers = vec![Scorer::parse(&"contains:yes".into()).unwrap()];
        let options = ReadOptions { scorers, ..ReadOptions::default() };
        let datasets = vec![Dataset::read(&[path], &options).unwrap()];
        let provider = |status: &u16| Arc::new(Provider { status: *status, pause, calls: AtomicU32::new(0) });
        let providers: Vec<_> = statuses.iter().map(provider).collect();
        let candidates = providers.iter().enumerate().map(|(at, provider)| candidate(at, provider)).collect();
        Self { home, datasets, candidates, providers, rows }
    }

    fn order(&self) -> Order {
        Order::new(SEED, self.rows, self.rows, 1, u32::try_from(self.candidates.len()).unwrap())
    }

    /// Runs with 8 calls at once; `stop` ends it.
    async fn run(
        &self,
        pairing: Option<Pairing>,
        watch: &mut dyn FnMut(Event<'_>),
        stop: impl Future<Output = ()>,
    ) -> Went {
        self.run_until(pairing, (watch, stop), std::future::pending()).await
    }

    /// The same, dropped when `patience` ends.
    async fn run_until(
        &self,
        pairing: Option<Pairing>,
        (watch, stop): (&mut dyn FnMut(Event<'_>), impl Future<Output = ()>),
        patience: impl Future<Output = ()>,
    ) -> Went {
        let ledger = Ledger::open(&self.ledger()).unwrap();
        let candidates = u32::try_from(self.candidates.len()).unwrap();
        let plan = Plan {
            run: "r",
            datasets: &self.datasets,
            candidates: &self.candidates,
            order: self.order(),
            finished: Finished::new(self.rows, 1, candidates),
            concurrency: 8,
            pairing,
            tape: None,
        };
        let engine = Engine {
            clock: Clock::System,
            dice: Dice::new(SEED),
            purse: Purse::new(None, Money::ZERO),
            catalogue: Catalogue::default(),
            record: Record::Caller(Dropped::default()),
            halt: crate::engine::halt::Halt::default(),
        };
        let effects = Effects {
            judges: std::collections::BTreeMap::new(),
            embedders: std::collections::BTreeMap::new(),
            ids: Ids::new(1),
            environment: Vec::new(),
        };
        let mut course = Course::new(ledger.recorder(), self.candidates.len());
        let is_dropped = tokio::select! {
            () = run(plan, &engine, &effects, &mut course, (watch, stop)) => false,
            () = patience => true,
        };
        if is_dropped {
            course.drop_rest();
        }
        let went = course.close().await;
        ledger.close().await.unwrap();
        went
    }

    fn ledger(&self) -> std::path::PathBuf {
        self.home.path().join("ledger.db")
    }

    fn recorded(&self) -> Vec<SampleFacts> {
        let mut out = Vec::new();
        let each = |facts| {
            out.push(facts);
            ControlFlow::Continue(())
        };
        Reader::open(&self.ledger()).unwrap().facts("r", each).unwrap();
        out
    }
}

fn candidate(at: usize, provider: &Arc<Provider>) -> Candidate {
    let target = Target { provider: "p".into(), model: format!("m{at}") };
    let policy = Policy::default();
    let leg = Leg {
        listed: target.clone(),
        target,
        dialect: &OpenAi,
        quirks: quirks::of("openai"),
        base_url: "http://h/v1".into(),
        headers: HeaderMap::new(),
        is_streaming: false,
        transport: Arc::clone(provider) as Arc<dyn Transport>,
        gate: Arc::new(Gate::new(8)),
        limits: policy.limits(),
        retry: policy.retry(),
        actions: Vec::new(),
        spends: true,
        counts: true,
    };
    Candidate { label: format!("m{at}"), leg, params: Params::default(), source: Source::Provider, prompt: 0 }
}

#[tokio::test(start_paused = true)]
async fn a_run_ends_when_every_sample_is_recorded_and_its_own_time_is_not_in_the_latency() {
    let desk = Desk::new(100, &[200, 200]);
    let mut seen = 0;
    let mut watch = |event: Event<'_>| seen += u64::from(matches!(event, Event::Finished(_)));
    let went = desk.run(None, &mut watch, std::future::pending()).await;
    assert!(matches!(went.ended, Ended::Done), "{went:?}");
    assert_eq!((went.samples, seen, went.lag), (200, 200, Duration::ZERO));
    assert!(went.given_up.is_empty());
    let recorded = desk.recorded();
    assert_eq!(recorded.len(), 200);
    assert!(recorded.iter().all(|facts| facts.latency == Some(Duration::from_millis(50))));
    assert!(recorded.iter().all(|facts| facts.overhead == Duration::ZERO), "no virtual time is ours");
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_refuses_every_call_is_given_up_and_holds_nobody_up() {
    let desk = Desk::new(300, &[200, 429]);
    let went = desk.run(None, &mut |_| {}, std::future::pending()).await;
    assert!(matches!(went.ended, Ended::Done), "{went:?}");
    let [(1, failure)] = &went.given_up[..] else { panic!("{:?}", went.given_up) };
    assert_eq!(failure.class, FailureClass::RateLimited);
    assert!(went.took < Duration::from_secs(300), "{:?}", went.took);
    let recorded = desk.recorded();
    let of = |candidate| recorded.iter().filter(move |facts| facts.key.candidate == candidate);
    assert_eq!(of(0).filter(|facts| facts.status == crate::ledger::row::SampleStatus::Accepted).count(), 300);
    assert!(of(1).count() <= 16, "{}", of(1).count());
    assert!(of(1).all(|facts| facts.failure_class.as_deref() == Some("rate_limited")));
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_fails_every_call_is_given_up_with_its_failure_and_the_others_go_on() {
    let desk = Desk::new(300, &[200, 401]);
    let went = desk.run(None, &mut |_| {}, std::future::pending()).await;
    assert!(matches!(went.ended, Ended::Done), "{went:?}");
    let [(at, failure)] = &went.given_up[..] else { panic!("{:?}", went.given_up) };
    assert_eq!((*at, failure.class), (1, FailureClass::Auth));
    assert!(failure.to_string().contains("bad key"), "{failure}");
    let calls = |at: usize| desk.providers[at].calls.load(Ordering::Relaxed);
    assert_eq!(calls(0), 300);
    assert!((GIVE_UP_AFTER..GIVE_UP_AFTER + 8).contains(&calls(1)), "{} calls with a bad key", calls(1));
}

#[tokio::test(start_paused = true)]
async fn a_stop_finishes_what_is_under_way_and_leaves_the_beginning_of_the_permutation() {
    let desk = Desk::new(200, &[200]);
    let (stop, finished, drained) = (Notify::new(), Cell::new(0), Cell::new(None));
    let mut watch = |event: Event<'_>| match event {
        Event::Finished(_) => {
            finished.set(finished.get() + 1);
            if finished.get() == 40 {
                stop.notify_one();
            }
        }
        Event::Stopping(under_way) => drained.set(Some(under_way)),
        Event::Tick(_) => {}
    };
    let went = desk.run(None, &mut watch, stop.notified()).await;
    assert!(matches!(went.ended, Ended::Interrupted), "{went:?}");
    let calls = desk.providers[0].calls.load(Ordering::Relaxed) as usize;
    assert!((40..=56).contains(&calls) && drained.get().is_some_and(|left| left <= 8), "{calls} {drained:?}");
    let mut recorded: Vec<_> = desk.recorded().iter().map(|facts| facts.key.item).collect();
    assert_eq!(recorded.len(), calls, "what was called is recorded");
    let mut expected: Vec<_> = desk.order().take(calls).map(|key| key.item).collect();
    assert_ne!(expected, (0..calls as u64).collect::<Vec<_>>(), "not the first rows of the file");
    recorded.sort_unstable();
    expected.sort_unstable();
    assert_eq!(recorded, expected, "a random sample: which rows does not depend on what they answered");
}

#[tokio::test]
async fn a_run_whose_answers_are_there_at_once_is_shown_and_can_be_stopped() {
    let desk = Desk::at_once(50_000);
    let (stop, stopping) = (Notify::new(), Cell::new(0));
    let mut watch = |event: Event<'_>| match event {
        Event::Tick(_) => stop.notify_one(),
        Event::Stopping(_) => stopping.set(stopping.get() + 1),
        Event::Finished(_) => {}
    };
    let went = desk.run(None, &mut watch, stop.notified()).await;
    assert!(matches!(went.ended, Ended::Interrupted), "{went:?}");
    assert_eq!((stopping.get(), desk.recorded().len() as u64), (1, went.samples));
    assert!(went.samples < 50_000);
}

#[tokio::test]
async fn a_finished_sample_that_waits_for_room_in_the_ledger_survives_the_end_of_patience() {
    let desk = Desk::at_once(5_000);
    drop(Ledger::open(&desk.ledger()).unwrap());
    let other = rusqlite::Connection::open(desk.ledger()).unwrap();
    let calls = || desk.providers[0].calls.load(Ordering::Relaxed);
    let patience = async {
        let mut before = 0;
        // Until nothing moves: the writer waits for the other connection, and the run for the writer.
        while before < 1_000 || before != calls() {
            before = calls();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        other.execute_batch("ROLLBACK").unwrap();
    };
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let went = desk.run_until(None, (&mut |_| {}, std::future::pending()), patience).await;
    assert!(matches!(went.ended, Ended::Interrupted), "{went:?}");
    assert!(calls() < 5_000, "it waited");
    let recorded = desk.recorded().len() as u64;
    assert_eq!((recorded, went.samples), (u64::from(calls()), u64::from(calls())), "what was called is kept");
    assert!(went.took >= Duration::from_millis(100), "how long it took is known: {:?}", went.took);
}

#[tokio::test(start_paused = true)]
async fn an_early_stop_ends_a_decided_comparison_and_no_undecided_gate() {
    for (has_gates, is_early) in [(false, true), (true, false)] {
        let desk = Desk::new(800, &[200, 200]);
        let pairing = Pairing::new(2, 0, 0.05, has_gates);
        let went = desk.run(Some(pairing), &mut |_| {}, std::future::pending()).await;
        assert_eq!(matches!(went.ended, Ended::Decided), is_early, "{went:?}");
        assert_eq!(went.samples < 1_600, is_early, "{} samples", went.samples);
    }
}

#[test]
fn what_a_timer_cannot_tell_is_no_lag() {
    let mut lag = Lag::default();
    assert_eq!(lag.mean(), Duration::ZERO);
    for late in [0, 1, 1, 4, 9] {
        lag.add(Duration::from_millis(late));
    }
    assert_eq!(lag.mean(), Duration::from_micros(2_200), "3 ms and 8 ms too late, of five ticks");
}

#[test]
fn a_candidate_is_given_up_when_it_cannot_answer_and_later_only_when_it_fails_on_and_on() {
    let failure = |class| Failure::new(class, "no");
    let after = |answered: bool, class, times: u32| {
        let mut health = Health { has_answered: answered, ..Health::default() };
        (0..times).for_each(|_| health.notice(Some(&failure(class))));
        health.is_given_up()
    };
    assert!(
        after(false, FailureClass::Auth, GIVE_UP_AFTER)
            && !after(false, FailureClass::Auth, GIVE_UP_AFTER - 1)
    );
    // A key that is revoked halfway fails every prompt that follows; an outage may pass.
    assert!(
        after(true, FailureClass::Auth, GIVE_UP_AFTER) && !after(true, FailureClass::Auth, GIVE_UP_AFTER - 1)
    );
    assert!(
        !after(true, FailureClass::Timeout, GIVE_UP_AT_LAST_AFTER) && after(true, FailureClass::Timeout, 100)
    );
    let mut health = Health::default();
    for _ in 0..1_000 {
        (0..9).for_each(|_| health.notice(Some(&failure(FailureClass::Quota))));
        health.notice(None);
    }
    assert!(!health.is_given_up(), "it answers in between");
    let passing = FailureClass::RateLimited;
    assert!(
        !after(false, passing, GIVE_UP_AT_LAST_AFTER - 1) && after(false, passing, GIVE_UP_AT_LAST_AFTER)
    );
}
