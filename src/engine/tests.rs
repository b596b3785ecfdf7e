use std::collections::VecDeque;
use std::sync::Mutex;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};

use super::gate::Gate;
use super::purse::HoldStore;
use super::*;
use crate::dialect::openai::OpenAi;
use crate::dialect::quirks;
use crate::ledger::LedgerError;
use crate::ledger::row::HoldRow;
use crate::model::outcome::Target;
use crate::model::{Message, Role};
use crate::policy::catalogue::{Model, Prices};
use crate::policy::{Policy, Retry};
use crate::wire::{Transport, WireError, WireRequest, WireResponse};

/// What a scripted provider does with one call.
#[derive(Clone)]
enum Act {
    /// Answers with a status, headers and pieces, each after a pause in milliseconds.
    Answer(u16, Vec<(&'static str, &'static str)>, Vec<(u64, String)>),
    /// The connection cannot be made.
    Refuse,
    /// The head never comes.
    Silence,
}

/// A provider that acts by a script; the last act repeats.
struct Script {
    acts: Mutex<VecDeque<Act>>,
    sent: Mutex<Vec<Instant>>,
}

impl Transport for Script {
    fn send(&self, _request: WireRequest) -> BoxFuture<'_, Result<WireResponse, WireError>> {
        self.sent.lock().unwrap().push(Instant::now());
        let mut acts = self.acts.lock().unwrap();
        let act = if acts.len() > 1 { acts.pop_front().unwrap() } else { acts[0].clone() };
        Box::pin(async move {
            match act {
                Act::Refuse => Err(WireError {
                    class: FailureClass::Connect,
                    message: "connection refused".into(),
                    was_sent: false,
                }),
                Act::Silence => std::future::pending().await,
                Act::Answer(status, pairs, pieces) => {
                    let pairs = pairs.into_iter();
                    let headers = pairs.map(|(name, value)| {
                        (HeaderName::from_static(name), HeaderValue::from_static(value))
                    });
                    let body = stream::iter(pieces).then(|(pause, piece)| async move {
                        tokio::time::sleep(Duration::from_millis(pause)).await;
                        Ok(Bytes::from(piece))
                    });
                    Ok(WireResponse { status, headers: headers.collect(), connect: None, body: body.boxed() })
                }
            }
        })
    }
}

const SSE: (&str, &str) = ("content-type", "text/event-stream");
const JSON: (&str, &str) = ("content-type", "application/json");

/// A streamed answer: role after 10 ms, text after 30 ms, the rest after 100 ms.
fn good() -> Act {
    let event = |delta: &str, finish: &str| {
        format!(
            "data: {{\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n"
        )
    };
    let usage =
        "data: {\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5}}\n\n";
    Act::Answer(
        200,
        vec![SSE],
        vec![
            (10, event("{\"role\":\"assistant\"}", "null")),
            (20, event("{\"content\":\"hi\"}", "null")),
            (70, event("{}", "\"stop\"") + usage + "data: [DONE]\n\n"),
        ],
    )
}

fn error(status: u16, headers: Vec<(&'static str, &'static str)>) -> Act {
    let body = "{\"error\":{\"message\":\"no\",\"type\":\"x\",\"code\":null}}".to_owned();
    Act::Answer(status, [vec![JSON], headers].concat(), vec![(5, body)])
}

struct Bench {
    engine: Engine,
    leg: Leg,
    script: Arc<Script>,
}

fn bench(acts: Vec<Act>, cap: Option<i64>) -> Bench {
    let script = Arc::new(Script { acts: Mutex::new(acts.into()), sent: Mutex::default() });
    let target = Target { provider: "p".into(), model: "m".into() };
    let mut model = Model::new(target.clone());
    model.prices = Some(Prices::flat(
        crate::base::money::Rate::from_picos(1_000_000),
        crate::base::money::Rate::from_picos(2_000_000),
    ));
    model.max_output = Some(100);
    let policy = Policy::default();
    let leg = Leg {
        listed: target.clone(),
        target,
        dialect: &OpenAi,
        quirks: quirks::of("openai"),
        base_url: "http://h/v1".into(),
        headers: HeaderMap::new(),
        is_streaming: true,
        transport: Arc::clone(&script) as Arc<dyn Transport>,
        gate: Arc::new(Gate::new(8)),
        limits: policy.limits(),
        retry: Retry { retry_after_most: Duration::from_secs(10), ..policy.retry() },
        actions: Vec::new(),
        spends: true,
        counts: true,
    };
    let engine = Engine {
        clock: Clock::System,
        dice: Dice::new(7),
        purse: Purse::new(cap.map(Money::from_nanos), Money::ZERO),
        catalogue: std::iter::once(model).collect(),
        record: Record::Caller(Dropped::default()),
        halt: Halt::default(),
    };
    Bench { engine, leg, script }
}

