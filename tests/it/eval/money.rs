//! Money: exact sums, a cap that holds, prices nobody knows.

use orch::base::money::Money;
use orch::ledger::row::RunStatus;
use orch::mock::Settings;
use serde_json::json;

use crate::support::{Desk, Mock, Say, Script, money, sum_tokens};

/// What `n` sums cost at the configured price.
fn price(n: u64) -> Money {
    let (input, output) = sum_tokens(n);
    Money::from_nanos(i64::try_from(input * 150 + output * 600).unwrap())
}

#[test]
fn cost_is_the_exact_price_of_the_tokens_everywhere() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(123);
    for flags in [&[][..], &["--no-stream"]] {
        let args = [&["eval", "rows.jsonl", "-m", "priced", "--json"], flags].concat();
        let json = desk.run(&args).ends(0).json();
        assert_eq!(desk.spent(), price(123));
        assert_eq!(money(&json["spent_usd"]), price(123));
        assert_eq!(money(&json["models"][0]["cost_usd"]), price(123));
        assert_eq!(json["models"][0]["cost_is_estimated"], false);
        let rows: Money = desk.samples().iter().map(|row| row.facts.cost.amount().unwrap()).sum();
        assert_eq!(rows, price(123));
        let shown = desk.run(&["eval", "show", "--json"]).ends(0).json();
        assert_eq!(shown["spent_usd"], json["spent_usd"]);
    }
}

#[test]
fn an_alias_and_its_model_have_the_same_price() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(3);
    let json = desk.run(&["eval", "rows.jsonl", "-m", "chat/m", "--json"]).ends(0).json();
    assert_eq!(money(&json["spent_usd"]), price(3));
}

#[test]
fn an_unknown_price_is_unknown_and_not_nothing() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(3);
    let json = desk.run(&["eval", "rows.jsonl", "-m", "chat/other,priced", "--json"]).ends(0).json();
    assert_eq!((&json["spent_usd"], &json["models"][0]["cost_usd"]), (&json!(null), &json!(null)));
    assert_eq!(money(&json["models"][1]["cost_usd"]), price(3));
    assert!(json["notes"].to_string().contains("no price is known"), "{}", json["notes"]);
}

#[test]
fn a_cap_over_an_unknown_price_is_refused_with_what_to_set() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::with(
        &mock.base(),
        "[models.endless]\nid = \"chat/endless\"\nprice = { input = 1, output = 1 }\n",
    );
    desk.sums(3);
    let ran = desk.run(&["eval", "rows.jsonl", "-m", "chat/other", "--max-cost", "1"]).ends(2);
    ran.says(&["the price of chat/other is unknown", "[models.NAME] id = \"chat/other\"", "price ="]);
    // A price without a bound on the answer's length is no bound on its cost.
    let ran = desk.run(&["eval", "rows.jsonl", "-m", "endless", "--max-cost", "1"]).ends(2);
    ran.says(&["chat/endless", "max_output"]);
    assert_eq!(mock.requests(), 0);
    desk.run(&["eval", "rows.jsonl", "-m", "endless?max_tokens=50", "--max-cost", "1"]).ends(0);
}

#[test]
fn a_cap_is_never_exceeded_and_a_larger_one_finishes_the_run() {
    let mock = Mock::start(Settings { latency: std::time::Duration::from_millis(2), ..Settings::default() });
    let desk = Desk::new(&mock.base());
    desk.sums(300);
    let cap = Money::from_nanos(price(300).nanos() / 2);
    let args = ["eval", "rows.jsonl", "-m", "priced", "-c", "64", "--max-cost", &cap.decimal(), "--json"];
    let ran = desk.run(&args).ends(3).says(&["stopped by the cap", "orch eval --resume", "--max-cost"]);
    let json = ran.json();
    let spent = desk.spent();
    assert!(spent <= cap, "{spent:?} is more than {cap:?}");
    // What is held back is the worst case of the calls under way, and of one that no longer fits.
    assert!(spent.nanos() > cap.nanos() / 3, "{spent:?} of {cap:?}");
    assert_eq!(money(&json["spent_usd"]), spent);
    assert_eq!(money(&json["max_cost_usd"]), cap);
    assert_eq!(desk.last().status, RunStatus::Stopped);
    let made = mock.requests();
    assert_eq!(json["finished"], made);
    assert!(made < 300);
    let again = desk.run(&["eval", "--resume", "last"]).ends(3);
    again.says(&["stopped by the cap"]);
    let json = desk.run(&["eval", "--resume", "last", "--max-cost", "1", "--json"]).ends(0).json();
    assert_eq!((mock.requests(), &json["finished"]), (300, &json!(300)));
    assert_eq!((desk.spent(), money(&json["spent_usd"])), (price(300), price(300)));
    assert_eq!(desk.last().status, RunStatus::Done);
}

