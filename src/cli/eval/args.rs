//! The arguments of `orch eval` as typed.

use std::path::PathBuf;

/// What is asked, of whom.
const WHAT: &str = "What is run";
/// At what pace, for how much.
const HOW: &str = "How it is run";
/// What follows from the answers.
const DECISION: &str = "What is decided";
/// Where results go.
const OUTPUT: &str = "Output";

const EXAMPLES: &str = "\
Examples:
  Two models on the same prompts, and whether to change:
    orch eval prompts.jsonl -m openai/gpt-5-mini,anthropic/claude-haiku-4-5 \\
      --incumbent openai/gpt-5-mini
  No keys, no cost: simulated models:
    orch eval prompts.jsonl -m sim/good,sim/fast
  A gate for a pipeline, never dearer than two dollars, with a report:
    orch eval suite.toml --gate 'accepted >= 0.95' --max-cost 2.00 \\
      --out report.html
  Go on after Ctrl-C, a crash or a cap:
    orch eval --resume last";

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    pub(super) action: Option<Action>,
    #[command(flatten)]
    pub(super) run: RunArgs,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Action {
    /// List recorded runs, newest first
    List(ListArgs),
    /// Show a recorded run
    Show(ShowArgs),
    /// Compare candidates of two recorded runs on the prompts they share
    Compare(CompareArgs),
    /// Score a recorded run again, without any calls
    Rescore(RescoreArgs),
}

/// Run a prompt dataset across models
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct RunArgs {
    /// Datasets (.jsonl, .csv, .tsv, .txt, each also .gz), a suite (.toml), or - for standard input
    #[arg(value_name = "DATASET")]
    pub(super) datasets: Vec<String>,
    /// Candidates: provider/model, an alias, or recorded answers (replay:FILE, replay:FILE#MODEL); parameters
    /// stand after ? (openai/gpt-5-mini?temperature=0)
    #[arg(help_heading = WHAT, long, short, value_name = "MODEL,...", value_delimiter = ',')]
    pub(super) models: Vec<String>,
    /// The candidate in use today, that others are compared with
    #[arg(help_heading = WHAT, long, value_name = "MODEL")]
    pub(super) incumbent: Option<String>,
    /// A scorer for rows that name none: equals, numeric, contains:TEXT, regex:PATTERN, or JSON
    #[arg(help_heading = WHAT, long = "scorer", value_name = "SCORER")]
    pub(super) scorers: Vec<String>,
    /// Ask models of known providers that the catalogue does not list
    #[arg(help_heading = WHAT, long)]
    pub(super) allow_unknown_model: bool,
    /// Answers per prompt and candidate
    #[arg(help_heading = WHAT, long, value_name = "N")]
    pub(super) repeat: Option<u32>,
    /// Use a random part of the prompts
    #[arg(help_heading = WHAT, long, value_name = "N")]
    pub(super) limit: Option<u64>,
    /// A system prompt for rows that have none
    #[arg(help_heading = WHAT, long, value_name = "TEXT")]
    pub(super) system: Option<String>,
    /// A prompt template (minijinja) that rows are rendered through
    #[arg(help_heading = WHAT, long, value_name = "FILE")]
    pub(super) template: Option<PathBuf>,
    /// The format of the datasets, when their names do not tell: jsonl, csv, tsv, text
    #[arg(help_heading = WHAT, long, value_name = "FORMAT")]
    pub(super) format: Option<String>,
    /// Count bad rows and go on without them
    #[arg(help_heading = WHAT, long)]
    pub(super) skip_bad: bool,
    /// Let rows of the datasets name programs that score (exec); they run with your rights
    #[arg(help_heading = WHAT, long)]
    pub(super) allow_exec: bool,
    /// Calls at once; adapts below this to what each provider bears [default: 32]
    #[arg(help_heading = HOW, long, short, value_name = "N")]
    pub(super) concurrency: Option<u32>,
    /// Never spend more than this: the worst case is held before each call; `none` lifts the cap of a suite or run
    #[arg(help_heading = HOW, long, value_name = "DOLLARS", allow_hyphen_values = true)]
    pub(super) max_cost: Option<String>,
    /// Make only the missing calls of a run; `last` is the latest
    #[arg(help_heading = HOW, long, value_name = "RUN", conflicts_with_all = [
        "datasets", "models", "incumbent", "scorers", "gates", "margin", "repeat", "limit", "early_stop", "seed",
        "system", "template", "format", "skip_bad", "no_stream",
    ])]
    pub(super) resume: Option<String>,
    /// With --resume: ask again for what failed for reasons that are not the answer's (a key, a limit, an outage)
    #[arg(help_heading = HOW, long, requires = "resume")]
    pub(super) retry_errors: bool,
    /// The seed of everything random [default: 7]
    #[arg(help_heading = HOW, long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// Ask for whole answers instead of streams; there is no time to first token then
    #[arg(help_heading = HOW, long)]
    pub(super) no_stream: bool,
    /// What every candidate must reach, such as 'accepted >= 0.95' or 'p95 <= 800ms' (a bare 800 is ms too); of the
    /// incumbent it is shown only
    #[arg(help_heading = DECISION, long = "gate", value_name = "GATE")]
    pub(super) gates: Vec<String>,
    /// How much worse than the incumbent a candidate may be [default: 2pp]
    #[arg(help_heading = DECISION, long, value_name = "SHARE", allow_hyphen_values = true)]
    pub(super) margin: Option<String>,
    /// Stop as soon as every comparison is decided (valid at every look); with gates, only when every
    /// candidate is shown to be worse
    #[arg(help_heading = DECISION, long)]
    pub(super) early_stop: bool,
    /// Exit with 5 when a verdict is inconclusive
    #[arg(help_heading = DECISION, long)]
    pub(super) require_decision: bool,
    /// Write every answer to a file as it comes, for replay:FILE#MODEL; .gz is gzipped. With --resume the file
    /// goes on
    #[arg(help_heading = OUTPUT, long, value_name = "FILE")]
    pub(super) record: Option<PathBuf>,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// Where results go
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct OutputArgs {
    /// The summary as one JSON object on stdout
    #[arg(help_heading = OUTPUT, long)]
    pub(super) json: bool,
    /// Write a report: .html, .md, .json, .jsonl, .csv or .xml (JUnit); may be given several times
    #[arg(help_heading = OUTPUT, long = "out", short, value_name = "FILE")]
    pub(super) out: Vec<PathBuf>,
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct ListArgs {
    /// How many
    #[arg(long, short = 'n', default_value_t = 20)]
    pub(super) limit: u32,
    /// One JSON object a line
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct ShowArgs {
    /// The run, its beginning, or `last`
    #[arg(default_value = "last")]
    pub(super) run: String,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct CompareArgs {
    /// The run whose candidate is the incumbent, as RUN or RUN:MODEL
    pub(super) incumbent: String,
    /// The run whose candidate is compared with it, as RUN or RUN:MODEL
    pub(super) candidate: String,
    /// How much worse the candidate may be
    #[arg(long, value_name = "SHARE", default_value = "2pp", allow_hyphen_values = true)]
    pub(super) margin: String,
    /// One JSON object on stdout
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct RescoreArgs {
    /// The run, its beginning, or `last`
    pub(super) run: String,
    /// Scorers in place of the run's own, for rows that name none
    #[arg(long = "scorer", value_name = "SCORER")]
    pub(super) scorers: Vec<String>,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}
