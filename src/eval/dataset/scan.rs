//! The first pass over a file: every row is checked as if it were to be asked, and only its place is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::lines::{Flaw, Lines, MOST_BYTES, Place};
use super::row::{Recipe, Seat, id_of};
use super::store::{Store, Taken, read_file, read_stream};
use super::table::Header;
use super::{Format, LineMap, Source};
use crate::eval::problem::{Problem, Problems};
use crate::eval::scorer::{Effect, Scorer};
use crate::model::Object;

/// A file that has been read.
pub(super) struct Scanned {
    pub(super) source: Source,
    pub(super) offsets: Vec<u64>,
    /// What is wrong with rows, all of which are left out.
    pub(super) problems: Problems,
    /// The models that scorers ask.
    pub(super) models: BTreeSet<(Effect, String)>,
    /// The names of scorers.
    pub(super) scorers: BTreeSet<String>,
}

/// What is wrong with a row.
#[derive(Debug)]
pub(super) struct RowError {
    column: Option<u64>,
    pub(super) message: String,
}

impl From<String> for RowError {
    fn from(message: String) -> Self {
        Self { column: None, message }
    }
}

/// Reads and checks one file. The error is a problem of the file as a whole.
pub(super) fn scan(
    path: &Path,
    format: Option<Format>,
    recipe: &Recipe,
    first: u64,
) -> Result<Scanned, Problem> {
    let is_stdin = path == Path::new("-");
    let name: Arc<str> = if is_stdin { "stdin".into() } else { path.to_string_lossy().into() };
    let short = if is_stdin { "stdin".into() } else { short_name(path) };
    let format = format.or_else(|| by_ending(path));
    if format.is_none() && !is_stdin && path.exists() && short.trim_end_matches(".gz").contains('.') {
        let cause = "has an ending that tells no format; name it .jsonl, .csv, .tsv or .txt, or say --format";
        return Err(Problem::of_file(&name, cause));
    }
    if !is_stdin && is_falsely_gz(path) {
        return Err(Problem::of_file(&name, "is not gzipped, whatever its name says; gzip it, or rename it"));
    }
    let mut pass = Pass::new(recipe, Arc::clone(&name), short, first);
    let run = |reader: &mut dyn Read| pass.run(reader, format);
    let taken = if is_stdin { read_stream(io::stdin().lock(), run) } else { read_file(path, run) };
    match taken {
        Ok(Taken { result: Err(problem), .. }) => Err(problem),
        Ok(Taken { store, sha256, bytes, result: Ok((format, header)) }) => {
            let rows = Rows { store, format, header };
            pass.finish(rows, sha256, bytes)
        }
        Err(error) => {
            let cause = match error.kind() {
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput => {
                    format!("cannot be decompressed: {error}; the file is cut short or damaged")
                }
                _ => format!("cannot be read: {error}"),
            };
            Err(Problem::of_file(&name, cause))
        }
    }
}

/// Whether a name ends in `.gz` and the file begins with neither a gzip header (RFC 1952) nor text.
fn is_falsely_gz(path: &Path) -> bool {
    let mut head = Vec::new();
    let is_named = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gz"));
    // Only a file: what is read from a pipe is gone. One that cannot be read is told by whoever reads it.
    let mut read = || File::open(path)?.take(64).read_to_end(&mut head);
    is_named
        && path.is_file()
        && read().is_ok()
        && !head.starts_with(&[0x1f, 0x8b])
        && std::str::from_utf8(&head).is_err_and(|error| error.error_len().is_some())
}

fn short_name(path: &Path) -> String {
    path.file_name()
        .map_or_else(|| path.to_string_lossy().into_owned(), |name| name.to_string_lossy().into_owned())
}

fn by_ending(path: &Path) -> Option<Format> {
    let name = short_name(path).to_lowercase();
    let bare = name.strip_suffix(".gz").unwrap_or(&name);
    match bare.rsplit_once('.')?.1 {
        "jsonl" | "ndjson" | "json" => Some(Format::Jsonl),
        "csv" => Some(Format::Csv),
        "tsv" => Some(Format::Tsv),
        "txt" => Some(Format::Text),
        _ => None,
    }
}

