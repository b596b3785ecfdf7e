//! What the end-to-end tests share: a provider on a thread, a home of one's own, and the real binary.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

use orch::base::money::Money;
use orch::ledger::row::{RunRow, SampleRow};
use orch::ledger::{Reader, SampleFilter};
use orch::mock::{Settings, serve};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// The key of every provider; it must never be seen again.
pub(crate) const KEY: &str = "canary-key-4711-do-not-tell";

/// The seven dialects: the provider's name in the configuration, the dialect's, and the base path.
pub(crate) const DIALECTS: [(&str, &str, &str); 7] = [
    ("chat", "openai", "/v1"),
    ("responses", "responses", "/v1"),
    ("claude", "anthropic", "/v1"),
    ("google", "gemini", "/v1beta"),
    ("coral", "cohere", "/v2"),
    ("llama", "ollama", ""),
    ("aws", "bedrock", ""),
];

/// `orch::mock` on a thread of its own.
pub(crate) struct Mock {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Mock {
    pub(crate) fn start(settings: Settings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                listener.set_nonblocking(true).unwrap();
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                serve(listener, settings, async { drop(stopped.await) }).await.unwrap();
            });
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn stats(&self) -> Value {
        let mut socket = TcpStream::connect(self.address).unwrap();
        socket.write_all(b"GET /stats HTTP/1.1\r\nhost: mock\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// Requests seen, refused and failed ones included.
    pub(crate) fn requests(&self) -> u64 {
        self.stats()["requests"].as_u64().unwrap()
    }

    /// Comes back when so many requests were seen. A round trip is its pause.
    pub(crate) fn wait_for(&self, requests: u64) {
        while self.requests() < requests {
            thread::yield_now();
        }
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).ok();
        }
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// A request that a [`Script`] saw.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) target: String,
    pub(crate) headers: String,
    pub(crate) body: Value,
}

/// What a [`Script`] answers: status, header lines, body.
pub(crate) struct Say(pub(crate) u16, pub(crate) &'static str, pub(crate) String);

impl Say {
    /// A whole answer of OpenAI's chat dialect.
    pub(crate) fn chat(text: &str) -> Self {
        let body = json!({
            "id": "c", "object": "chat.completion",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        });
        Self(200, "content-type: application/json\r\n", body.to_string())
    }
}

type Play = dyn Fn(usize, &Seen) -> Say + Send + Sync;

/// A provider that answers by a function of the number of the request, and remembers what it saw.
pub(crate) struct Script {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Script {
    /// Its threads end with the test's process.
    pub(crate) fn start(play: impl Fn(usize, &Seen) -> Say + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, play): (_, Arc<Play>) = (Arc::clone(&seen), Arc::new(play));
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let (log, play) = (Arc::clone(&log), Arc::clone(&play));
                thread::spawn(move || while converse(&socket, &log, &*play).is_some() {});
            }
        });
        Self { address, seen }
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// One exchange; nothing when the client has gone.
fn converse(mut socket: &TcpStream, log: &Mutex<Vec<Seen>>, play: &Play) -> Option<()> {
    let mut reader = BufReader::new(socket);
    let (mut head, mut line) = (String::new(), String::new());
    while reader.read_line(&mut line).ok()? > 2 {
        head.push_str(&line.to_lowercase());
        line.clear();
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.trim().parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let target = head.split(' ').nth(1)?.to_owned();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let seen = Seen { at: Instant::now(), target, headers: head, body };
    let number = {
        let mut log = log.lock().unwrap();
        log.push(seen.clone());
        log.len() - 1
    };
    let Say(status, headers, body) = play(number, &seen);
    let length = body.len();
    write!(socket, "HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\n\r\n{body}").ok()
}

/// A door that a script's answers wait behind.
#[derive(Clone, Default)]
pub(crate) struct Door(Arc<(Mutex<bool>, Condvar)>);

impl Door {
    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub(crate) fn pass(&self) {
        drop(self.0.1.wait_while(self.0.0.lock().unwrap(), |open| !*open).unwrap());
    }
}

/// A directory with home, configuration, datasets and ledger.
pub(crate) struct Desk {
    dir: TempDir,
}

impl Desk {
    /// A desk whose configuration names the seven dialects at an address. Prices: model `m` of the OpenAI
    /// dialect costs 150 nano-dollars a token in and 600 out.
    pub(crate) fn new(base: &str) -> Self {
        Self::with(base, "")
    }

    pub(crate) fn with(base: &str, more: &str) -> Self {
        let mut config = String::new();
        for (name, dialect, path) in DIALECTS {
            let key = "keys = [{ env = \"MOCK_KEY\" }]";
            let url = format!("{base}{path}");
            writeln!(config, "[providers.{name}]\ndialect = {dialect:?}\nurl = {url:?}\n{key}").unwrap();
        }
        config.push_str(
            "[models.priced]\nid = \"chat/m\"\nprice = { input = 0.15, output = 0.60 }\nmax_output = 100\n\
             [defaults]\nretry = { attempts = 3, backoff = \"1ms..2ms\" }\n\
             timeout = { first_token = \"2s\", stall = \"500ms\", total = \"20s\" }\n",
        );
        config.push_str(more);
        let desk = Self { dir: tempfile::tempdir().unwrap() };
        desk.write("orch.toml", config);
        fs::create_dir(desk.path("home")).unwrap();
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Writes `n` sums as `rows.jsonl`.
    pub(crate) fn sums(&self, n: u64) {
        self.write("rows.jsonl", sums(n));
    }

    /// The command, with nothing of the surroundings but the path to programs.
    pub(crate) fn orch(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orch"));
        command.args(args).current_dir(self.dir.path()).env_clear();
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", self.path("home"));
        command.env("MOCK_KEY", KEY).env("LANG", "C.UTF-8").stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.orch(args).output().unwrap())
    }

    /// Runs with bytes on standard input.
    pub(crate) fn feed(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut child = piped(self.orch(args).stdin(Stdio::piped()));
        // It may have ended before it read.
        child.stdin.take().unwrap().write_all(input).ok();
        Ran::of(child.wait_with_output().unwrap())
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.path("home/.local/share/orch/ledger.db")
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::open(&self.ledger()).unwrap()
    }

    pub(crate) fn last(&self) -> RunRow {
        self.reader().run("last").unwrap().unwrap()
    }

    /// The samples of the last run.
    pub(crate) fn samples(&self) -> Vec<SampleRow> {
        let (reader, run) = (self.reader(), self.last());
        let mut rows = Vec::new();
        let each = |row| {
            rows.push(row);
            std::ops::ControlFlow::Continue(())
        };
        reader.samples(&run.id, &SampleFilter::default(), each).unwrap();
        rows
    }

    /// What the ledger says the last run has cost.
    pub(crate) fn spent(&self) -> Money {
        self.reader().spent(&self.last().id).unwrap().known
    }

    /// The files under the desk that hold some bytes.
    pub(crate) fn files_with(&self, needle: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        search(self.dir.path(), needle.as_bytes(), &mut found);
        found
    }
}

/// Starts a command with both outputs piped.
pub(crate) fn piped(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn search(dir: &Path, needle: &[u8], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path, needle, found);
        } else if fs::read(&path).unwrap().windows(needle.len()).any(|part| part == needle) {
            found.push(path);
        }
    }
}

