//! Where the recorded answers of a file are, and which of them an item gets.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _};
use std::path::{Path, PathBuf};

use super::bad::Bad;
use super::row::Row;
use super::{Item, MOST_ROW, ReplayError};
use crate::base::at::At;
use crate::base::dice::Dice;

/// How the lines of a file are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Text,
}

/// What a file has for an item.
pub(super) enum Found {
    Row(Box<Row>),
    Nothing,
    /// Several rows with ids of their own answer the same prompt.
    Several,
}

/// A row by its id or its prompt. Four bytes of digest: rows that share one are told apart by reading them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    digest: u32,
    row: u32,
}

/// The rows of a file: 12 bytes for the place of each, and 8 each for its id and its prompt.
#[derive(Debug)]
pub(super) struct Index {
    path: PathBuf,
    file: File,
    /// How many bytes there were.
    size: u64,
    format: Format,
    /// The model whose rows count, where one was picked.
    model: Option<String>,
    /// Where the rows begin.
    offsets: Vec<u64>,
    /// Their lines, from one.
    lines: Vec<u32>,
    /// The rows with an id, in the order of its digests.
    by_id: Vec<Key>,
    /// The rows with a prompt, in the order of its digests.
    by_prompt: Vec<Key>,
}

impl Index {
    /// Reads every row of a file once.
    pub(super) fn open(path: &Path, model: Option<&str>) -> Result<Self, ReplayError> {
        let io = |cause| ReplayError::Io { path: path.to_owned(), cause };
        let mut index = Self {
            path: path.to_owned(),
            file: File::open(path).and_then(uncompressed).map_err(io)?,
            size: 0,
            format: Format::Text,
            model: model.map(str::to_owned),
            offsets: Vec::new(),
            lines: Vec::new(),
            by_id: Vec::new(),
            by_prompt: Vec::new(),
        };
        let models = index.scan()?;
        if let (Some(model), 0) = (model, index.len()) {
            let known: Vec<_> = models.into_iter().collect();
            let known = if known.is_empty() { "no named model".to_owned() } else { known.join(", ") };
            return Err(ReplayError::Model { path: path.to_owned(), model: model.to_owned(), known });
        }
        index.settle();
        index.refuse_duplicates(&index.by_id, &models)?;
        index.refuse_duplicates(&index.by_prompt, &models)?;
        Ok(index)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How many rows count.
    pub(super) const fn len(&self) -> usize {
        self.offsets.len()
    }

    fn io(&self, cause: io::Error) -> ReplayError {
        ReplayError::Io { path: self.path.clone(), cause }
    }

    fn bad(&self, line: u32, problem: String) -> ReplayError {
        ReplayError::Row { path: self.path.clone(), line, problem }
    }

    /// Finds where the rows are; gives the models there are.
    fn scan(&mut self) -> Result<BTreeSet<String>, ReplayError> {
        let file = self.file.try_clone().map_err(|cause| self.io(cause))?;
        let mut reader = BufReader::with_capacity(1 << 16, At::new(&file, 0));
        let (mut bytes, mut line) = (Vec::new(), 0_u32);
        let (mut models, mut bad) = (BTreeSet::new(), Bad::default());
        loop {
            bytes.clear();
            let mut limited = (&mut reader).take(MOST_ROW as u64 + 1);
            let read = limited.read_until(b'\n', &mut bytes).map_err(|cause| self.io(cause))?;
            if read == 0 {
                return bad.none().map(|()| models);
            }
            line = line.checked_add(1).ok_or_else(|| self.bad(line, "the file has too many rows".into()))?;
            if read > MOST_ROW {
                return Err(self.bad(line, "the row is longer than any model's answer".into()));
            }
            if line == 1 && bytes.trim_ascii_start().starts_with(b"{") {
                self.format = Format::Json;
            }
            match self.place(&bytes, line) {
                Ok(model) => models.extend(model),
                Err(error) => bad.add(error),
            }
            self.size += read as u64;
        }
    }

    /// Notes where a row is; gives its model. Blank lines are rows of text, but not of JSON.
    fn place(&mut self, bytes: &[u8], line: u32) -> Result<Option<String>, ReplayError> {
        if self.format == Format::Json && bytes.trim_ascii().is_empty() {
            return Ok(None);
        }
        let read = self.row(bytes, line).map_err(|problem| self.bad(line, problem))?;
        if self.model.as_deref().is_none_or(|model| read.is_by(model)) {
            // There are no more rows than lines, which are counted in as many bits.
            let row = u32::try_from(self.len()).unwrap_or(u32::MAX);
            let key = |text: String| Key { digest: digest(&text), row };
            self.by_id.extend(read.id(line).map(key));
            self.by_prompt.extend(read.prompt_digest().map(key));
            self.offsets.push(self.size);
            self.lines.push(line);
        }
        Ok(read.model)
    }

    /// Orders the keys, and gives back what was set aside for rows that did not come.
    fn settle(&mut self) {
        self.offsets.shrink_to_fit();
        self.lines.shrink_to_fit();
        for keys in [&mut self.by_id, &mut self.by_prompt] {
            keys.shrink_to_fit();
            keys.sort_unstable();
        }
    }

    fn row(&self, bytes: &[u8], line: u32) -> Result<Row, String> {
        match self.format {
            Format::Json => Row::read(bytes),
            Format::Text => Ok(Row::text(&String::from_utf8_lossy(bytes), line)),
        }
    }

    /// Refuses two answers to the same: nobody could say which counts. Rows that share a prompt are told apart
    /// by their ids.
    fn refuse_duplicates(&self, keys: &[Key], models: &BTreeSet<String>) -> Result<(), ReplayError> {
        for same in keys.chunk_by(|a, b| a.digest == b.digest).filter(|same| same.len() > 1) {
            let mut seen: Vec<(Row, u32)> = Vec::new();
            for key in same {
                let (row, line) = self.load(*key)?;
                let clash = seen.iter().find(|(other, at)| is_same((other, *at), (&row, line)));
                if let Some((other, at)) = clash {
                    return Err(self.bad(line, twice(other, *at, &row, models)));
                }
                seen.push((row, line));
            }
        }
        Ok(())
    }

    /// Reads one row again, with its line. The read is short and from the page cache, so it is not worth another
    /// thread. A file that is shorter than it was may have lost the end of the row.
    fn load(&self, key: Key) -> Result<(Row, u32), ReplayError> {
        let (offset, line) = (self.offsets[key.row as usize], self.lines[key.row as usize]);
        let rest = self.size.saturating_sub(offset);
        let mut bytes = Vec::new();
        let mut reader = BufReader::with_capacity(1 << 12, At::new(&self.file, offset)).take(rest);
        reader.read_until(b'\n', &mut bytes).map_err(|cause| self.io(cause))?;
        if !bytes.ends_with(b"\n") && (bytes.len() as u64) < rest {
            return Err(self.io(io::ErrorKind::UnexpectedEof.into()));
        }
        let row = self.row(&bytes, line).map_err(|problem| self.bad(line, problem))?;
        Ok((row, line))
    }

    /// The row for an item. A dataset row with an id is found by it, or by its prompt among rows without one;
    /// a dataset row without an id by its prompt, its file and line, or its line.
    pub(super) fn find(&self, item: &Item) -> Result<Found, ReplayError> {
        let named = |id: &str| {
            self.among(&self.by_id, id, item.repeat, &|row, line| row.id(line).as_deref() == Some(id))
        };
        let by_prompt = || {
            let fits = |row: &Row, _| {
                (item.line.is_some() || !row.is_named()) && row.prompt_digest().as_ref() == Some(&item.prompt)
            };
            self.among(&self.by_prompt, &item.prompt, item.repeat, &fits)
        };
        let Some(line) = item.line else {
            let found = named(&item.id)?;
            return if matches!(found, Found::Nothing) { by_prompt() } else { Ok(found) };
        };
        let found = by_prompt()?;
        if matches!(found, Found::Row(_)) {
            return Ok(found);
        }
        for id in [item.id.clone(), line.to_string()] {
            if let Found::Row(row) = named(&id)? {
                return Ok(Found::Row(row));
            }
        }
        Ok(found)
    }

    /// The row among those with a digest that fits: of the same repeat, or of none in particular.
    fn among(
        &self,
        keys: &[Key],
        text: &str,
        repeat: u32,
        fits: &dyn Fn(&Row, u32) -> bool,
    ) -> Result<Found, ReplayError> {
        let wanted = digest(text);
        let start = keys.partition_point(|key| key.digest < wanted);
        let (mut exact, mut general) = (Vec::new(), Vec::new());
        for key in keys[start..].iter().take_while(|key| key.digest == wanted) {
            let (row, line) = self.load(*key)?;
            match row.repeat {
                _ if !fits(&row, line) => {}
                Some(own) if own == repeat => exact.push(row),
                None => general.push(row),
                Some(_) => {}
            }
        }
        let mut found = if exact.is_empty() { general } else { exact };
        Ok(match (found.pop(), found.is_empty()) {
            (None, _) => Found::Nothing,
            (Some(row), true) => Found::Row(Box::new(row)),
            (Some(_), false) => Found::Several,
        })
    }
}

/// Whether two rows answer the same: the same repeat of the same id, or of the same prompt without an id.
fn is_same((a, a_line): (&Row, u32), (b, b_line): (&Row, u32)) -> bool {
    let has_same_prompt = || !a.is_named() && !b.is_named() && a.prompt_digest() == b.prompt_digest();
    a.repeat == b.repeat
        && match (a.id(a_line), b.id(b_line)) {
            (None, None) => has_same_prompt(),
            (a, b) => a == b,
        }
}

/// What to say of the second of two rows that answer the same.
fn twice(first: &Row, line: u32, second: &Row, models: &BTreeSet<String>) -> String {
    let what = match second.is_named() {
        true => format!("id `{}`", second.id(0).unwrap_or_default()),
        false => "the same prompt".to_owned(),
    };
    if first.model == second.model {
        return format!("{what} is on line {line} already; keep one of them");
    }
    let known = models.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    format!(
        "{what} is on line {line} already, by another model; pick one as replay:FILE#MODEL (there are {known})"
    )
}

fn digest(text: &str) -> u32 {
    // The upper half of 64 bits.
    u32::try_from(Dice::new(0).bits(0, 0, text) >> 32).unwrap_or(u32::MAX)
}

/// The file itself, or a temporary one with what it holds when it is gzipped (RFC 1952 begins with 1f 8b).
fn uncompressed(mut file: File) -> io::Result<File> {
    let mut magic = Vec::new();
    (&mut file).take(2).read_to_end(&mut magic)?;
    file.rewind()?;
    if magic != [0x1f, 0x8b] {
        return Ok(file);
    }
    let mut spool = tempfile::tempfile()?;
    io::copy(&mut flate2::read::MultiGzDecoder::new(BufReader::new(file)), &mut spool)?;
    spool.rewind()?;
    Ok(spool)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::io::Write as _;

    use super::*;

    /// Bytes set aside for the rows of a file.
    fn held(text: &str) -> usize {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let index = Index::open(file.path(), None).unwrap();
        8 * index.offsets.capacity()
            + 4 * index.lines.capacity()
            + size_of::<Key>() * (index.by_id.capacity() + index.by_prompt.capacity())
    }

    #[test]
    fn a_row_takes_28_bytes_of_memory_however_long_it_is() {
        let rows = (0..5_000).fold(String::new(), |mut text, n| {
            writeln!(text, r#"{{"id":"row-{n}","prompt":"what is {n}?","output":"it is {n}"}}"#).unwrap();
            text
        });
        assert_eq!(held(&rows), 28 * 5_000);
    }

    #[test]
    fn a_row_that_lost_its_end_is_an_error_and_never_a_shorter_answer() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"first\nsecond answer").unwrap();
        let index = Index::open(file.path(), None).unwrap();
        let item = |id: &str| Item { id: id.into(), line: None, prompt: String::new(), repeat: 0 };
        assert!(matches!(index.find(&item("2")), Ok(Found::Row(_))));
        file.as_file().set_len(9).unwrap();
        assert!(index.find(&item("2")).is_err());
        assert!(matches!(index.find(&item("1")), Ok(Found::Row(_))));
        file.as_file().set_len(0).unwrap();
        assert!(index.find(&item("1")).is_err());
    }
}