/// The format a first line looks like: JSON, else a table whose header has a prompt column, else text.
fn by_first_line(line: &[u8]) -> Format {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_start();
    if text.starts_with(['{', '[']) {
        return Format::Jsonl;
    }
    let has_prompt = |delimiter: char| {
        let mut names = text.split(delimiter).map(|name| name.trim().trim_matches('"'));
        text.contains(delimiter) && names.any(|name| super::row::PROMPT_KEYS.contains(&name))
    };
    match (has_prompt(','), has_prompt('\t')) {
        (_, true) => Format::Tsv,
        (true, _) => Format::Csv,
        _ => Format::Text,
    }
}

/// A row's fields from its bytes.
pub(super) fn fields(bytes: &[u8], format: Format, header: Option<&Header>) -> Result<Object, RowError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]).chars().count();
        let byte = bytes[error.valid_up_to()];
        let message =
            format!("the byte 0x{byte:02x} is not UTF-8; convert the file (iconv -f latin1 -t utf-8)");
        RowError { column: Some(before as u64 + 1), message }
    })?;
    if let Some(at) = text.find('\0') {
        let column = text[..at].chars().count() as u64 + 1;
        return Err(RowError { column: Some(column), message: "holds a NUL byte; remove it".to_owned() });
    }
    match (format, header) {
        (Format::Text, _) => Ok(std::iter::once(("prompt".to_owned(), Value::from(text))).collect()),
        (_, Some(header)) => header.fields(text).map_err(RowError::from),
        (_, None) => object(text),
    }
}

fn object(text: &str) -> Result<Object, RowError> {
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(Value::Array(_)) => {
            Err("is a JSON array; write one object per line (jq -c '.[]' does that)".to_owned().into())
        }
        Ok(_) => Err("is not a JSON object; write one object per line".to_owned().into()),
        Err(error) => {
            let column = text.char_indices().take_while(|(at, _)| at + 1 < error.column()).count() as u64 + 1;
            let cause = error.to_string();
            let cause = cause.split(" at line ").next().unwrap_or(&cause);
            let cause = in_words(cause, text, error.column());
            let hint = if error.is_eof() { "; a row must stand on one line" } else { "" };
            Err(RowError { column: Some(column), message: format!("is not JSON: {cause}{hint}") })
        }
    }
}

/// What a parser stumbled over, in words; `column` is in bytes from one.
fn in_words(cause: &str, text: &str, column: usize) -> String {
    const MOST: usize = 24;
    if !["expected ident", "expected value"].contains(&cause) {
        return cause.to_owned();
    }
    let stop = |c: char| c.is_whitespace() || ",:{}[]\"".contains(c);
    let at = text.floor_char_boundary(column.saturating_sub(1));
    let start = text[..at].rfind(stop).map_or(0, |before| text.ceil_char_boundary(before + 1));
    let (word, end) = (&text[start..], |c: char| c.is_whitespace() || ",:}]".contains(c));
    let word = word.find(end).map_or(word, |end| &word[..end]);
    match word.chars().take(MOST).collect::<String>() {
        word if word.is_empty() => "a value is missing".to_owned(),
        word => format!("`{word}` stands where a value should"),
    }
}

/// How the rows of a file can be read again.
struct Rows {
    store: Store,
    format: Format,
    header: Option<Header>,
}

/// The state of a first pass.
struct Pass<'a> {
    recipe: &'a Recipe,
    name: Arc<str>,
    short: String,
    first: u64,
    offsets: Vec<u64>,
    lines: LineMap,
    /// The hash of each row's `id`; zero where it has none.
    ids: Vec<u64>,
    problems: Problems,
    models: BTreeSet<(Effect, String)>,
    scorers: BTreeSet<String>,
}

type Begun = Result<(Format, Option<Header>), Problem>;

impl<'a> Pass<'a> {
    fn new(recipe: &'a Recipe, name: Arc<str>, short: String, first: u64) -> Self {
        let (offsets, lines, ids) = (Vec::new(), LineMap::default(), Vec::new());
        let (problems, models, scorers) = (Problems::default(), BTreeSet::new(), BTreeSet::new());
        Self { recipe, name, short, first, offsets, lines, ids, problems, models, scorers }
    }

