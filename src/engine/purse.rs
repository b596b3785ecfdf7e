//! A cap that cannot be exceeded: the worst case of a call is held before it is sent, and settled with what
//! it cost.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::Notify;

use crate::base::money::Money;
use crate::ledger::row::{Entry, HoldRow};
use crate::ledger::{LedgerError, Recorder};
use crate::model::outcome::{Context, Target};

/// Money with a cap. Invariant: spent + held ≤ cap, unless a provider billed more than the worst case of its
/// own price table. With a [`HoldStore`] the same holds of what is stored, at every moment: a hold is there before
/// its call is sent, and what a settlement gives back is in the store before anyone can take it.
#[derive(Debug)]
pub struct Purse {
    cap: Option<Money>,
    kept: Option<Kept>,
    account: Mutex<Account>,
    settled: Notify,
}

#[derive(Debug, Default)]
struct Account {
    spent: Money,
    held: Money,
}

/// Where holds outlive the process. Changes reach the store in the order in which they were handed over.
pub trait HoldStore: Send + Sync + std::fmt::Debug {
    /// Comes back when the hold survives the end of the process.
    fn hold(&self, hold: HoldRow) -> BoxFuture<'_, Result<(), LedgerError>>;
    /// Hands over what became of a hold, without waiting for the disk.
    fn change(&self, hold: HoldRow) -> BoxFuture<'_, Result<(), LedgerError>>;
}

impl HoldStore for Recorder {
    fn hold(&self, hold: HoldRow) -> BoxFuture<'_, Result<(), LedgerError>> {
        Box::pin(self.hold(hold))
    }

    fn change(&self, hold: HoldRow) -> BoxFuture<'_, Result<(), LedgerError>> {
        Box::pin(self.record(Entry::Hold(Box::new(hold))))
    }
}

#[derive(Debug)]
struct Kept {
    account: String,
    store: Arc<dyn HoldStore>,
}

/// What money is set aside for.
#[derive(Clone, Debug)]
pub struct Claim<'a> {
    /// The request.
    pub context: &'a Context,
    /// Where the attempt goes.
    pub target: &'a Target,
    /// Which attempt of the request, from one.
    pub attempt: u32,
    /// What the attempts before are charged.
    pub spent: Money,
    /// When.
    pub began: Timestamp,
}