/// Rows that ask for sums and expect them.
pub(crate) fn sums(n: u64) -> String {
    let row = |i: u64| json!({"id": format!("s{i}"), "prompt": sum(i), "expected": i + 7}).to_string() + "\n";
    (0..n).map(row).collect()
}

/// A sum as asked.
pub(crate) fn sum(i: u64) -> String {
    format!("Compute {i} + 7.")
}

/// The tokens the mock counts for a text.
pub(crate) fn tokens(text: &str) -> u64 {
    (text.len() as u64).div_ceil(4)
}

/// The answer of `n` sums in tokens: input and output.
pub(crate) fn sum_tokens(n: u64) -> (u64, u64) {
    ((0..n).map(|i| tokens(&sum(i))).sum(), (0..n).map(|i| tokens(&(i + 7).to_string())).sum())
}

/// What an invocation did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: code(output.status),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Fails with everything that was said unless it ended with this code.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\nstdout: {}\nstderr: {}", self.out, self.err);
        self
    }

    /// Fails unless stderr holds each of these.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.err.contains(word), "no {word:?} in {}", self.err);
        }
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

/// The exit code; a signal's number below zero.
fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status.code().or_else(|| status.signal().map(|signal| -signal)).unwrap_or(i32::MIN)
}

/// Nano-dollars of a decimal in JSON.
#[track_caller]
pub(crate) fn money(value: &Value) -> Money {
    value.as_str().unwrap_or_else(|| panic!("{value} is no money")).parse().unwrap()
}

/// An invocation under way, whose talk is read as it comes.
pub(crate) struct Running {
    child: Child,
    err: BufReader<ChildStderr>,
    said: String,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = piped(command);
        let err = BufReader::new(child.stderr.take().unwrap());
        Self { child, err, said: String::new() }
    }

    /// Reads what it says until it has said some words.
    #[track_caller]
    pub(crate) fn until(&mut self, words: &str) {
        while !self.said.contains(words) {
            let read = self.err.read_line(&mut self.said).unwrap();
            assert!(read > 0, "{words:?} was never said: {}", self.said);
        }
    }

    /// Sends a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Sends a signal to its process group, as a terminal does. It must lead one.
    pub(crate) fn signal_group(&self, name: &str) {
        let kill = format!("kill -s {name} -- -{}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ran {
        self.err.read_to_string(&mut self.said).unwrap();
        let mut ran = Ran::of(self.child.wait_with_output().unwrap());
        ran.err = self.said;
        ran
    }
}
