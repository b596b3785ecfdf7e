//! What the ledger holds, as values.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::base::money::Money;
use crate::model::TokenUsage;
use crate::model::outcome::{Context, Cost, Outcome, Target};

/// One thing to record.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A run begins.
    Run(RunRow),
    /// A run ends or pauses; later entries win.
    RunEnd {
        /// The run.
        run: String,
        /// When.
        ended: Timestamp,
        /// How.
        status: RunStatus,
    },
    /// A request is over, whatever came of it: its row, one row per attempt and its share of the rollups.
    Outcome(Arc<Outcome>),
    /// An evaluation sample is finished, with the requests it took: the candidate's first, then judges'
    /// and embedders'. All rows are committed together.
    Sample(Box<SampleRow>, Vec<Arc<Outcome>>),
    /// New scores for a recorded sample, with all that judging it says: status, validity, failure, what was expected
    /// and what judges cost. What was asked, answered and paid for it stays. A sample that is not recorded stays so.
    Rescore(Box<SampleRow>),
    /// Money is set aside for a request, or what is set aside for it changes. The row is gone once the request
    /// is recorded.
    Hold(Box<HoldRow>),
    /// Whoever held money on this account is gone: what is still held becomes a cancelled request that cost
    /// its bound, marked as an estimate. To be recorded only by whoever has the account to itself.
    Orphans {
        /// The account.
        account: String,
    },
}

/// Money set aside for a request under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldRow {
    /// Whose cap it is, such as `run:r7k2m9`.
    pub account: String,
    /// The request.
    pub context: Context,
    /// Which of its attempts is under way, from one.
    pub attempt: u32,
    /// Where that attempt goes.
    pub target: Target,
    /// What its earlier attempts are charged.
    pub spent: Money,
    /// The most that the attempt under way can cost; zero between attempts.
    pub held: Money,
    /// When the attempt began.
    pub began: Timestamp,
}

/// The account of a run's cap.
pub fn run_account(run: &str) -> String {
    format!("run:{run}")
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// Not ended. In the ledger also that of a run whose process died.
    Running,
    /// Its process died. Never stored: whoever asks finds that nobody has the run.
    Killed,
    /// Every sample is finished.
    Done,
    /// Stopped by its budget. In ledgers of earlier versions also by a decision reached early.
    Stopped,
    /// Stopped early, because every comparison was decided.
    Decided,
    /// Stopped by a signal; can be resumed.
    Interrupted,
    /// Stopped by a failure of its surroundings.
    Failed,
}

impl RunStatus {
    /// The name in JSON and ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Killed => "killed",
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Decided => "decided",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
        }
    }

    /// The status of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Running, Self::Done, Self::Stopped, Self::Decided, Self::Interrupted, Self::Failed]
            .into_iter()
            .find(|status| status.name() == name)
    }
}

/// A run of an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRow {
    /// A short identifier people can type, such as `r7k2m9`.
    pub id: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended or paused.
    pub ended: Option<Timestamp>,
    /// How it stands.
    pub status: RunStatus,
    /// SHA-256 over the dataset's files, in hex.
    pub dataset_sha256: String,
    /// The seed of everything random.
    pub seed: u64,
    /// The version of `orch`.
    pub version: String,
    /// Everything needed to continue and to explain the run, as JSON; never a credential.
    pub manifest: String,
}

/// What came of a sample. Exactly one of four.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SampleStatus {
    /// Valid, and every scorer passed.
    Accepted,
    /// Answered, but invalid or failed by a scorer.
    Rejected,
    /// The model or a filter declined.
    Refused,
    /// No answer: the failure says why.
    Error,
}

impl SampleStatus {
    /// The name in JSON and ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Refused => "refused",
            Self::Error => "error",
        }
    }

    /// The status of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Accepted, Self::Rejected, Self::Refused, Self::Error].into_iter().find(|s| s.name() == name)
    }
}

/// Which sample of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SampleKey {
    /// The dataset row, from zero over all files.
    pub item: u64,
    /// The candidate, by its place in the manifest.
    pub candidate: u32,
    /// Which repeat, from zero.
    pub repeat: u32,
}

/// The numbers of a sample, without its texts: what statistics need.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleFacts {
    /// Which sample.
    pub key: SampleKey,
    /// What came of it.
    pub status: SampleStatus,
    /// Whether the answer was valid, scorers aside.
    pub valid: bool,
    /// Whether JSON had to be taken out of a fence or prose, or mended.
    pub repaired: bool,
    /// The failure class's name, when there was no answer.
    pub failure_class: Option<String>,
    /// Calls made for the answer.
    pub attempts: u32,
    /// From send to last byte of the first attempt; absent when that attempt failed or nothing was sent.
    pub latency: Option<Duration>,
    /// From send to first content of the first attempt.
    pub first_token: Option<Duration>,
    /// Tokens of all attempts together.
    pub usage: Option<TokenUsage>,
    /// What all attempts cost together.
    pub cost: Cost,
    /// What judges and embedders cost.
    pub judge_cost: Cost,
    /// What the answer belongs together with, for clustered errors.
    pub cluster: Option<String>,
    /// Time spent in our own code, not waiting for the provider.
    pub overhead: Duration,
}

/// A sample with its texts.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleRow {
    /// The run.
    pub run: String,
    /// The numbers.
    pub facts: SampleFacts,
    /// The dataset row's identifier.
    pub id: String,
    /// Whether that is the row's own, rather than its file and line; absent in ledgers of earlier versions.
    pub is_own_id: Option<bool>,
    /// The prompt as shown to people: messages joined with their roles when there are several.
    pub prompt: String,
    /// What was expected, as JSON text.
    pub expected: Option<String>,
    /// The answer's text; empty when there was none.
    pub answer: String,
    /// The answer's tool calls as a JSON array of `{id, name, arguments}`; absent when there are none.
    pub tool_calls: Option<String>,
    /// Why the answer ended, in the provider's word or ours.
    pub finish: Option<String>,
    /// The failure's message.
    pub failure: Option<String>,
    /// Why the answer is not valid.
    pub invalid: Option<String>,
    /// What each scorer said.
    pub scores: Vec<ScoreRow>,
}

/// What one scorer said of one sample.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreRow {
    /// The scorer's name, unique within the row's scorers.
    pub scorer: String,
    /// Whether it passed.
    pub passed: bool,
    /// Its number: 0 or 1 for pass or fail, a similarity, a rating.
    pub value: f64,
    /// Why, in one sentence.
    pub reason: String,
}