impl Bench {
    async fn run(&self) -> Arc<Outcome> {
        let messages = vec![Message::text(Role::User, "hello")];
        let request = Request { messages, ..Request::default() };
        let headers = HeaderMap::new();
        let ask = Ask { context: Context::default(), request: &request, headers: &headers, deadline: None };
        self.engine.run(ask, &self.leg).await.outcome
    }

    fn sent(&self) -> usize {
        self.script.sent.lock().unwrap().len()
    }
}

fn class(outcome: &Outcome) -> FailureClass {
    outcome.answer.as_ref().unwrap_err().class
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_timed_from_its_sending_and_priced_by_its_tokens() {
    let bench = bench(vec![good()], None);
    let outcome = bench.run().await;
    assert_eq!(outcome.answer.as_ref().unwrap().text(), "hi");
    let attempt = &outcome.attempts[0];
    assert_eq!(attempt.timing.first_token, Some(Duration::from_millis(30)), "a role is no content");
    assert_eq!(attempt.timing.total, Duration::from_millis(100));
    assert_eq!(attempt.cost, Cost::Computed(Money::from_nanos(10 * 1_000 + 5 * 2_000)));
}

#[tokio::test(start_paused = true)]
async fn a_complete_answer_does_not_wait_for_a_connection_that_stays_open() {
    let Act::Answer(status, headers, pieces) = good() else { unreachable!() };
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5}}\n\n";
    let finished =
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\n";
    let silence = (10_000_000, String::new());
    let after_done = [pieces, vec![silence.clone()]].concat();
    // Where streams end without [DONE], tokens that come shortly after the finish reason are still counted.
    let without_done = vec![(10, finished.to_owned()), (200, usage.to_owned()), silence.clone()];
    for (pieces, provider) in [(after_done, "openai"), (without_done.clone(), "perplexity")] {
        let mut bench = bench(vec![Act::Answer(status, headers.clone(), pieces)], None);
        bench.leg.quirks = quirks::of(provider);
        let began = Instant::now();
        let outcome = bench.run().await;
        assert_eq!(outcome.answer.as_ref().unwrap().text(), "hi", "{provider}");
        assert_eq!(outcome.attempts[0].cost, Cost::Computed(Money::from_nanos(20_000)), "{provider}");
        assert!(began.elapsed() < Duration::from_secs(1), "{provider}: {:?}", began.elapsed());
    }
    // Without its terminal event an answer is none.
    let bench = bench(vec![Act::Answer(status, headers, without_done)], None);
    let outcome = bench.run().await;
    assert_eq!(class(&outcome), FailureClass::Stalled);
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again_and_what_may_not_is_not() {
    let cases = [
        (vec![error(500, vec![]), good()], None, 2),
        (vec![Act::Refuse, good()], None, 2),
        (vec![error(401, vec![])], Some(FailureClass::Auth), 1),
        (vec![error(400, vec![])], Some(FailureClass::BadRequest), 1),
        (vec![error(500, vec![])], Some(FailureClass::Server), 4),
        (vec![error(307, vec![("location", "http://elsewhere/")])], Some(FailureClass::BadRequest), 1),
    ];
    for (acts, expected, calls) in cases {
        let bench = bench(acts, None);
        let outcome = bench.run().await;
        assert_eq!(outcome.answer.as_ref().err().map(|failure| failure.class), expected);
        assert_eq!(bench.sent(), calls, "{expected:?}");
        assert_eq!(outcome.attempts.len(), calls);
        assert!(outcome.attempts.iter().all(|attempt| !attempt.why.is_empty()));
    }
}

