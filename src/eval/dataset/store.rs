//! The bytes of one dataset file: hashed as they are read, decompressed and spooled where they cannot be
//! read twice, and read again by position.

use std::fs::File;
use std::io::{self, BufWriter, Cursor, Read, Write};
use std::path::Path;
use std::time::SystemTime;

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use crate::base::at::At;
use crate::base::hex::hex;

/// A file that can be read by position for as long as it does not change.
#[derive(Debug)]
pub(super) struct Store {
    file: File,
    /// Length and time of change when the reading began; absent for spooled files, which are ours alone.
    print: Option<(u64, SystemTime)>,
}

impl Store {
    /// Whether the file is as it was when the reading began.
    pub(super) fn is_unchanged(&self) -> bool {
        match self.print {
            None => true,
            Some(print) => fingerprint(&self.file).is_ok_and(|now| now == print),
        }
    }

    /// A reader from a position on, which leaves every other reader's position alone.
    pub(super) fn at(&self, offset: u64) -> At<'_> {
        At::new(&self.file, offset)
    }
}

fn fingerprint(file: &File) -> io::Result<(u64, SystemTime)> {
    let metadata = file.metadata()?;
    Ok((metadata.len(), metadata.modified()?))
}

/// What reading a file once leaves behind.
pub(super) struct Taken<T> {
    pub(super) store: Store,
    /// SHA-256 of the raw bytes, in hex.
    pub(super) sha256: String,
    /// How many raw bytes there are.
    pub(super) bytes: u64,
    pub(super) result: T,
}

/// Reads a file from beginning to end with `scan`.
pub(super) fn read_file<T>(
    path: &Path,
    scan: impl FnOnce(&mut dyn Read) -> io::Result<T>,
) -> io::Result<Taken<T>> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory; name the files in it"));
    }
    // A pipe (`<(command)`) cannot be read twice.
    if !file.metadata()?.is_file() {
        return read_stream(file, scan);
    }
    let print = fingerprint(&file)?;
    let again = file.try_clone()?;
    take(file, Some(Store { file: again, print: Some(print) }), scan)
}

/// Reads a stream from beginning to end with `scan`, keeping its bytes in a temporary file without a name.
pub(super) fn read_stream<T>(
    stream: impl Read,
    scan: impl FnOnce(&mut dyn Read) -> io::Result<T>,
) -> io::Result<Taken<T>> {
    take(stream, None, scan)
}

fn take<T>(
    raw: impl Read,
    store: Option<Store>,
    scan: impl FnOnce(&mut dyn Read) -> io::Result<T>,
) -> io::Result<Taken<T>> {
    let mut tap = Tap { inner: raw, sha: Sha256::new(), bytes: 0 };
    let mut head = Vec::new();
    (&mut tap).take(2).read_to_end(&mut head)?;
    let is_gzip = head == [0x1f, 0x8b];
    let whole = Cursor::new(head).chain(&mut tap);
    let (store, result) = match (store, is_gzip) {
        (Some(store), false) => {
            let mut whole = whole;
            (store, scan(&mut whole)?)
        }
        (_, false) => spool(whole, scan)?,
        (_, true) => spool(MultiGzDecoder::new(whole), scan)?,
    };
    // What the scan or the decoder left unread belongs to the hash as well.
    io::copy(&mut tap, &mut io::sink())?;
    Ok(Taken { store, sha256: hex(&tap.sha.finalize()), bytes: tap.bytes, result })
}

fn spool<T>(inner: impl Read, scan: impl FnOnce(&mut dyn Read) -> io::Result<T>) -> io::Result<(Store, T)> {
    let mut tee = Tee { inner, out: BufWriter::with_capacity(1 << 16, tempfile::tempfile()?) };
    let result = scan(&mut tee)?;
    let file = tee.out.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok((Store { file, print: None }, result))
}

/// Hashes what passes.
struct Tap<R> {
    inner: R,
    sha: Sha256,
    bytes: u64,
}

impl<R: Read> Read for Tap<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        self.sha.update(&out[..count]);
        self.bytes += count as u64;
        Ok(count)
    }
}

/// Copies what passes.
struct Tee<R> {
    inner: R,
    out: BufWriter<File>,
}

impl<R: Read> Read for Tee<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        self.out.write_all(&out[..count])?;
        Ok(count)
    }
}
