//! `cargo bench --bench eval`: how fast `orch eval` is, as ratios within one run against a bare client loop
//! and against what the server itself measured. Needs Linux, for processor time and memory.
//!
//! Arguments after `--` choose scenarios: `startup`, `burst`, `latency`, `limit`, `million`; none runs all.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]
#![expect(clippy::print_stdout, reason = "the results go to the terminal")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

const ORCH: &str = env!("CARGO_BIN_EXE_orch");
const AT_ONCE: usize = 64;

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // The bare loop's client needs one, though it never speaks TLS; another that is installed will do.
    rustls::crypto::ring::default_provider().install_default().ok();
    runtime.block_on(async {
        let scratch = tempfile::tempdir().unwrap();
        if is_wanted("startup") {
            startup();
        }
        if is_wanted("burst") {
            burst(scratch.path()).await;
        }
        if is_wanted("latency") {
            latency(scratch.path()).await;
        }
        if is_wanted("limit") {
            limit(scratch.path()).await;
        }
        if is_wanted("million") {
            million(scratch.path()).await;
        }
    });
}

/// The fastest of twenty starts.
fn startup() {
    for arguments in [&["--version"][..], &["eval", "--help"]] {
        let once = |_| {
            let began = Instant::now();
            assert!(Command::new(ORCH).args(arguments).stdout(Stdio::null()).status().unwrap().success());
            began.elapsed()
        };
        let best = (0..20).map(once).min().unwrap();
        println!("startup   orch {:<12} {:.1} ms", arguments.join(" "), best.as_secs_f64() * 1e3);
    }
}

/// No latency: what our own work costs, next to a loop that only sends and reads.
async fn burst(scratch: &Path) {
    const PROMPTS: usize = 20_000;
    let mock = Mock::start(&[]);
    let bare = bare_loop(&mock.url, PROMPTS).await;
    let run = Run::make(scratch, &mock, PROMPTS, None).await;
    let rate = count(PROMPTS) / run.seconds;
    println!(
        "burst     {rate:.0} samples/s, {:.2} of a bare loop's {bare:.0}; {:.3} ms of processor a sample; {} MB peak",
        rate / bare,
        run.cpu_seconds * 1e3 / count(PROMPTS),
        run.peak_mb,
    );
}

/// 50 ms: how near the ideal, and how true the reported latency.
async fn latency(scratch: &Path) {
    const PROMPTS: usize = 20_000;
    let mock = Mock::start(&["--latency", "50ms"]);
    let run = Run::make(scratch, &mock, PROMPTS, None).await;
    let service = mock.stats().await["service"].clone();
    let server = |name: &str| service[name].as_f64().unwrap() / 1e3;
    let nominal = count(PROMPTS) * 0.050 / count(AT_ONCE);
    let ideal = count(PROMPTS) * server("mean_us") / 1e3 / count(AT_ONCE);
    let reported = &run.report["models"][0]["latency_ms"];
    println!(
        "latency   {:.1}% of ideal at the server's own mean ({:.1}% at a nominal 50 ms)",
        ideal / run.seconds * 100.0,
        nominal / run.seconds * 100.0,
    );
    println!(
        "latency   reported p50 {:.1} p95 {:.1} ms; the server's own p50 {:.1} p95 {:.1} ms",
        reported["p50"].as_f64().unwrap(),
        reported["p95"].as_f64().unwrap(),
        server("p50_us"),
        server("p95_us"),
    );
}

/// A limit of 20 requests a second that nobody tells.
async fn limit(scratch: &Path) {
    const PROMPTS: usize = 400;
    for (kind, burst) in [("bucket", "20"), ("bucket", "1")] {
        let mock = Mock::start(&["--rps", "20", "--burst", burst]);
        let run = Run::make(scratch, &mock, PROMPTS, None).await;
        let stats = mock.stats().await;
        let (requests, refused) = (stats["requests"].as_f64().unwrap(), stats["refused"].as_f64().unwrap());
        println!(
            "limit     20/s ({kind}, burst {burst}): {:.1}% of {requests} calls refused, {:.2} of the ideal time",
            refused / requests * 100.0,
            run.seconds / (count(PROMPTS) / 20.0),
        );
    }
}