#[tokio::test(start_paused = true)]
async fn no_attempt_is_made_before_the_provider_said() {
    let bench = bench(vec![error(429, vec![("retry-after", "3")]), good()], None);
    let outcome = bench.run().await;
    assert!(outcome.answer.is_ok());
    let sent = bench.script.sent.lock().unwrap();
    assert!(sent[1] - sent[0] >= Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn every_limit_has_its_class() {
    let cut = |pieces: usize| match good() {
        Act::Answer(status, headers, all) => Act::Answer(status, headers, all[..pieces].to_vec()),
        other => other,
    };
    let silent_after = |pieces: usize| match cut(pieces) {
        Act::Answer(status, headers, mut all) => {
            all.push((10_000_000, String::new()));
            Act::Answer(status, headers, all)
        }
        other => other,
    };
    let cases = [
        (Act::Silence, FailureClass::FirstToken),
        (silent_after(1), FailureClass::FirstToken),
        (silent_after(2), FailureClass::Stalled),
        (cut(2), FailureClass::Truncated),
    ];
    for (act, expected) in cases {
        let bench = bench(vec![act], None);
        let outcome = bench.run().await;
        assert_eq!(class(&outcome), expected);
        let cost = outcome.attempts[0].cost;
        assert!(
            matches!(cost, Cost::Estimated(_)),
            "{expected}: it may have been billed, so {cost:?} is a bound"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_whole_where_a_stream_was_asked_is_understood() {
    let body =
        "{\"model\":\"m\",\"choices\":[{\"message\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}";
    let bench = bench(vec![Act::Answer(200, vec![JSON], vec![(0, body.into())])], None);
    assert_eq!(bench.run().await.answer.as_ref().unwrap().text(), "hi");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_may_cost_more_than_is_left_is_not_sent() {
    let poor = bench(vec![good()], Some(1_000));
    let outcome = poor.run().await;
    assert_eq!((class(&outcome), poor.sent()), (FailureClass::Budget, 0));
    let rich = bench(vec![good()], Some(10_000_000));
    assert!(rich.run().await.answer.is_ok());
    assert_eq!(rich.engine.purse.spent(), Money::from_nanos(20_000));
}

/// The start of an answer with the tokens so far, and no end.
fn cut_after_usage() -> Act {
    let event = "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":null}],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":1}}\n\n";
    Act::Answer(200, vec![SSE], vec![(10, event.to_owned())])
}

#[tokio::test(start_paused = true)]
async fn tokens_counted_before_an_answer_was_cut_short_are_not_all_of_them() {
    let bench = bench(vec![cut_after_usage()], None);
    let outcome = bench.run().await;
    assert_eq!(class(&outcome), FailureClass::Truncated);
    let attempt = &outcome.attempts[0];
    assert!(attempt.usage.is_some());
    let at_least = Money::from_nanos(100 * 2_000);
    assert!(matches!(attempt.cost, Cost::Estimated(cost) if cost > at_least), "{:?}", attempt.cost);
}

#[tokio::test(start_paused = true)]
async fn a_call_of_unknown_cost_takes_all_that_was_held_for_it() {
    let body = "{\"model\":\"someone-else\",\"choices\":[{\"message\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5}}";
    let bench = bench(vec![Act::Answer(200, vec![JSON], vec![(0, body.into())])], Some(10_000_000));
    let outcome = bench.run().await;
    assert_eq!(outcome.attempts[0].cost, Cost::Unknown, "a model nobody asked for has no price");
    assert!(bench.engine.purse.spent() > Money::from_nanos(100 * 2_000));
}

/// A store that remembers, and that takes its time to be sure of a hold.
#[derive(Debug, Default)]
struct Book(Mutex<Vec<(Instant, HoldRow)>>);

impl Book {
    fn note(&self, row: HoldRow) {
        self.0.lock().unwrap().push((Instant::now(), row));
    }
}

impl HoldStore for Book {
    fn hold(&self, row: HoldRow) -> BoxFuture<'_, Result<(), LedgerError>> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(40)).await;
            self.note(row);
            Ok(())
        })
    }

    fn change(&self, row: HoldRow) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.note(row);
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test(start_paused = true)]
async fn a_hold_is_kept_before_each_call_is_sent_and_says_what_the_calls_before_cost() {
    let mut bench = bench(vec![cut_after_usage(), good()], Some(10_000_000));
    let book = Arc::new(Book::default());
    bench.engine.purse = Purse::new(Some(Money::from_nanos(10_000_000)), Money::ZERO)
        .kept_in("run:r".into(), Arc::clone(&book) as Arc<dyn HoldStore>);
    let outcome = bench.run().await;
    let cut = outcome.attempts[0].charged.unwrap();
    let rows = book.0.lock().unwrap();
    let told: Vec<_> = rows.iter().map(|(_, row)| (row.attempt, row.spent, row.held > Money::ZERO)).collect();
    let whole = cut + outcome.attempts[1].charged.unwrap();
    assert_eq!(told, [(1, Money::ZERO, true), (1, cut, false), (2, cut, true), (2, whole, false)]);
    let sent = bench.script.sent.lock().unwrap();
    assert!(rows[0].0 <= sent[0] && rows[2].0 <= sent[1], "kept, then sent");
    assert_eq!(
        outcome.attempts[1].timing.total,
        Duration::from_millis(100),
        "the wait is not the provider's"
    );
    assert_eq!(bench.engine.purse.spent(), whole);
}

#[tokio::test(start_paused = true)]
async fn a_hold_that_cannot_be_kept_is_no_leave_to_call() {
    #[derive(Debug)]
    struct Full;
    impl HoldStore for Full {
        fn hold(&self, _: HoldRow) -> BoxFuture<'_, Result<(), LedgerError>> {
            Box::pin(async { Err(LedgerError::Closed) })
        }

        fn change(&self, _: HoldRow) -> BoxFuture<'_, Result<(), LedgerError>> {
            Box::pin(async { Err(LedgerError::Closed) })
        }
    }
    let mut bench = bench(vec![good()], None);
    bench.engine.purse =
        Purse::new(Some(Money::from_nanos(10_000_000)), Money::ZERO).kept_in("run:r".into(), Arc::new(Full));
    let outcome = bench.run().await;
    assert_eq!((class(&outcome), bench.sent()), (FailureClass::Budget, 0));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_count_is_free_under_any_cap() {
    let mut bench = bench(vec![good()], Some(1));
    bench.leg.counts = false;
    let outcome = bench.run().await;
    assert!(outcome.answer.is_ok());
    assert_eq!((outcome.charged(), bench.engine.purse.spent()), (Some(Money::ZERO), Money::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_cap_refuses_a_price_nobody_knows() {
    let mut bench = bench(vec![good()], Some(10_000_000));
    bench.engine.catalogue = std::iter::empty().collect();
    let outcome = bench.run().await;
    assert_eq!((class(&outcome), bench.sent()), (FailureClass::Budget, 0));
    assert!(outcome.answer.as_ref().unwrap_err().message.contains("[models]"));
}

#[test]
fn content_types_are_told_apart() {
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, json)]);
    assert!(attempt::is_plain_json(headers[CONTENT_TYPE].as_bytes()));
    assert!(!attempt::is_plain_json(b"application/x-ndjson"));
}