#[test]
fn failed_calls_that_may_be_billed_count_against_the_cap() {
    let mock = Mock::start(Settings::default());
    let more =
        "[models.cut]\nid = \"chat/fault/cut\"\nprice = { input = 1, output = 1 }\nmax_output = 1000\n";
    let desk = Desk::with(&mock.base(), more);
    desk.sums(200);
    let cap: Money = "0.05".parse().unwrap();
    let ran =
        desk.run(&["eval", "rows.jsonl", "-m", "cut", "-c", "1", "--max-cost", "0.05", "--json"]).ends(3);
    let spent = desk.spent();
    assert!(spent <= cap && spent > Money::ZERO, "{spent:?}");
    let model = &ran.json()["models"][0];
    assert_eq!(model["cost_is_estimated"], true, "{model}");
    // Each attempt is held at a thousand tokens and its body's bytes, so that about fifty fit.
    assert!(mock.requests() <= 50, "{}", mock.requests());
}

#[test]
fn a_call_that_was_sent_and_not_answered_may_be_billed_and_one_that_was_not_sent_is_free() {
    let mock = Mock::start(Settings::default());
    let more =
        "[models.close]\nid = \"chat/fault/close\"\nprice = { input = 1, output = 1 }\nmax_output = 1000\n";
    let desk = Desk::with(&mock.base(), more);
    desk.sums(1);
    desk.run(&["eval", "rows.jsonl", "-m", "close"]).ends(4);
    assert!(desk.spent() > Money::from_nanos(3 * 1_000_000), "{:?}", desk.spent());
    assert_eq!(desk.samples()[0].facts.attempts, 3);
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let desk = Desk::with(&format!("http://{address}"), more);
    desk.sums(1);
    desk.run(&["eval", "rows.jsonl", "-m", "close"]).ends(4);
    assert_eq!(desk.spent(), Money::ZERO);
}

#[test]
fn what_was_paid_for_samples_that_the_cap_ended_is_on_record() {
    let mock = Mock::start(Settings::default());
    let more =
        "[models.cut]\nid = \"chat/fault/cut\"\nprice = { input = 1, output = 1 }\nmax_output = 1000\n";
    let desk = Desk::with(&mock.base(), more);
    desk.sums(200);
    // All are under way when the money ends, each after some attempts: none of them is finished.
    let ran =
        desk.run(&["eval", "rows.jsonl", "-m", "cut", "-c", "64", "--max-cost", "0.05", "--json"]).ends(3);
    let (spent, each) = (desk.spent(), Money::from_nanos(1_000_000));
    assert!(spent.nanos() >= each.nanos() * i64::try_from(mock.requests()).unwrap(), "{spent:?}");
    assert!(spent <= "0.05".parse().unwrap(), "{spent:?}");
    assert_eq!(money(&ran.json()["spent_usd"]), spent);
}

#[test]
fn a_judge_the_cap_refuses_leaves_its_sample_for_later() {
    let script = Script::start(|_, _| Say::chat("{\"reason\": \"good\", \"verdict\": \"yes\"}"));
    let more = "[models.judge]\nid = \"chat/judge\"\nprice = { input = 10, output = 10 }\nmax_output = 10\n";
    let desk = Desk::with(&script.base(), more);
    let row = r#"{"prompt": "say it", "scorers": ["judge:judge It is said."]}"#;
    desk.write("rows.jsonl", row);
    // Enough for the candidate (10 x 150 + 5 x 600 nano-dollars), not for the judge.
    let args = ["eval", "rows.jsonl", "-m", "priced", "--no-stream", "--max-cost", "0.001", "--json"];
    let ran = desk.run(&args).ends(3).says(&["stopped by the cap"]);
    assert_eq!(ran.json()["finished"], 0, "an answer that is not judged is not finished");
    assert_eq!(desk.spent(), Money::from_nanos(10 * 150 + 5 * 600), "what was paid is on record");
    let json = desk.run(&["eval", "--resume", "last", "--max-cost", "1", "--json"]).ends(0).json();
    assert_eq!(json["models"][0]["accepted"]["n"], 1);
    assert_eq!(money(&json["models"][0]["judge_cost_usd"]), Money::from_nanos(15 * 10_000));
}

#[test]
fn a_cost_the_gateway_states_is_the_cost() {
    let script = Script::start(|_, _| {
        let Say(status, headers, body) = Say::chat("7");
        Say(status, headers, body.replace("\"total_tokens\":15", "\"total_tokens\":15,\"cost\":0.000123"))
    });
    let desk = Desk::new(&script.base());
    desk.sums(1);
    let json =
        desk.run(&["eval", "rows.jsonl", "-m", "chat/unpriced", "--no-stream", "--json"]).ends(0).json();
    assert_eq!(money(&json["spent_usd"]), Money::from_nanos(123_000));
}
