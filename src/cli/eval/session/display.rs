//! What a session says on standard error: what it is about to do, how far it is, what it dropped.

use tokio::time::Instant;

use super::Session;
use super::signals::DRAIN_AT_MOST;
use crate::base::money::Money;
use crate::base::number::{count, counted};
use crate::cli::live::{Live, Mode};
use crate::cli::output;
use crate::eval::order::Order;
use crate::eval::outlook::outlook;
use crate::eval::progress::Progress;
use crate::eval::run::Event;
use crate::ledger::{Charged, Replayed};

pub(super) struct Display {
    pub(super) live: Live,
    pub(super) progress: Progress,
}

impl Display {
    pub(super) fn new(mode: Mode, progress: Progress) -> Self {
        Self { live: Live::new(mode, progress.candidates.len()), progress }
    }

    pub(super) fn say_dropped(&self) {
        let dropped = counted(self.progress.in_flight, "sample");
        output::stderr(&format!("dropped {dropped} under way; their providers may still bill them"));
    }

    pub(super) fn notice(&mut self, event: &Event<'_>) {
        match *event {
            Event::Finished(facts) => self.progress.finished(facts.key.candidate as usize, facts),
            Event::Stopping(under_way) => {
                self.progress.in_flight = under_way as u64;
                let now = Instant::now();
                self.live.stopping(&self.progress, now, now + DRAIN_AT_MOST);
            }
            Event::Tick(under_way) => {
                self.progress.in_flight = under_way as u64;
                self.live.update(&self.progress, Instant::now());
            }
        }
    }
}

impl Session<'_> {
    pub(super) fn mode(&self) -> Mode {
        let terminal = self.surroundings.terminal;
        match (self.surroundings.global.quiet, terminal.redraws) {
            (true, _) => Mode::Quiet,
            (false, true) => Mode::Terminal { color: terminal.color_stderr, unicode: terminal.unicode },
            (false, false) => Mode::Plain,
        }
    }

    pub(super) fn announce(&self, order: &Order, progress: &Progress) {
        if self.surroundings.global.quiet {
            return;
        }
        let (calls, done, models) = (order.len(), progress.done(), self.manifest.candidates.len());
        let rows = calls / (models as u64 * u64::from(self.manifest.repeat)).max(1);
        let repeats =
            if self.manifest.repeat > 1 { format!(" × {}", self.manifest.repeat) } else { String::new() };
        let resumed = if self.is_resumed {
            format!(", {} of them finished earlier", count(done))
        } else {
            String::new()
        };
        let text = format!(
            "run {}: {} × {}{repeats} = {}{resumed}, seed {}",
            self.row.id,
            counted(rows, "prompt"),
            counted(models as u64, "model"),
            counted(calls, "sample"),
            self.manifest.seed
        );
        output::stderr(&text);
        if !self.is_resumed
            && let Some(text) = self.outlook(rows)
        {
            output::stderr(&text);
        }
    }

    /// Whether the prompts will do for the comparison that is asked for, when there is one.
    fn outlook(&self, prompts: u64) -> Option<String> {
        let incumbent = &self.manifest.candidates[self.manifest.incumbent_at()?].label;
        let compared = self.manifest.candidates.len() - 1;
        (compared > 0).then(|| outlook(self.manifest.margin, compared, prompts, incumbent))
    }

    /// Under which cap the run goes on, what counts against it already, and in which money.
    pub(super) fn say_money(&self, orphans: Charged, spent: Money, is_rehearsal: bool) {
        if self.surroundings.global.quiet {
            return;
        }
        if orphans.holds > 0 {
            let (calls, held) = (counted(orphans.holds, "call"), orphans.held);
            let text = format!(
                "{calls} under way when an earlier process ended may have been billed: {held} counts as spent"
            );
            output::stderr(&text);
        }
        let Some(cap) = self.manifest.cap() else { return };
        if self.is_resumed {
            let calls = self.manifest.concurrency;
            output::stderr(&format!(
                "goes on under its cap of {cap}, {spent} of it spent, at most {calls} calls at once"
            ));
        }
        if is_rehearsal {
            output::stderr("the cap counts simulated dollars: no call of this run costs real ones");
        }
    }
}

/// What a process that could not write left beside the ledger is worth a word, whether it came back or not.
pub(super) fn say_replayed(replayed: Replayed) {
    if replayed.entries > 0 {
        let entries = counted(replayed.entries, "entry");
        output::stderr(&format!("back in the ledger: {entries} spooled by an earlier failure"));
    }
    if replayed.unreadable > 0 {
        output::stderr(&format!(
            "unreadable: {} spooled by an earlier failure; the file is kept beside the ledger as .unreadable",
            counted(replayed.unreadable, "entry")
        ));
    }
}
