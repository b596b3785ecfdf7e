//! A cap that cannot be exceeded: the worst case of a call is held before it is sent, and settled with what
//! it cost.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::base::money::Money;

/// Money with a cap. Invariant: spent + held ≤ cap, unless a provider billed more than the worst case of its
/// own price table.
#[derive(Debug)]
pub struct Purse {
    cap: Option<Money>,
    account: Mutex<Account>,
    settled: Notify,
}

#[derive(Debug, Default)]
struct Account {
    spent: Money,
    held: Money,
}

/// Money set aside for one call. Dropped unsettled, it counts as spent: the call may have been billed.
#[derive(Debug)]
pub struct Hold<'a> {
    purse: &'a Purse,
    amount: Money,
    is_settled: bool,
}

/// There is not enough left for the call, even when every call under way turns out free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the call may cost {needed}, and {left} of the {cap} cap is left")]
pub struct Exhausted {
    /// The worst case of the call.
    pub needed: Money,
    /// The cap less what is spent.
    pub left: Money,
    /// The cap.
    pub cap: Money,
}

impl Purse {
    /// A purse with a cap, or without, of which some is spent already.
    pub fn new(cap: Option<Money>, spent: Money) -> Self {
        Self { cap, account: Mutex::new(Account { spent, held: Money::ZERO }), settled: Notify::new() }
    }

    /// Whether there is a cap, so that unknown prices cannot be allowed.
    pub fn is_capped(&self) -> bool {
        self.cap.is_some()
    }

    /// What is spent.
    pub fn spent(&self) -> Money {
        self.lock().spent
    }

    /// Sets `worst` aside; waits for calls under way when the money left depends on them.
    pub async fn hold(&self, worst: Money) -> Result<Hold<'_>, Exhausted> {
        loop {
            let settled = self.settled.notified();
            tokio::pin!(settled);
            // Registered before the look, so that a settlement in between is not missed.
            settled.as_mut().enable();
            if let Some(result) = self.try_hold(worst) {
                return result;
            }
            settled.await;
        }
    }

    fn try_hold(&self, worst: Money) -> Option<Result<Hold<'_>, Exhausted>> {
        let mut account = self.lock();
        let cap = self.cap.unwrap_or(Money::MAX);
        if account.spent + account.held + worst <= cap {
            account.held += worst;
            return Some(Ok(Hold { purse: self, amount: worst, is_settled: false }));
        }
        let is_hopeless = account.spent + worst > cap || account.held == Money::ZERO;
        is_hopeless.then(|| Err(Exhausted { needed: worst, left: cap - account.spent, cap }))
    }

    /// A panic elsewhere cannot leave the account half changed: nothing in between can panic.
    fn lock(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, held: Money, cost: Money) {
        let mut account = self.lock();
        account.held = account.held - held;
        account.spent += cost;
        drop(account);
        self.settled.notify_waiters();
    }
}

impl Hold<'_> {
    /// The call cost this much.
    pub fn settle(mut self, cost: Money) {
        self.is_settled = true;
        self.purse.settle(self.amount, cost);
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        if !self.is_settled {
            self.purse.settle(self.amount, self.amount);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nanos(n: i64) -> Money {
        Money::from_nanos(n)
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_waits_for_money_that_may_come_back_and_is_refused_when_it_cannot() {
        let purse = Purse::new(Some(nanos(100)), Money::ZERO);
        let first = purse.hold(nanos(80)).await.unwrap();
        let second = async { purse.hold(nanos(50)).await.map(|hold| hold.settle(nanos(50))) };
        let release = async { first.settle(nanos(10)) };
        let (second, ()) = tokio::join!(second, release);
        assert_eq!(second, Ok(()));
        assert_eq!(purse.spent(), nanos(60));
        let refused = purse.hold(nanos(41)).await.map(|_| ());
        assert_eq!(refused, Err(Exhausted { needed: nanos(41), left: nanos(40), cap: nanos(100) }));
    }

    #[tokio::test]
    async fn an_abandoned_hold_counts_as_spent() {
        let purse = Purse::new(Some(nanos(100)), nanos(5));
        drop(purse.hold(nanos(30)).await);
        assert_eq!(purse.spent(), nanos(35));
    }

    proptest! {
        #[test]
        fn spent_and_held_never_exceed_the_cap(calls in prop::collection::vec((1_i64..60, 0_u8..=100, any::<bool>()), 1..80)) {
            let purse = Purse::new(Some(nanos(500)), Money::ZERO);
            let mut holds = Vec::new();
            for (worst, share, is_settled_now) in calls {
                if let Some(Ok(hold)) = purse.try_hold(nanos(worst)) {
                    holds.push((hold, nanos(worst * i64::from(share) / 100)));
                }
                if is_settled_now && let Some((hold, cost)) = holds.pop() {
                    hold.settle(cost);
                }
                let account = purse.lock();
                prop_assert!(account.spent + account.held <= nanos(500));
            }
        }
    }
}
