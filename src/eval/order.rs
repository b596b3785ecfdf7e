//! In which order samples are taken: items in a seeded permutation, so that a run that is stopped is a
//! random sample; candidates one after the other on each item, each going first equally often.

use crate::base::dice::Permutation;
use crate::ledger::row::SampleKey;

/// The samples of a run, in order. Repeats come last: every item once before any item twice.
#[derive(Clone, Debug)]
pub struct Order {
    items: Permutation,
    taken: u64,
    repeats: u32,
    candidates: u32,
    next: u64,
}

impl Order {
    /// The order over `items` rows of which `taken` are used.
    pub fn new(seed: u64, items: u64, taken: u64, repeats: u32, candidates: u32) -> Self {
        Self { items: Permutation::new(seed, items), taken: taken.min(items), repeats, candidates, next: 0 }
    }

    /// How many samples there are.
    pub fn len(&self) -> u64 {
        self.taken * u64::from(self.repeats) * u64::from(self.candidates)
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Iterator for Order {
    type Item = SampleKey;

    fn next(&mut self) -> Option<SampleKey> {
        if self.next >= self.len() {
            return None;
        }
        let candidates = u64::from(self.candidates);
        let (place, turn) = (self.next / candidates, self.next % candidates);
        self.next += 1;
        let narrow = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        Some(SampleKey {
            item: self.items.at(place % self.taken),
            candidate: narrow((place + turn) % candidates),
            repeat: narrow(place / self.taken),
        })
    }
}

/// The samples that are finished: one bit each.
#[derive(Clone, Debug)]
pub struct Finished {
    bits: Vec<u64>,
    repeats: u64,
    candidates: u64,
}

impl Finished {
    /// Nothing finished.
    pub fn new(items: u64, repeats: u32, candidates: u32) -> Self {
        let (repeats, candidates) = (u64::from(repeats), u64::from(candidates));
        let words = usize::try_from((items * repeats * candidates).div_ceil(64)).unwrap_or(usize::MAX);
        Self { bits: vec![0; words], repeats, candidates }
    }

    /// Marks one; a key outside the run is ignored.
    pub fn insert(&mut self, key: SampleKey) {
        let at = self.at(key);
        if let Some(word) = self.bits.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
    }

    /// Whether it is finished.
    pub fn contains(&self, key: SampleKey) -> bool {
        let at = self.at(key);
        self.bits.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    fn at(&self, key: SampleKey) -> usize {
        let place = (key.item * self.repeats + u64::from(key.repeat)) * self.candidates;
        usize::try_from(place + u64::from(key.candidate)).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_sample_comes_once_and_every_candidate_goes_first_equally_often() {
        let keys: Vec<_> = Order::new(7, 10, 10, 2, 3).collect();
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), 60);
        assert!(keys[..30].iter().all(|key| key.repeat == 0), "every item once before any item twice");
        let firsts = keys.chunks(3).filter(|chunk| chunk[0].candidate == 0).count();
        assert!((6..=7).contains(&firsts));
        for chunk in keys.chunks(3) {
            assert!(chunk.iter().all(|key| key.item == chunk[0].item), "candidates share their item");
        }
    }

    #[test]
    fn a_limit_takes_a_random_part_of_the_items() {
        let items: BTreeSet<_> = Order::new(7, 1_000, 10, 1, 1).map(|key| key.item).collect();
        assert_eq!(items.len(), 10);
        assert_ne!(items, (0..10).collect());
    }

    #[test]
    fn what_is_finished_is_remembered_one_by_one() {
        let mut finished = Finished::new(10, 2, 3);
        let keys: Vec<_> = Order::new(7, 10, 10, 2, 3).collect();
        for (i, key) in keys.iter().enumerate() {
            assert!(!finished.contains(*key));
            finished.insert(*key);
            assert!(keys[..=i].iter().all(|key| finished.contains(*key)));
        }
    }
}
