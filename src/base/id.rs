//! Identifiers: request ids as UUID version 7 (RFC 9562), run ids short enough to type.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use jiff::Timestamp;

use super::dice::Dice;

/// 64 bits from the operating system's randomness. The only chance that no seed decides: two runs with the
/// same seed must not share identifiers.
pub fn entropy() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A source of identifiers; unique across processes with all but certainty.
#[derive(Clone, Copy, Debug)]
pub struct Ids(Dice);

impl Ids {
    /// A source for this process.
    pub fn new(entropy: u64) -> Self {
        Self(Dice::new(entropy))
    }

    /// A UUID version 7 of this moment, distinct for each subject and purpose.
    pub fn uuid(&self, now: Timestamp, subject: u64, purpose: &str) -> String {
        let millis = u64::try_from(now.as_millisecond()).unwrap_or(0) & 0xffff_ffff_ffff;
        let (a, b) = (self.0.bits(subject, 0, purpose), self.0.bits(subject, 1, purpose));
        let version = 0x7000 | (a & 0x0fff);
        let variant = 0x8000 | (a >> 12 & 0x3fff);
        let node = b & 0xffff_ffff_ffff;
        format!("{:08x}-{:04x}-{version:04x}-{variant:04x}-{node:012x}", millis >> 16, millis & 0xffff)
    }

    /// A run id such as `r7k2m9xw`: seven letters and digits that are not mistaken for each other.
    pub fn run(&self, now: Timestamp) -> String {
        const ALPHABET: &[u8; 32] = b"23456789abcdefghjkmnpqrstuvwxyz0";
        let bits = self.0.bits(u64::try_from(now.as_nanosecond() & 0xffff_ffff).unwrap_or(0), 0, "run");
        let letter = |at: u64| char::from(ALPHABET[usize::try_from(bits >> (5 * at) & 31).unwrap_or(0)]);
        std::iter::once('r').chain((0..7).map(letter)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_its_version_variant_and_time() {
        let ids = Ids::new(1);
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let id = ids.uuid(now, 5, "sample");
        let parts: Vec<_> = id.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{id}");
        assert!(parts[2].starts_with('7') && "89ab".contains(&parts[3][..1]), "{id}");
        let millis = i64::from_str_radix(&format!("{}{}", parts[0], parts[1]), 16).unwrap();
        assert_eq!(millis, now.as_millisecond());
        assert_ne!(id, ids.uuid(now, 6, "sample"));
        assert_ne!(id, Ids::new(2).uuid(now, 5, "sample"));
        assert_eq!(ids.run(now).len(), 8);
    }
}
