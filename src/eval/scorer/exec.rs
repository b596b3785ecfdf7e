//! A program as scorer: JSON in on standard input, JSON out.

use std::time::Duration;

use serde_json::{Value, json};

use super::options::Options;
use super::text::quote;
use super::{Step, Subject, Verdict};
use crate::base::span;
use crate::eval::extract;

/// Runs a program. It reads `{id, prompt, answer, json, tool_calls, expected, vars, tags}` and writes
/// `{"pass": bool, "value"?: number, "reason"?: string}`; anything else, a failing exit or a timeout means
/// that it could not tell.
#[derive(Clone, Debug)]
pub(super) struct ExecRule {
    argv: Vec<String>,
    timeout: Duration,
}

/// How long a program may take unless `timeout` says otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// What came of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecResult {
    /// It ended.
    Exited {
        /// Its exit code; absent when a signal ended it.
        code: Option<i32>,
        /// What it wrote.
        stdout: Vec<u8>,
        /// What it complained.
        stderr: Vec<u8>,
    },
    /// It did not end in time and was stopped.
    TimedOut,
    /// It could not be started; the message says why.
    NotStarted(String),
}

impl ExecRule {
    pub(super) fn parse(options: &mut Options<'_>) -> Result<Self, String> {
        let argv = options
            .strings("argv")?
            .ok_or("scorer `exec` needs `argv`, a list such as [\"python3\", \"check.py\"]")?;
        let timeout = match options.text("timeout")? {
            None => DEFAULT_TIMEOUT,
            Some(text) => span::parse(text).map_err(|error| format!("scorer `exec`: `timeout`: {error}"))?,
        };
        Ok(Self { argv, timeout })
    }

    pub(super) fn program(&self) -> &str {
        self.argv.first().map_or("", String::as_str)
    }

    pub(super) fn run(&self, subject: &Subject<'_>) -> Step {
        let case = subject.case;
        let calls = subject.response.choices.first().map_or(&[][..], |choice| &choice.tool_calls);
        let calls: Vec<Value> = calls
            .iter()
            .map(|call| json!({"id": call.id, "name": call.name, "arguments": call.arguments}))
            .collect();
        let stdin = json!({
            "id": case.id,
            "prompt": case.prompt_text(),
            "answer": subject.response.text(),
            "json": extract::json(subject.response.text()).map(|(value, _)| value),
            "tool_calls": calls,
            "expected": case.expected,
            "vars": case.vars,
            "tags": case.tags,
        });
        Step::Exec { argv: self.argv.clone(), stdin: stdin.to_string(), timeout: self.timeout }
    }

    pub(super) fn conclude(&self, result: &ExecResult) -> Result<Verdict, String> {
        let program = &self.argv[0];
        match result {
            ExecResult::Exited { code: Some(0), stdout, .. } => read(program, stdout),
            ExecResult::Exited { code, stderr, .. } => {
                let stderr = String::from_utf8_lossy(stderr);
                let last = stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message");
                let how = code
                    .map_or_else(|| "was ended by a signal".to_owned(), |code| format!("exited with {code}"));
                Err(format!("`{program}` {how}: {}", quote(last)))
            }
            ExecResult::TimedOut => {
                Err(format!("`{program}` did not end within {} s; set `timeout`", self.timeout.as_secs_f64()))
            }
            ExecResult::NotStarted(cause) => Err(format!("`{program}` could not be started: {cause}")),
        }
    }
}

fn read(program: &str, stdout: &[u8]) -> Result<Verdict, String> {
    let wrong = || {
        let shown = quote(&String::from_utf8_lossy(stdout));
        format!(
            "`{program}` must write {{\"pass\": true}} or {{\"pass\": false}} with optional `value` and `reason`, not {shown}"
        )
    };
    let value: Value = serde_json::from_slice(stdout).map_err(|_| wrong())?;
    let passed = value.get("pass").and_then(Value::as_bool).ok_or_else(wrong)?;
    let number = value.get("value").and_then(Value::as_f64).unwrap_or(f64::from(u8::from(passed)));
    let reason = value.get("reason").and_then(Value::as_str).map_or_else(
        || format!("`{program}` says {}", if passed { "pass" } else { "fail" }),
        |reason| reason.lines().next().unwrap_or("").to_owned(),
    );
    Ok(Verdict::new(passed, number, reason))
}
