//! Which sample is next: prompts in the run's order, candidates side by side, and nobody kept waiting by a
//! provider that stands still. Pure; time is passed in.

use std::time::Duration;

use tokio::time::Instant;

use super::order::Order;
use crate::ledger::row::SampleKey;

/// How far a provider may be ahead of the slowest, in samples of each candidate for each call at once: close
/// enough that both meet the same minutes.
const LEAD: u64 = 4;
/// A provider that has finished nothing for this long stands still: the others no longer wait for it.
const STANDSTILL: Duration = Duration::from_secs(5);

/// The samples of a run, a lane for each provider. Candidates of one provider share its lane, and take turns.
#[derive(Debug)]
pub struct Schedule {
    lanes: Vec<Lane>,
    /// The lane of each candidate.
    lane_of: Vec<usize>,
    concurrency: usize,
    candidates: u64,
}

#[derive(Debug)]
struct Lane {
    order: Order,
    /// Places of the order that were passed.
    at: u64,
    under_way: usize,
    moved: Option<Instant>,
    is_over: bool,
}

impl Schedule {
    /// The schedule of an order for at most `concurrency` samples at once; `lane_of` says, for each candidate,
    /// which provider it is at, counted from zero.
    pub fn new(order: &Order, lane_of: Vec<usize>, concurrency: usize) -> Self {
        let lanes = lane_of.iter().max().map_or(0, |most| most + 1);
        let lane = |_| Lane { order: order.clone(), at: 0, under_way: 0, moved: None, is_over: false };
        let candidates = lane_of.len() as u64;
        Self { lanes: (0..lanes).map(lane).collect(), lane_of, concurrency, candidates }
    }

    /// The next sample that is wanted, if one may begin now.
    pub fn next(&mut self, now: Instant, mut is_wanted: impl FnMut(SampleKey) -> bool) -> Option<SampleKey> {
        loop {
            let lane = self.free_lane(now)?;
            match self.advance(lane, &mut is_wanted) {
                Some(key) => {
                    let lane = &mut self.lanes[lane];
                    lane.under_way += 1;
                    lane.moved.get_or_insert(now);
                    return Some(key);
                }
                None => self.lanes[lane].is_over = true,
            }
        }
    }

    /// A sample ended, whatever came of it.
    pub fn end(&mut self, now: Instant, candidate: u32) {
        let lane = &mut self.lanes[self.lane_of[candidate as usize]];
        lane.under_way = lane.under_way.saturating_sub(1);
        lane.moved = Some(now);
    }

    /// The lane furthest behind of those that may begin a sample.
    fn free_lane(&self, now: Instant) -> Option<usize> {
        let open = self.lanes.iter().filter(|lane| !lane.is_over || lane.under_way > 0).count().max(1);
        let share = self.concurrency.div_ceil(open);
        let all: usize = self.lanes.iter().map(|lane| lane.under_way).sum();
        if all >= self.concurrency {
            return None;
        }
        let moving = self.lanes.iter().filter(|lane| !lane.is_over && !lane.stands_still(now));
        let slowest = moving.map(|lane| lane.at).min().unwrap_or(u64::MAX);
        let most = slowest.saturating_add(LEAD * self.concurrency as u64 * self.candidates);
        let free = self.lanes.iter().enumerate().filter(|(_, lane)| {
            let may_lead = self.lanes.len() == 1 || lane.at <= most;
            !lane.is_over && lane.under_way < share && may_lead
        });
        free.min_by_key(|(_, lane)| lane.at).map(|(place, _)| place)
    }

    /// Moves a lane to its next wanted sample.
    fn advance(&mut self, lane: usize, is_wanted: &mut impl FnMut(SampleKey) -> bool) -> Option<SampleKey> {
        let Lane { order, at, .. } = &mut self.lanes[lane];
        order.find(|key| {
            *at += 1;
            self.lane_of[key.candidate as usize] == lane && is_wanted(*key)
        })
    }
}

impl Lane {
    fn stands_still(&self, now: Instant) -> bool {
        self.under_way > 0 && self.moved.is_some_and(|moved| now - moved > STANDSTILL)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn order(items: u64, candidates: u32) -> Order {
        Order::new(7, items, items, 1, candidates)
    }

    fn all(schedule: &mut Schedule, now: Instant) -> Vec<SampleKey> {
        std::iter::from_fn(|| schedule.next(now, |_| true)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn one_provider_has_all_calls_and_its_candidates_take_turns() {
        let now = Instant::now();
        let mut schedule = Schedule::new(&order(100, 2), vec![0, 0], 8);
        let keys = all(&mut schedule, now);
        assert_eq!(keys, order(100, 2).take(8).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn two_providers_share_the_calls_and_stay_side_by_side() {
        let now = Instant::now();
        let mut schedule = Schedule::new(&order(1_000, 2), vec![0, 1], 8);
        let keys = all(&mut schedule, now);
        assert_eq!(keys.iter().filter(|key| key.candidate == 0).count(), 4);
        assert_eq!(keys.len(), 8);
        // The first provider answers at once, the other ten times slower: it may lead, but not for ever.
        let mut begun = 0;
        for turn in 0..5_000_u32 {
            schedule.end(now, 0);
            begun += u32::from(schedule.next(now, |_| true).is_some_and(|key| key.candidate == 0));
            if turn % 10 == 0 {
                schedule.end(now, 1);
                all(&mut schedule, now);
            }
        }
        assert!(begun < 1_000, "{begun}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_provider_that_stands_still_holds_nobody_up() {
        let mut now = Instant::now();
        let mut schedule = Schedule::new(&order(1_000, 2), vec![0, 1], 8);
        let mut done = all(&mut schedule, now).iter().filter(|key| key.candidate == 0).count();
        for _ in 0..4_000 {
            now += Duration::from_millis(20);
            schedule.end(now, 0);
            done += all(&mut schedule, now).iter().filter(|key| key.candidate == 0).count();
        }
        assert_eq!(done, 1_000, "all of the healthy one's samples");
    }

    proptest! {
        #[test]
        fn every_wanted_sample_comes_exactly_once_and_never_too_many_at_once(
            items in 1_u64..40, lane_of in prop::collection::vec(0_usize..3, 1..5), concurrency in 1_usize..12,
            picks in prop::collection::vec(any::<prop::sample::Index>(), 600),
        ) {
            let mut lane_of = lane_of;
            lane_of[0] = 0;
            let candidates = u32::try_from(lane_of.len()).unwrap();
            let (mut now, mut seen, mut under_way) = (Instant::now(), BTreeSet::new(), Vec::new());
            let mut schedule = Schedule::new(&order(items, candidates), lane_of, concurrency);
            for pick in picks {
                now += Duration::from_secs(1);
                while let Some(key) = schedule.next(now, |key| key.item % 3 != 0) {
                    prop_assert!(seen.insert(key));
                    under_way.push(key);
                }
                prop_assert!(under_way.len() <= concurrency);
                if under_way.is_empty() {
                    break;
                }
                let ended: SampleKey = under_way.swap_remove(pick.index(under_way.len()));
                schedule.end(now, ended.candidate);
            }
            let wanted = order(items, candidates).filter(|key| key.item % 3 != 0).count();
            prop_assert!(seen.len() == wanted, "{} of {wanted}", seen.len());
        }
    }
}
