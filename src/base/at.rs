//! Reading a file from a place in it, whoever else reads it.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;

/// A file read by position: it has a place of its own and moves nobody else's.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    file: &'a File,
    offset: u64,
}

impl<'a> At<'a> {
    /// Begins at so many bytes from the start.
    pub const fn new(file: &'a File, offset: u64) -> Self {
        Self { file, offset }
    }
}

impl Read for At<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(out, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn two_readers_of_one_file_keep_their_own_places() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"abcdef").unwrap();
        let (mut first, mut second) = (At::new(&file, 1), At::new(&file, 4));
        let mut two = [0; 2];
        first.read_exact(&mut two).unwrap();
        assert_eq!(&two, b"bc");
        second.read_exact(&mut two).unwrap();
        assert_eq!(&two, b"ef");
        first.read_exact(&mut two).unwrap();
        assert_eq!(&two, b"de");
        assert_eq!(second.read(&mut two).unwrap(), 0);
    }
}
