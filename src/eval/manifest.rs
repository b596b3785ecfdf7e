//! A run as meant: everything that decides what it asks and how it is judged. Stored with the run, so that
//! it can be continued, explained and compared; never holds a credential.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::gate::Gate;
use super::verdict::Question;
use crate::base::hex::hex;
use crate::base::money::Money;

/// The version of the form below. A reader refuses one it does not know.
pub const VERSION: u32 = 1;

/// A run as meant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of this form.
    pub version: u32,
    /// The dataset files, in order.
    pub datasets: Vec<File>,
    /// The format they are read in, when it is not told by their names.
    pub format: Option<String>,
    /// Whether bad rows are counted and left out.
    pub skip_bad: bool,
    /// Rows left out as bad.
    pub skipped_rows: u64,
    /// A system prompt for every row that has none.
    pub system: Option<String>,
    /// Scorers for rows that name none, as written.
    pub scorers: Vec<Value>,
    /// Prompt templates; empty when rows are asked as they are.
    pub prompts: Vec<Prompt>,
    /// Who answers.
    pub candidates: Vec<Entrant>,
    /// The candidate that others are compared with, by label.
    pub incumbent: Option<String>,
    /// Gates, as written.
    pub gates: Vec<String>,
    /// How much worse a candidate may be and still be adopted, as a share.
    pub margin: f64,
    /// Answers per row and candidate.
    pub repeat: u32,
    /// The seed of everything random.
    pub seed: u64,
    /// How many rows are used, when not all.
    pub limit: Option<u64>,
    /// Calls at once.
    pub concurrency: u32,
    /// The cap in dollars, as decimal text.
    pub max_cost: Option<String>,
    /// Whether the cap counts simulated dollars, because no call of the run costs real ones.
    #[serde(default)]
    pub cap_is_simulated: bool,
    /// Whether rows of the datasets may name programs that score.
    #[serde(default)]
    pub allow_exec: bool,
    /// Whether the run stops when the comparisons are decided.
    pub early_stop: bool,
    /// Whether answers are asked for as streams.
    pub stream: bool,
    /// The configuration's text, when there was one, without the values of headers. It holds no credential: one
    /// written there is refused.
    pub config: Option<String>,
}

/// A dataset file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The path as given; `-` is standard input.
    pub path: String,
    /// SHA-256 of its bytes; empty until it was read.
    pub sha256: String,
    /// Good rows.
    pub rows: u64,
}

/// A prompt template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prompt {
    /// Its name, for labels.
    pub name: String,
    /// Its source.
    pub template: String,
}

/// A candidate as meant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entrant {
    /// As shown; unique.
    pub label: String,
    /// The model as written: `provider/model`, an alias or `replay:FILE`.
    pub model: String,
    /// Parameters as written behind a model: `temperature=0&max_tokens=200`.
    pub params: String,
    /// What it meant when the run began: the target, for refusing to continue with another.
    pub target: String,
    /// What else it meant then, for the same. Absent for recorded answers and in runs of earlier versions.
    #[serde(default)]
    pub meaning: Option<Meaning>,
    /// The prompt template, by place.
    pub prompt: Option<usize>,
}

/// What the configuration made of a candidate, beyond its target: what its answers depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meaning {
    /// All parameters, the alias's and the written ones, as they are written behind a model.
    pub params: String,
    /// The provider's base address, without a query.
    pub base_url: String,
    /// The provider's dialect, by name.
    pub dialect: String,
}

impl Manifest {
    /// The place of the incumbent.
    pub fn incumbent_at(&self) -> Option<usize> {
        let incumbent = self.incumbent.as_deref()?;
        self.candidates.iter().position(|candidate| candidate.label == incumbent)
    }

    /// What is to be decided. Gates were checked when the run was planned; one that a later version no
    /// longer reads is left out.
    pub fn question(&self) -> Question {
        let gates = self.gates.iter().filter_map(|gate| gate.parse::<Gate>().ok());
        Question { margin: self.margin, gates: gates.collect() }
    }

    /// The cap.
    pub fn cap(&self) -> Option<Money> {
        self.max_cost.as_deref().and_then(|text| text.parse().ok())
    }

    /// One hash over all dataset files.
    pub fn dataset_sha256(&self) -> String {
        let mut hash = Sha256::new();
        for file in &self.datasets {
            hash.update(file.sha256.as_bytes());
        }
        hex(&hash.finalize())
    }

    /// The form that is stored.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads the stored form.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let manifest: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if manifest.version == VERSION {
            Ok(manifest)
        } else {
            Err(format!("its form {} is newer than this orch knows", manifest.version))
        }
    }
}
