//! `--record`: answers written as they come, one JSON object a line, in the form that `replay:` candidates read.

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::sample::UNSCORED;
use crate::ledger::row::{SampleRow, SampleStatus};
use crate::ledger::{LedgerError, Reader, SampleFilter};
use crate::model::Response;
use crate::wire::replay::MOST_ROW;

/// A recording that cannot be begun or gone on with.
#[derive(Debug, thiserror::Error)]
pub enum TapeError {
    /// A new run would write over something.
    #[error(
        "{} exists; record to another file, or go on with the run that wrote it: --resume RUN --record FILE",
        .0.display()
    )]
    Exists(PathBuf),
    /// The file is not a recording of the run that goes on.
    #[error("{}:{line}: not an answer of run {run}; record to another file", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The line, from one.
        line: u64,
        /// The run that goes on.
        run: String,
    },
    /// The file cannot be read or written.
    #[error("cannot record to {}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// What was answered earlier cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A file of recorded answers that grows with a run. Readable by its owner only, since it holds prompts and
/// answers; a name that ends in `.gz` is gzipped. Every answer is whole in the file once [`Tape::write`]
/// returns. Credentials are added below the seam where answers come from, so none can get here.
#[derive(Debug)]
pub struct Tape {
    out: Out,
}

#[derive(Debug)]
enum Out {
    Plain(File),
    Gzip(GzEncoder<File>),
}

/// A row as written. The input counts what was cached, the output what was reasoning.
#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    repeat: u32,
    model: &'a str,
    prompt: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttft_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failed<'a>>,
    run: &'a str,
}

#[derive(Serialize)]
struct Failed<'a> {
    class: &'a str,
    message: &'a str,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl<'a> Row<'a> {
    fn new(model: &'a str, row: &'a SampleRow, refusal: Option<&'a str>) -> Self {
        let facts = &row.facts;
        let usage = facts.usage.unwrap_or_default();
        // A judge that failed says nothing of the answer.
        let class = facts.failure_class.as_deref().filter(|class| *class != UNSCORED);
        let error = class.map(|class| Failed { class, message: row.failure.as_deref().unwrap_or_default() });
        let has_answer = error.is_none() && refusal.is_none();
        Self {
            id: &row.id,
            repeat: facts.key.repeat,
            model,
            prompt: &row.prompt,
            output: has_answer.then_some(&*row.answer),
            refusal,
            tool_calls: row.tool_calls.as_deref().and_then(|calls| serde_json::from_str(calls).ok()),
            finish_reason: row.finish.as_deref(),
            input_tokens: usage.total_input(),
            output_tokens: usage.output,
            cached_input_tokens: usage.cached_input,
            cache_write_tokens: usage.cache_write,
            reasoning_tokens: usage.reasoning,
            latency_ms: facts.latency.map(|latency| latency.as_secs_f64() * 1e3),
            ttft_ms: facts.first_token.map(|first| first.as_secs_f64() * 1e3),
            error,
            run: &row.run,
        }
    }
}

/// What tells the rows of a recording apart.
#[derive(Deserialize)]
struct Key<'a> {
    #[serde(borrow)]
    run: Cow<'a, str>,
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(default)]
    repeat: u32,
}

impl Key<'_> {
    /// What stands for the key in memory: half a SHA-256, so that no two of any run are alike.
    fn digest(&self) -> u128 {
        let mut hash = Sha256::new();
        for text in [&self.model, &self.id] {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        }
        hash.update(self.repeat.to_le_bytes());
        let bytes = hash.finalize();
        bytes.iter().take(16).fold(0, |digest, byte| digest << 8 | u128::from(*byte))
    }
}

/// The answers of the ledger that the file does not have yet: 17 bytes each.
struct Missing {
    digests: Vec<u128>,
    is_taken: Vec<bool>,
}

impl Missing {
    fn new(mut digests: Vec<u128>) -> Self {
        digests.shrink_to_fit();
        digests.sort_unstable();
        Self { is_taken: vec![false; digests.len()], digests }
    }

    /// Takes one answer out; says whether there was one.
    fn take(&mut self, digest: u128) -> bool {
        let start = self.digests.partition_point(|known| *known < digest);
        let same = self.digests[start..].iter().take_while(|known| **known == digest).count();
        let free = (start..start + same).find(|at| !self.is_taken[*at]);
        free.is_some_and(|at| !std::mem::replace(&mut self.is_taken[at], true))
    }
}