    fn run(&mut self, reader: &mut dyn Read, format: Option<Format>) -> io::Result<Begun> {
        let mut head = Vec::new();
        reader.take(3).read_to_end(&mut head)?;
        if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
            let cause = "is UTF-16; convert it (iconv -f utf-16 -t utf-8)";
            return Ok(Err(Problem::of_file(&self.name, cause)));
        }
        let has_mark = head == [0xef, 0xbb, 0xbf];
        let (kept, offset) = if has_mark { (&[][..], 3) } else { (&head[..], 0) };
        let mut lines = Lines::new(kept.chain(reader), 1 << 16, offset, 1);
        let mut bytes = Vec::new();
        let Some(first) = first_line(&mut lines, &mut bytes)? else {
            return Ok(Err(Problem::of_file(&self.name, "is empty; write one row per line")));
        };
        let format = format.unwrap_or_else(|| by_first_line(&bytes));
        lines.put_back(first, bytes);
        let header = match format.delimiter() {
            None => None,
            Some(delimiter) => match self.header(&mut lines, delimiter)? {
                Ok(header) => Some(header),
                Err(problem) => return Ok(Err(problem)),
            },
        };
        self.rows(&mut lines, format, header.as_ref())?;
        if self.offsets.is_empty() && self.problems.is_empty() {
            return Ok(Err(Problem::of_file(&self.name, "has a header but no row")));
        }
        Ok(Ok((format, header)))
    }

    fn header<R: Read>(&self, lines: &mut Lines<R>, delimiter: u8) -> io::Result<Result<Header, Problem>> {
        let mut bytes = Vec::new();
        let place = lines.record(delimiter, &mut bytes)?;
        let line = place.map_or(1, |place| place.line);
        let header = match place.and_then(|place| place.flaw) {
            Some(flaw) => Err(flaw_message(flaw)),
            None => match std::str::from_utf8(&bytes) {
                Ok(text) => Header::read(text, delimiter, self.recipe.template.is_some()),
                Err(_) => {
                    Err("the header is not UTF-8; convert the file (iconv -f latin1 -t utf-8)".to_owned())
                }
            },
        };
        Ok(header.map_err(|message| Problem {
            file: self.name.to_string(),
            line: Some(line),
            column: None,
            message,
        }))
    }

    fn rows<R: Read>(
        &mut self,
        lines: &mut Lines<R>,
        format: Format,
        header: Option<&Header>,
    ) -> io::Result<()> {
        let mut bytes = Vec::new();
        loop {
            let place = match header {
                Some(header) => lines.record(header.delimiter(), &mut bytes)?,
                None => lines.line(&mut bytes)?,
            };
            let Some(place) = place else { return Ok(()) };
            if bytes.iter().all(u8::is_ascii_whitespace) && place.flaw.is_none() {
                continue;
            }
            if let Err(error) = self.row(place, &bytes, format, header) {
                self.problem(place.line, error);
            }
        }
    }

    fn row(
        &mut self,
        place: Place,
        bytes: &[u8],
        format: Format,
        header: Option<&Header>,
    ) -> Result<(), RowError> {
        if let Some(flaw) = place.flaw {
            return Err(flaw_message(flaw).into());
        }
        let fields = fields(bytes, format, header)?;
        let id = id_of(&fields)?;
        let row = self.offsets.len() as u64;
        let seat = Seat { item: self.first + row, file: &self.name, short: &self.short, line: place.line };
        let case = self.recipe.case(fields, &seat)?;
        for (effect, model) in case.scorers.iter().filter_map(Scorer::asks) {
            if !self.models.iter().any(|known| known.0 == effect && known.1 == model) {
                self.models.insert((effect, model.to_owned()));
            }
        }
        for scorer in case.scorers.iter().map(Scorer::name) {
            if !self.scorers.contains(scorer) {
                self.scorers.insert(scorer.to_owned());
            }
        }
        self.ids.push(id.map_or(0, |id| hash(&id)));
        self.lines.push(row, place.line);
        self.offsets.push(place.offset);
        Ok(())
    }

    fn problem(&mut self, line: u64, error: RowError) {
        self.problems.push(Problem {
            file: self.name.to_string(),
            line: Some(line),
            column: error.column,
            message: error.message,
        });
    }

    fn finish(mut self, rows: Rows, sha256: String, bytes: u64) -> Result<Scanned, Problem> {
        if !rows.store.is_unchanged() {
            return Err(Problem::of_file(&self.name, "changed while it was read; run again"));
        }
        let repeated = self
            .repeated(&rows)
            .map_err(|error| Problem::of_file(&self.name, format!("cannot be read again: {error}")))?;
        if !repeated.is_empty() {
            self.leave_out(&repeated);
        }
        self.problems.listed.sort_by_key(|problem| problem.line);
        let source = Source {
            name: self.name,
            short: self.short,
            format: rows.format,
            header: rows.header,
            first: self.first,
            rows: self.offsets.len() as u64,
            lines: self.lines,
            store: rows.store,
            sha256,
            bytes,
        };
        let Self { offsets, problems, models, scorers, .. } = self;
        Ok(Scanned { source, offsets, problems, models, scorers })
    }

    /// The rows whose `id` an earlier row has, with a problem for each. Rows whose hashes are equal are
    /// read again: only equal ids count.
    fn repeated(&mut self, rows: &Rows) -> io::Result<BTreeSet<usize>> {
        let mut sorted = std::mem::take(&mut self.ids);
        let ids = sorted.clone();
        sorted.sort_unstable();
        let shared: BTreeSet<u64> =
            sorted.windows(2).filter(|pair| pair[0] == pair[1] && pair[0] != 0).map(|pair| pair[0]).collect();
        drop(sorted);
        let mut first_of = BTreeMap::new();
        let mut repeated = BTreeSet::new();
        if shared.is_empty() {
            return Ok(repeated);
        }
        for (row, _) in ids.iter().enumerate().filter(|(_, hash)| shared.contains(hash)) {
            let line = self.lines.line(row as u64);
            let Some(id) = rows.id(self.offsets[row], line)? else { continue };
            if let Some(first) = first_of.get(&id) {
                let message =
                    format!("the id {id:?} is that of line {first} already; ids must be unique in a file");
                self.problem(line, message.into());
                repeated.insert(row);
            } else {
                first_of.insert(id, line);
            }
        }
        Ok(repeated)
    }

    fn leave_out(&mut self, repeated: &BTreeSet<usize>) {
        let kept = (0..self.offsets.len()).filter(|row| !repeated.contains(row));
        let (mut offsets, mut lines) = (Vec::new(), LineMap::default());
        for row in kept {
            lines.push(offsets.len() as u64, self.lines.line(row as u64));
            offsets.push(self.offsets[row]);
        }
        (self.offsets, self.lines) = (offsets, lines);
    }
}

impl Rows {
    fn id(&self, offset: u64, line: u64) -> io::Result<Option<String>> {
        let mut lines = Lines::new(self.store.at(offset), 1 << 12, offset, line);
        let mut bytes = Vec::new();
        match &self.header {
            Some(header) => lines.record(header.delimiter(), &mut bytes)?,
            None => lines.line(&mut bytes)?,
        };
        let fields = fields(&bytes, self.format, self.header.as_ref()).ok();
        Ok(fields.and_then(|fields| id_of(&fields).ok()).flatten())
    }
}

/// The first line that is not blank.
fn first_line<R: Read>(lines: &mut Lines<R>, out: &mut Vec<u8>) -> io::Result<Option<Place>> {
    loop {
        match lines.line(out)? {
            Some(place) if place.flaw.is_none() && out.iter().all(u8::is_ascii_whitespace) => {}
            other => return Ok(other),
        }
    }
}

fn flaw_message(flaw: Flaw) -> String {
    match flaw {
        Flaw::Overlong => format!("the row is longer than {} MiB; shorten it", MOST_BYTES >> 20),
        Flaw::OpenQuote => "a quoted cell that begins here is not closed; add the missing \"".to_owned(),
    }
}

fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish().max(1)
}
