//! Room on the ledger's disk that is kept for the spool: a file of zeros, there only while a process writes. The
//! spool lies on the same disk as the ledger, and what was spent has to be kept somewhere when that is full.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::schema::private_file;

/// The most that is kept: what about two thousand requests take in the spool.
const MOST: u64 = 1 << 20;
/// Less is of no use.
const LEAST: u64 = 4 << 10;

/// The file; it is deleted when this is dropped, and its room is free then.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    /// Holds the lock that tells others that its process lives.
    file: File,
}

impl Reserve {
    /// Takes room, at most a quarter of what is free, and deletes what processes that are gone have left. A disk
    /// that gives none is no error: nothing is kept then.
    pub(super) fn take(ledger: &Path) -> Option<Self> {
        clear(ledger);
        (0_u32..16).find_map(|n| Self::at(name(ledger, &format!("{}-{n}", std::process::id()))))
    }

    fn at(path: PathBuf) -> Option<Self> {
        let file = private_file().create_new(true).open(&path).ok()?;
        let mut reserve = Self { path, file };
        reserve.file.try_lock().ok()?;
        let disk = rustix::fs::fstatvfs(&reserve.file).ok()?;
        let room = MOST.min(disk.f_bavail.saturating_mul(disk.f_frsize) / 4);
        let zeros = vec![0; usize::try_from(room).ok().filter(|_| room >= LEAST)?];
        // Zeros are written, not only promised: that holds on every file system that does not compress.
        reserve.file.write_all(&zeros).ok()?;
        Some(reserve)
    }
}

impl Drop for Reserve {
    fn drop(&mut self) {
        // Another file system's troubles are told by whoever writes next.
        self.file.set_len(0).ok();
        fs::remove_file(&self.path).ok();
    }
}

/// Deletes the reserves that no process holds.
fn clear(ledger: &Path) {
    let prefix = name(Path::new(ledger.file_name().unwrap_or_default()), "");
    let prefix = prefix.as_os_str().as_encoded_bytes();
    let directory = ledger.parent().filter(|parent| !parent.as_os_str().is_empty());
    for entry in fs::read_dir(directory.unwrap_or(Path::new("."))).into_iter().flatten().flatten() {
        let is_reserve = entry.file_name().as_encoded_bytes().starts_with(prefix);
        let is_left = || File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
        if is_reserve && is_left() {
            fs::remove_file(entry.path()).ok();
        }
    }
}

fn name(ledger: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(ledger);
    name.push(format!(".reserve-{suffix}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(home: &Path) -> Vec<(String, u64)> {
        let entry = |entry: Result<fs::DirEntry, _>| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().len())
        };
        fs::read_dir(home).unwrap().map(entry).collect()
    }

    #[test]
    fn room_is_kept_while_it_is_held_and_what_the_dead_left_is_cleared() {
        let home = tempfile::tempdir().unwrap();
        let ledger = home.path().join("ledger.db");
        fs::write(name(&ledger, "1-0"), "left").unwrap();
        let held = Reserve::take(&ledger).unwrap();
        let again = Reserve::take(&ledger).unwrap();
        let there = files(home.path());
        assert_eq!(there.len(), 2, "{there:?}");
        assert!(there.iter().all(|(_, length)| (LEAST..=MOST).contains(length)), "{there:?}");
        drop((held, again));
        assert_eq!(files(home.path()), []);
    }
}
