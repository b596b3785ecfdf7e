//! A mergeable sketch of durations: any quantile within half a percent, in a few hundred bytes.
//!
//! An H2 histogram (Yang, "H2 Histogram", iop.systems 2023; the layout of the `histogram` crate) with
//! grouping power 7: values below 256 µs are kept exactly, and every power of two above them is cut into
//! 128 equal buckets. A bucket is at most 1/128 of its value wide, so its middle is at most 0.4 % off.
//! Everything is an integer, so merging is exact and its order does not matter.

use std::time::Duration;

/// Buckets per power of two, as a power of two.
const GROUPING_POWER: u8 = 7;
const PER_GROUP: u64 = 1 << GROUPING_POWER;
/// Values are clamped below 2^34 µs, which is 4.8 hours.
const VALUE_BITS: u32 = 34;
const MOST_BUCKETS: u64 = (VALUE_BITS - GROUPING_POWER as u32 + 1) as u64 * PER_GROUP;
/// The version of the encoding, its first byte. The second byte is the grouping power.
const VERSION: u8 = 1;

/// Counts of durations by bucket. Counts saturate; durations are taken in whole microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    /// One count per bucket, up to the last that is not zero.
    counts: Vec<u64>,
}

/// Why bytes are not a sketch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SketchError {
    /// The first two bytes are not this version and grouping power.
    #[error("not a sketch this version can read")]
    Version,
    /// A number is cut off, too large, or zero where it cannot be.
    #[error("a damaged sketch")]
    Damaged,
}

impl Sketch {
    /// Counts one duration; above 4.8 hours it counts as 4.8 hours.
    pub fn record(&mut self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.add(bucket(micros), 1);
    }

    /// Adds what another sketch has counted.
    pub fn merge(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine = mine.saturating_add(*theirs);
        }
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The nearest-rank quantile for a share between 0 and 1, as the middle of its bucket; `None` when
    /// nothing was counted.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank is a count times a share in 0..=1; below 2^53 the product is exact enough"
    )]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let rank = ((share.clamp(0.0, 1.0) * self.count() as f64).ceil() as u64).max(1);
        let mut seen = 0_u64;
        let found = self.counts.iter().position(|count| {
            seen = seen.saturating_add(*count);
            seen >= rank
        })?;
        Some(Duration::from_micros(middle(found as u64)))
    }

    /// The sketch as bytes: version, grouping power, then a pair of LEB128 numbers for every bucket that
    /// is not empty: its distance from the bucket before, and its count.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION, GROUPING_POWER];
        let mut next = 0;
        for (index, count) in (0_u64..).zip(&self.counts) {
            if *count > 0 {
                push_number(&mut bytes, index - next);
                push_number(&mut bytes, *count);
                next = index + 1;
            }
        }
        bytes
    }

    /// The sketch of bytes made by [`Sketch::encode`].
    pub fn decode(bytes: &[u8]) -> Result<Self, SketchError> {
        let [VERSION, GROUPING_POWER, rest @ ..] = bytes else { return Err(SketchError::Version) };
        let (mut sketch, mut rest, mut next) = (Self::default(), rest, 0_u64);
        while !rest.is_empty() {
            let gap = take_number(&mut rest)?;
            let count = take_number(&mut rest)?;
            let index = next.checked_add(gap).filter(|index| *index < MOST_BUCKETS);
            let index = index.filter(|_| count > 0).ok_or(SketchError::Damaged)?;
            sketch.add(index, count);
            next = index + 1;
        }
        Ok(sketch)
    }

    fn add(&mut self, bucket: u64, count: u64) {
        let index = usize::try_from(bucket).expect("a bucket is below 3,584");
        if self.counts.len() <= index {
            self.counts.resize(index + 1, 0);
        }
        self.counts[index] = self.counts[index].saturating_add(count);
    }
}

/// The bucket of a number of microseconds.
fn bucket(micros: u64) -> u64 {
    let value = micros.min((1 << VALUE_BITS) - 1);
    if value < 2 * PER_GROUP {
        return value;
    }
    let shift = value.ilog2() - u32::from(GROUPING_POWER);
    u64::from(shift) * PER_GROUP + (value >> shift)
}