/// A million rows: memory.
async fn million(scratch: &Path) {
    const PROMPTS: usize = 1_000_000;
    let mock = Mock::start(&[]);
    for limit in [20_000, PROMPTS] {
        let run = Run::make(scratch, &mock, PROMPTS, Some(limit)).await;
        let rate = count(limit) / run.seconds;
        println!("million   {limit} of {PROMPTS} rows asked: {} MB peak, {rate:.0} samples/s", run.peak_mb);
    }
}

/// A mock provider in a process of its own.
struct Mock {
    child: Child,
    url: String,
}

impl Mock {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(ORCH)
            .args(["mock", "--for", "20m"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        Self { child, url: line["base_url"].as_str().unwrap().to_owned() }
    }

    async fn stats(&self) -> Value {
        let url = self.url.replace("/v1", "/stats");
        let text = reqwest::get(url).await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What one `orch eval` took.
struct Run {
    seconds: f64,
    cpu_seconds: f64,
    peak_mb: u64,
    report: Value,
}

impl Run {
    async fn make(scratch: &Path, mock: &Mock, prompts: usize, limit: Option<usize>) -> Self {
        let dataset = dataset(scratch, prompts);
        let config = scratch.join("orch.toml");
        fs::write(&config, format!("[providers.mock]\ndialect = \"openai\"\nurl = \"{}\"\n", mock.url))
            .unwrap();
        let ledger = tempfile::tempdir_in(scratch).unwrap();
        let mut command = Command::new(ORCH);
        command.arg("--config").arg(config).arg("--ledger").arg(ledger.path().join("ledger.db"));
        command
            .args(["eval", "--quiet", "--json", "--models", "mock/m", "-c", &AT_ONCE.to_string()])
            .arg(dataset);
        if let Some(limit) = limit {
            command.args(["--limit", &limit.to_string()]);
        }
        let before = children_cpu();
        let began = Instant::now();
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut peak_mb = 0;
        let status = loop {
            peak_mb = peak_mb.max(high_water_mb(child.id()));
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        let seconds = began.elapsed().as_secs_f64();
        assert!(status.success());
        let report = serde_json::from_reader(child.stdout.take().unwrap()).unwrap();
        Self { seconds, cpu_seconds: children_cpu() - before, peak_mb, report }
    }
}

/// Sums whose answers the mock knows.
fn dataset(scratch: &Path, prompts: usize) -> PathBuf {
    let path = scratch.join(format!("{prompts}.jsonl"));
    if !path.exists() {
        let mut file = std::io::BufWriter::new(fs::File::create(&path).unwrap());
        for i in 0..prompts {
            let row = serde_json::json!({"id": i.to_string(), "prompt": format!("Compute {i} + {}", i * 3), "expected": i * 4});
            writeln!(file, "{row}").unwrap();
        }
    }
    path
}

/// Requests a second of a loop that sends and reads and does nothing else.
async fn bare_loop(url: &str, requests: usize) -> f64 {
    let client = reqwest::Client::new();
    let url = format!("{url}/chat/completions");
    let body =
        "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Compute 1 + 2\"}]}";
    let began = Instant::now();
    let mut under_way = JoinSet::new();
    for sent in 0..requests {
        if sent >= AT_ONCE {
            under_way.join_next().await.unwrap().unwrap();
        }
        let request = client.post(&url).header("content-type", "application/json").body(body);
        under_way.spawn(async move { request.send().await.unwrap().bytes().await.unwrap().len() });
    }
    while let Some(answer) = under_way.join_next().await {
        assert!(answer.unwrap() > 0);
    }
    count(requests) / began.elapsed().as_secs_f64()
}

/// Seconds of processor time of all children waited for: fields 16 and 17 of proc(5) stat, in hundredths.
fn children_cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: f64 = fields[13..15].iter().map(|field| field.parse::<f64>().unwrap()).sum();
    ticks / 100.0
}

/// The most memory a process has had resident; zero when it has ended.
fn high_water_mb(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) / 1024
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn count(n: usize) -> f64 {
    n as f64
}
