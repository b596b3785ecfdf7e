//! Chance as a function: a roll depends on the seed and on what it is for, never on what was rolled before.

/// A seeded source of independent rolls. Copies are the same source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dice(u64);

impl Dice {
    /// A source for a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits for a subject, a draw and a purpose. The same arguments give the same bits.
    pub fn bits(self, subject: u64, draw: u64, purpose: &str) -> u64 {
        let mut state = mix(self.0 ^ 0x9e37_79b9_7f4a_7c15);
        for byte in purpose.bytes() {
            state = mix(state ^ u64::from(byte));
        }
        mix(mix(state ^ subject).wrapping_add(mix(draw ^ 0xd1b5_4a32_d192_ed03)))
    }

    /// A number in `[0, 1)`.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    pub fn unit(self, subject: u64, draw: u64, purpose: &str) -> f64 {
        (self.bits(subject, draw, purpose) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A pseudo-random bijection of `0..len`: a four-round Feistel network with cycle walking.
#[derive(Clone, Copy, Debug)]
pub struct Permutation {
    dice: Dice,
    len: u64,
    half_bits: u32,
}

impl Permutation {
    /// The permutation of `0..len` for a seed.
    pub fn new(seed: u64, len: u64) -> Self {
        let bits = 64 - len.saturating_sub(1).leading_zeros();
        Self { dice: Dice::new(seed), len, half_bits: bits.div_ceil(2).max(1) }
    }

    /// Where position `index` goes; `index` must be below the length.
    pub fn at(&self, index: u64) -> u64 {
        assert!(index < self.len, "a position below the length");
        let mut value = self.round_trip(index);
        // Cycle walking: the domain is less than four times the length, so this ends soon.
        while value >= self.len {
            value = self.round_trip(value);
        }
        value
    }

    fn round_trip(&self, value: u64) -> u64 {
        let mask = (1_u64 << self.half_bits) - 1;
        let (mut left, mut right) = (value >> self.half_bits, value & mask);
        for round in 0..4 {
            (left, right) = (right, left ^ (self.dice.bits(right, round, "permutation") & mask));
        }
        (left << self.half_bits) | right
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_roll_depends_on_each_of_its_arguments() {
        let dice = Dice::new(7);
        let rolls = [
            dice.bits(1, 1, "jitter"),
            dice.bits(1, 1, "order"),
            dice.bits(1, 2, "jitter"),
            dice.bits(2, 1, "jitter"),
            Dice::new(8).bits(1, 1, "jitter"),
        ];
        for (i, roll) in rolls.iter().enumerate() {
            assert!(!rolls[..i].contains(roll));
        }
        assert_eq!(rolls[0], Dice::new(7).bits(1, 1, "jitter"));
    }

    #[test]
    fn units_are_spread_evenly() {
        let low = (0..10_000).filter(|i| Dice::new(1).unit(*i, 0, "test") < 0.25).count();
        assert!((2_300..2_700).contains(&low), "{low}");
    }

    proptest! {
        #[test]
        fn a_permutation_hits_every_place_once(seed: u64, len in 1_u64..600) {
            let permutation = Permutation::new(seed, len);
            let mut seen: Vec<_> = (0..len).map(|i| permutation.at(i)).collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..len).collect::<Vec<_>>());
        }
    }
}