impl Tape {
    /// Begins a new file.
    pub fn begin(path: &Path) -> Result<Self, TapeError> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = file.map_err(|cause| match cause.kind() {
            io::ErrorKind::AlreadyExists => TapeError::Exists(path.to_owned()),
            _ => TapeError::Io { path: path.to_owned(), cause },
        })?;
        Ok(Self::over(path, file))
    }

    fn over(path: &Path, file: File) -> Self {
        let is_gzip = path.extension().is_some_and(|ending| ending == "gz");
        let out = match is_gzip {
            true => Out::Gzip(GzEncoder::new(file, Compression::default())),
            false => Out::Plain(file),
        };
        Self { out }
    }

    /// Goes on with the file of a run that is resumed, or makes the file it should have been: exactly the
    /// answers that the ledger has. An answer that was written but never acknowledged is asked again, so it is
    /// taken out; one that was acknowledged but not written is added from the ledger. Samples whose status is not
    /// kept are asked again too. `labels` names the
    /// candidates by place.
    pub fn resume(
        path: &Path,
        run: &str,
        (reader, keeps): (&Reader, &dyn Fn(SampleStatus) -> bool),
        labels: &[String],
    ) -> Result<Self, TapeError> {
        let io = |cause| TapeError::Io { path: path.to_owned(), cause };
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let part = NamedTempFile::new_in(parent.unwrap_or(Path::new("."))).map_err(io)?;
        let mut tape = Self::over(path, part.as_file().try_clone().map_err(io)?);
        let label =
            |row: &SampleRow| labels.get(row.facts.key.candidate as usize).cloned().unwrap_or_default();
        let digest = |row: &SampleRow| {
            let (model, repeat) = (label(row), row.facts.key.repeat);
            Key { run: (&row.run).into(), model: model.into(), id: (&row.id).into(), repeat }.digest()
        };
        let mut digests = Vec::new();
        reader.samples(run, &SampleFilter::default(), |row| {
            if keeps(row.facts.status) {
                digests.push(digest(&row));
            }
            ControlFlow::Continue(())
        })?;
        let mut missing = Missing::new(digests);
        tape.keep(path, run, &mut missing)?;
        let mut written = Ok(());
        reader.samples(run, &SampleFilter::default(), |row| {
            if keeps(row.facts.status) && missing.take(digest(&row)) {
                written = tape.write(&label(&row), &row, None);
            }
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        written.map_err(io)?;
        part.persist(path).map_err(|error| io(error.error))?;
        Ok(tape)
    }

    /// Copies the rows of an earlier file that the ledger has too, and takes them from what is missing.
    fn keep(&mut self, path: &Path, run: &str, missing: &mut Missing) -> Result<(), TapeError> {
        let io = |cause| TapeError::Io { path: path.to_owned(), cause };
        let mut lines = match File::open(path) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
            file => BufReader::new(decoded(path, file.map_err(io)?)),
        };
        let (mut bytes, mut line) = (Vec::new(), 0);
        loop {
            bytes.clear();
            match (&mut lines).take(MOST_ROW as u64 + 1).read_until(b'\n', &mut bytes) {
                Ok(read) if read > MOST_ROW => {
                    let told = format!("line {} is longer than {MOST_ROW} bytes, as no answer is", line + 1);
                    return Err(io(io::Error::new(io::ErrorKind::InvalidData, told)));
                }
                Ok(_) => {}
                // A gzip stream that a kill cut off ends like this.
                Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => {}
                Err(cause) => return Err(io(cause)),
            }
            line += 1;
            if !bytes.ends_with(b"\n") {
                // The end, or half a row before it.
                return Ok(());
            }
            let key = serde_json::from_slice::<Key<'_>>(&bytes).ok().filter(|key| key.run == run);
            let foreign = || TapeError::Foreign { path: path.to_owned(), line, run: run.to_owned() };
            if missing.take(key.ok_or_else(foreign)?.digest()) {
                self.put(&bytes).map_err(io)?;
            }
        }
    }

    /// Writes one answer. `response` is the whole answer, where it is still at hand: the ledger does not keep
    /// the words of a refusal apart.
    pub fn write(&mut self, model: &str, row: &SampleRow, response: Option<&Response>) -> io::Result<()> {
        let choice = response.and_then(|response| response.choices.first());
        let refusal = choice.and_then(|choice| choice.refusal.as_deref());
        let mut line = serde_json::to_vec(&Row::new(model, row, refusal))?;
        line.push(b'\n');
        self.put(&line)
    }

    fn put(&mut self, line: &[u8]) -> io::Result<()> {
        match &mut self.out {
            Out::Plain(file) => file.write_all(line),
            Out::Gzip(encoder) => {
                encoder.write_all(line)?;
                encoder.flush()
            }
        }
    }

    /// Ends the file.
    pub fn close(self) -> io::Result<()> {
        match self.out {
            Out::Plain(file) => file.sync_all(),
            Out::Gzip(encoder) => encoder.finish()?.sync_all(),
        }
    }
}

/// Says before anything is sent whether a new recording may be begun.
pub fn check(path: &Path) -> Result<(), TapeError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Err(TapeError::Exists(path.to_owned())),
        Err(_) => Ok(()),
    }
}

fn decoded(path: &Path, file: File) -> Box<dyn Read> {
    match path.extension().is_some_and(|ending| ending == "gz") {
        true => Box::new(MultiGzDecoder::new(BufReader::new(file))),
        false => Box::new(file),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(model: &str, id: &str, repeat: u32) -> u128 {
        Key { run: "r".into(), model: model.into(), id: id.into(), repeat }.digest()
    }

    #[test]
    fn an_answer_is_taken_once_and_told_by_its_model_its_id_and_its_repeat() {
        let keys = [("a", "b", 0), ("a", "b", 1), ("ab", "", 0), ("", "ab", 0)];
        let digests = || keys.map(|(model, id, repeat)| digest(model, id, repeat));
        let mut missing = Missing::new(digests().to_vec());
        for digest in digests() {
            assert!(missing.take(digest));
            assert!(!missing.take(digest), "it is in the file already");
        }
        assert!(!missing.take(digest("a", "c", 0)), "the ledger does not have it");
    }

    #[test]
    fn answers_that_nothing_tells_apart_are_as_many_as_there_are() {
        let same = digest("a", "b", 0);
        let mut missing = Missing::new(vec![same, same]);
        assert_eq!([0; 3].map(|_| missing.take(same)), [true, true, false]);
    }
}