/// The middle of a bucket in microseconds: the inverse of [`bucket`].
fn middle(bucket: u64) -> u64 {
    if bucket < 2 * PER_GROUP {
        return bucket;
    }
    let shift = bucket / PER_GROUP - 1;
    let low = (PER_GROUP + bucket % PER_GROUP) << shift;
    low + ((1 << shift) - 1) / 2
}

fn push_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

fn take_number(bytes: &mut &[u8]) -> Result<u64, SketchError> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(SketchError::Damaged)?;
        *bytes = rest;
        let part = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit.
        if part << shift >> shift != part {
            return Err(SketchError::Damaged);
        }
        number |= part << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(SketchError::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(micros: &[u64]) -> Sketch {
        let mut sketch = Sketch::default();
        for value in micros {
            sketch.record(Duration::from_micros(*value));
        }
        sketch
    }

    /// From microseconds to hours, each power of two as likely as any other.
    fn durations() -> impl Strategy<Value = Vec<u64>> {
        proptest::collection::vec((0_u32..VALUE_BITS, any::<u64>()).prop_map(|(p, x)| x % (2 << p)), 1..200)
    }

    #[test]
    fn buckets_are_in_order_without_a_gap() {
        let mut before = bucket(0);
        for value in 1..100_000 {
            let now = bucket(value);
            assert!(now == before || now == before + 1, "{value}");
            before = now;
        }
        assert_eq!(bucket(u64::MAX), MOST_BUCKETS - 1);
        for index in 0..MOST_BUCKETS {
            assert_eq!(bucket(middle(index)), index, "the middle of a bucket is in it");
        }
    }

    #[test]
    fn one_duration_takes_a_handful_of_bytes() {
        assert_eq!(of(&[900_000]).encode().len(), 5);
        assert_eq!(of(&[5]).encode(), [VERSION, 7, 5, 1]);
        assert_eq!(of(&[]).quantile(0.5), None);
        assert!(Sketch::decode(&of(&[]).encode()).unwrap().is_empty());
    }

    #[test]
    fn bytes_of_another_version_are_refused() {
        assert_eq!(Sketch::decode(&[]), Err(SketchError::Version));
        assert_eq!(Sketch::decode(&[2, 7]), Err(SketchError::Version));
        assert_eq!(Sketch::decode(&[1, 8]), Err(SketchError::Version));
        let damaged: [&[u8]; 4] =
            [&[1, 7, 3], &[1, 7, 3, 0], &[1, 7, 0xff, 0x7f, 1], &[1, 7, 0x80, 0x80, 0x80]];
        for bytes in damaged {
            assert_eq!(Sketch::decode(bytes), Err(SketchError::Damaged), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn a_quantile_is_within_a_hundredth_of_the_exact_one(mut micros in durations(), share in 0.0..=1.0_f64) {
            let sketch = of(&micros);
            micros.sort_unstable();
            #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss,
                reason = "a test of at most 200 values")]
            let rank = ((share * micros.len() as f64).ceil() as usize).max(1);
            let exact = Duration::from_micros(micros[rank - 1].min((1 << VALUE_BITS) - 1));
            let off = sketch.quantile(share).unwrap().abs_diff(exact);
            prop_assert!(off <= exact / 100, "{off:?} off {exact:?}");
        }

        #[test]
        fn merging_is_recording_both(a in durations(), b in durations()) {
            let mut merged = of(&a);
            merged.merge(&of(&b));
            prop_assert_eq!(&merged, &of(&[a, b].concat()));
        }

        #[test]
        fn encoding_loses_nothing(micros in durations()) {
            let sketch = of(&micros);
            prop_assert_eq!(sketch.count(), micros.len() as u64);
            prop_assert_eq!(Sketch::decode(&sketch.encode()), Ok(sketch));
        }

        #[test]
        fn no_bytes_panic(mut bytes: Vec<u8>) {
            prop_assert!(Sketch::decode(&bytes).is_err() || bytes.starts_with(&[VERSION, GROUPING_POWER]));
            bytes.splice(0..0, [VERSION, GROUPING_POWER]);
            if let Ok(sketch) = Sketch::decode(&bytes) {
                prop_assert_eq!(Sketch::decode(&sketch.encode()), Ok(sketch));
            }
        }
    }
}