#[tokio::test(start_paused = true)]
async fn a_halt_ends_a_pause_at_once_and_keeps_what_was_made() {
    let bench = bench(vec![error(500, vec![("retry-after", "8")]), good()], Some(10_000_000));
    let began = Instant::now();
    let (outcome, ()) = tokio::join!(bench.run(), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        bench.engine.halt.ask();
    });
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    assert_eq!((class(&outcome), bench.sent()), (FailureClass::Cancelled, 1));
    assert!(outcome.attempts[0].why.ends_with("; not made: the run is ending"));
}

#[tokio::test(start_paused = true)]
async fn a_halt_lets_a_call_that_was_sent_finish_and_starts_none_that_would_wait() {
    let mut bench = bench(vec![good(), good()], Some(10_000_000));
    bench.leg.gate = Arc::new(Gate::new(1));
    let (first, second, ()) = tokio::join!(bench.run(), bench.run(), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        bench.engine.halt.ask();
    });
    assert_eq!(first.answer.as_ref().unwrap().text(), "hi");
    assert_eq!((class(&second), second.attempts.len(), bench.sent()), (FailureClass::Cancelled, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_was_to_follow_and_did_not_is_not_said_to_follow() {
    // The cut answer counts at its bound, and so leaves too little for another.
    let poor = bench(vec![cut_after_usage()], Some(800_000));
    let outcome = poor.run().await;
    assert_eq!((class(&outcome), poor.sent()), (FailureClass::Budget, 1));
    let why = &outcome.attempts[0].why;
    assert!(why.contains("attempt 2 of 4 follows") && why.contains("; not made: the call may cost"), "{why}");

    // The other waits at the gate for its second turn.
    let mut halted = bench(vec![error(500, vec![]), Act::Silence], Some(10_000_000));
    halted.leg.gate = Arc::new(Gate::new(1));
    halted.leg.limits.first_token = Duration::from_secs(60);
    let (first, second, ()) = tokio::join!(halted.run(), halted.run(), async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        halted.engine.halt.ask();
    });
    let waited = [first, second].into_iter().find(|outcome| class(outcome) == FailureClass::Cancelled);
    let waited = waited.expect("one of two cannot have its turn");
    assert!(waited.attempts[0].why.ends_with("; not made: the run is ending"), "{}", waited.attempts[0].why);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_request_leaves_the_calls_that_cost_something() {
    for (first, is_kept) in [(cut_after_usage(), true), (error(500, vec![]), false)] {
        let bench = bench(vec![first, Act::Silence], None);
        let Record::Caller(dropped) = &bench.engine.record else { panic!("the caller records") };
        tokio::time::timeout(Duration::from_secs(9), bench.run()).await.unwrap_err();
        assert_eq!(bench.sent(), 2);
        let kept = dropped.take();
        assert_eq!((kept.len(), dropped.take().len()), (usize::from(is_kept), 0));
        let Some(outcome) = kept.first() else { continue };
        assert_eq!((class(outcome), outcome.attempts.len()), (FailureClass::Cancelled, 1));
        assert!(outcome.charged().is_some_and(|charged| charged > Money::ZERO));
        assert!(outcome.attempts[0].why.ends_with("; dropped before that was over"));
    }
    let answered = bench(vec![good()], None);
    answered.run().await;
    let Record::Caller(dropped) = &answered.engine.record else { panic!("the caller records") };
    assert!(dropped.take().is_empty(), "whoever has the outcome records it");
}