/// Money set aside for one call. Dropped unsettled, it counts as spent: the call may have been billed.
#[derive(Debug)]
pub struct Hold<'a> {
    purse: &'a Purse,
    amount: Money,
    row: Option<HoldRow>,
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
        let account = Mutex::new(Account { spent, held: Money::ZERO });
        Self { cap, kept: None, account, settled: Notify::new() }
    }

    /// The same, with its holds kept in a store under the name of an account.
    #[must_use]
    pub fn kept_in(self, account: String, store: Arc<dyn HoldStore>) -> Self {
        Self { kept: Some(Kept { account, store }), ..self }
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
            return Some(Ok(Hold { purse: self, amount: worst, row: None, is_settled: false }));
        }
        let is_hopeless = account.spent + worst > cap || account.held == Money::ZERO;
        is_hopeless
            .then(|| Err(Exhausted { needed: worst, left: (cap - account.spent).max(Money::ZERO), cap }))
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
    /// Comes back when the money stays set aside whatever becomes of this process; at once when the purse has no
    /// store, or there is nothing to set aside.
    pub async fn keep(&mut self, claim: Claim<'_>) -> Result<(), LedgerError> {
        let Some(kept) = self.purse.kept.as_ref().filter(|_| self.amount > Money::ZERO) else {
            return Ok(());
        };
        let row = HoldRow {
            account: kept.account.clone(),
            context: claim.context.clone(),
            attempt: claim.attempt,
            target: claim.target.clone(),
            spent: claim.spent,
            held: self.amount,
            began: claim.began,
        };
        self.row = Some(row.clone());
        kept.store.hold(row).await
    }

    /// The call cost this much.
    pub async fn settle(mut self, cost: Money) {
        if let (Some(kept), Some(row)) = (&self.purse.kept, self.row.take()) {
            let spent = row.spent + cost;
            // A store that fails says so to everyone who asks it to commit; it then holds too much, never too little.
            if let Err(error) = kept.store.change(HoldRow { spent, held: Money::ZERO, ..row }).await {
                tracing::error!(%error, "what a call cost could not be recorded");
            }
        }
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
    use std::collections::BTreeMap;

    use futures_util::FutureExt as _;
    use proptest::prelude::*;

    use super::*;

    fn nanos(n: i64) -> Money {
        Money::from_nanos(n)
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_waits_for_money_that_may_come_back_and_is_refused_when_it_cannot() {
        let purse = Purse::new(Some(nanos(100)), Money::ZERO);
        let first = purse.hold(nanos(80)).await.unwrap();
        let second = async { purse.hold(nanos(50)).await.unwrap().settle(nanos(50)).await };
        let release = first.settle(nanos(10));
        tokio::join!(second, release);
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

    /// What a store holds, after every change.
    #[derive(Debug, Default)]
    struct Book {
        rows: Mutex<BTreeMap<String, (Money, Money)>>,
        most: Mutex<Money>,
    }

    impl HoldStore for Book {
        fn hold(&self, hold: HoldRow) -> BoxFuture<'_, Result<(), LedgerError>> {
            let mut rows = self.rows.lock().unwrap();
            rows.insert(hold.context.id, (hold.spent, hold.held));
            let total: Money = rows.values().map(|(spent, held)| *spent + *held).sum();
            let mut most = self.most.lock().unwrap();
            *most = total.max(*most);
            Box::pin(async { Ok(()) })
        }

        fn change(&self, hold: HoldRow) -> BoxFuture<'_, Result<(), LedgerError>> {
            self.hold(hold)
        }
    }

    proptest! {
        #[test]
        fn what_is_stored_never_exceeds_the_cap_wherever_the_process_dies(
            calls in prop::collection::vec((1_i64..60, 0_u8..=100, any::<bool>()), 1..80),
        ) {
            let book = Arc::new(Book::default());
            let store = Arc::clone(&book) as Arc<dyn HoldStore>;
            let purse = Purse::new(Some(nanos(500)), Money::ZERO).kept_in("run:r".into(), store);
            let target = Target { provider: "p".into(), model: "m".into() };
            let mut holds = Vec::new();
            for (at, (worst, share, is_settled_now)) in calls.into_iter().enumerate() {
                if let Some(Ok(mut hold)) = purse.try_hold(nanos(worst)) {
                    let context = Context { id: at.to_string(), ..Context::default() };
                    let began = Timestamp::UNIX_EPOCH;
                    let claim = Claim { context: &context, target: &target, attempt: 1, spent: Money::ZERO, began };
                    hold.keep(claim).now_or_never().unwrap().unwrap();
                    holds.push((hold, nanos(worst * i64::from(share) / 100)));
                }
                if is_settled_now && let Some((hold, cost)) = holds.pop() {
                    hold.settle(cost).now_or_never().unwrap();
                }
            }
            prop_assert!(*book.most.lock().unwrap() <= nanos(500));
        }

        #[test]
        fn spent_and_held_never_exceed_the_cap(calls in prop::collection::vec((1_i64..60, 0_u8..=100, any::<bool>()), 1..80)) {
            let purse = Purse::new(Some(nanos(500)), Money::ZERO);
            let mut holds = Vec::new();
            for (worst, share, is_settled_now) in calls {
                if let Some(Ok(hold)) = purse.try_hold(nanos(worst)) {
                    holds.push((hold, nanos(worst * i64::from(share) / 100)));
                }
                if is_settled_now && let Some((hold, cost)) = holds.pop() {
                    // Without a store nothing is waited for.
                    hold.settle(cost).now_or_never().unwrap();
                }
                let account = purse.lock();
                prop_assert!(account.spent + account.held <= nanos(500));
            }
        }
    }
}
