//! Files named by a user, read up to a bound: a name mistyped may lead to a disk's image or to a device without end.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

/// Reads a file of UTF-8 text of at most `most` bytes. A longer one fails with its size, where it has one, and the
/// most; no more than that is ever read.
pub fn text(path: &Path, most: u64) -> io::Result<String> {
    let bytes = bytes(path, most)?;
    String::from_utf8(bytes).map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// Reads a file of at most `most` bytes, as [`text`] does.
pub fn bytes(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let size = file.metadata().map_or(0, |about| about.len());
    let mut bytes = Vec::new();
    if size <= most {
        file.take(most + 1).read_to_end(&mut bytes)?;
    }
    if size > most || bytes.len() as u64 > most {
        // A device and a pipe say that they have none.
        let size = if size > most { format!("{size} bytes") } else { "more".to_owned() };
        let message = format!("it holds {size}, and at most {most} bytes are read; is it the right file?");
        return Err(io::Error::new(ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_the_bound_and_one_beyond_it_says_its_size() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(text(&path, 5).unwrap(), "12345");
        let told = text(&path, 4).unwrap_err().to_string();
        assert_eq!(told, "it holds 5 bytes, and at most 4 bytes are read; is it the right file?");
        std::fs::write(&path, [0xff]).unwrap();
        assert_eq!(text(&path, 4).unwrap_err().to_string(), "it is not UTF-8 text");
        assert_eq!(bytes(&path, 4).unwrap(), [0xff]);
    }

    #[cfg(unix)]
    #[test]
    fn a_device_without_end_is_not_read_to_it() {
        let told = text(Path::new("/dev/zero"), 1 << 10).unwrap_err().to_string();
        assert_eq!(told, "it holds more, and at most 1024 bytes are read; is it the right file?");
    }
}
