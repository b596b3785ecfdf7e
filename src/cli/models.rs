//! `orch models`: what the catalogue knows, and how other projects' tables become one.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args as ClapArgs, Subcommand};
use comfy_table::{CellAlignment, ContentArrangement, Table as Grid, presets};
use jiff::civil::Date;

use crate::base::clock::Clock;
use crate::base::money::Rate;
use crate::base::number;
use crate::base::untrusted::Untrusted;
use crate::policy::catalogue::import::{Options, import};
use crate::policy::catalogue::{Catalogue, Cover, Modality, Model, Prices, Rates, parse_id};

/// Success.
const OK: u8 = 0;
/// The arguments name something that does not exist.
const USAGE: u8 = 2;

/// Arguments of `orch models`.
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List models with their prices in dollars per million tokens
    List(ListArgs),
    /// Show everything known about one model
    Show {
        /// The model as provider/model
        id: String,
        /// Print the entry as JSON
        #[arg(long)]
        json: bool,
    },
    /// Convert LiteLLM's or models.dev's price table (JSON, plain or gzipped) to a catalogue on stdout
    Import {
        /// The table
        file: PathBuf,
        /// Only models of this provider
        #[arg(long)]
        provider: Option<String>,
        /// The day the table is of [default: today]
        #[arg(long, value_name = "DATE")]
        read: Option<Date>,
    },
}

#[derive(Debug, ClapArgs)]
struct ListArgs {
    /// Only models whose name contains this text
    text: Option<String>,
    /// Only models of this provider
    #[arg(long)]
    provider: Option<String>,
    /// Print the entries as a catalogue in JSON
    #[arg(long)]
    json: bool,
}

/// Runs `orch models`; returns the exit code.
pub fn run(
    args: &Args,
    catalogue: &Catalogue,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> anyhow::Result<u8> {
    match &args.command {
        Command::List(wanted) => list(wanted, catalogue, stdout, stderr),
        Command::Show { id, json } => show(id, *json, catalogue, stdout, stderr),
        Command::Import { file, provider, read } => {
            let today = || Clock::System.now().to_zoned(jiff::tz::TimeZone::UTC).date();
            let options = Options { provider: provider.as_deref(), read: read.unwrap_or_else(today) };
            convert(file, options, stdout, stderr)
        }
    }
}

fn list(
    wanted: &ListArgs,
    catalogue: &Catalogue,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> anyhow::Result<u8> {
    let text = wanted.text.as_deref().unwrap_or("").to_lowercase();
    let is_wanted = |model: &&Model| {
        wanted.provider.as_ref().is_none_or(|provider| *provider == model.id.provider)
            && model.id.to_string().to_lowercase().contains(&text)
    };
    let found: Vec<&Model> = catalogue.models().iter().filter(is_wanted).collect();
    if wanted.json {
        let entries: Catalogue = found.into_iter().cloned().collect();
        stdout.write_all(entries.to_json().as_bytes())?;
        return Ok(OK);
    }
    if found.is_empty() {
        writeln!(stderr, "no model matches; `orch models list` shows all {}", catalogue.models().len())?;
        return Ok(OK);
    }
    writeln!(stdout, "{}", grid(&found))?;
    writeln!(
        stderr,
        "{} shown; dollars per million tokens, `*` disputed, `~` a name that moves, `>` more for long prompts",
        found.len()
    )?;
    Ok(OK)
}

fn grid(models: &[&Model]) -> Grid {
    let mut grid = Grid::new();
    grid.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    grid.set_header(["MODEL", "CONTEXT", "INPUT", "CACHED", "OUTPUT", "REQUEST", "RETIRES"]);
    for model in models {
        grid.add_row(row(model));
    }
    for column in grid.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    grid
}

fn row(model: &Model) -> [String; 7] {
    let name = model.id.to_string();
    let name = format!("{}{}", Untrusted::line(&name), if model.floating { " ~" } else { "" });
    let marks = format!("{}{}", if model.is_disputed() { "*" } else { "" }, long_mark(model));
    let prices = model.prices.as_ref();
    let amount = |rate: fn(&Rates) -> Option<Rate>| match prices {
        None => "?".to_owned(),
        Some(prices) if prices.is_free() => "free".to_owned(),
        Some(prices) => rate(&prices.rates).map_or("?".to_owned(), |rate| rate.to_string()),
    };
    [
        name,
        model.context.map_or("?".to_owned(), thousands),
        format!("{}{marks}", amount(|rates| Some(rates.input))),
        amount(|rates| rates.cached_input),
        amount(|rates| Some(rates.output)),
        prices.and_then(|prices| prices.request).map_or(String::new(), |fee| fee.usual.to_string()),
        model.retires.map_or(String::new(), |date| date.to_string()),
    ]
}

fn long_mark(model: &Model) -> &'static str {
    let has_tiers = model.prices.as_ref().is_some_and(|prices| !prices.tiers.is_empty());
    if has_tiers { ">" } else { "" }
}

/// `128000` as `128k`, `1000000` as `1M`, `1048576` as `1.05M`; below a thousand in full.
fn thousands(tokens: u64) -> String {
    match tokens {
        0..1000 => tokens.to_string(),
        1000..1_000_000 => format!("{}k", tokens / 1000),
        _ => {
            let hundredths = (tokens + 5_000) / 10_000;
            let part = format!(".{:02}", hundredths % 100);
            format!("{}{}M", hundredths / 100, part.trim_end_matches('0').trim_end_matches('.'))
        }
    }
}

fn show(
    id: &str,
    json: bool,
    catalogue: &Catalogue,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> anyhow::Result<u8> {
    let found = parse_id(id).and_then(|target| catalogue.find(&target.provider, &target.model));
    let Some(model) = found else {
        write!(stderr, "unknown model {}", Untrusted::line(id))?;
        let alike = catalogue.suggest(id);
        if alike.is_empty() {
            writeln!(stderr, "; `orch models list` shows those that are known")?;
        } else {
            writeln!(stderr, "; did you mean {}?", Untrusted::line(&alike.join(", ")))?;
        }
        return Ok(USAGE);
    };
    if json {
        writeln!(stdout, "{}", serde_json::to_string_pretty(model)?)?;
        return Ok(OK);
    }
    for (name, value) in facts(model, catalogue) {
        let line = format!("{name:<14} {value}");
        writeln!(stdout, "{}", Untrusted::line(line.trim_end()))?;
    }
    Ok(OK)
}

/// Everything an entry states, as names and values in the order they are shown.
fn facts(model: &Model, catalogue: &Catalogue) -> Vec<(String, String)> {
    let mut facts = Facts::default();
    facts.add("model", model.id.to_string());
    facts.add("aliases", model.aliases.join(", "));
    facts.add("covers", model.covers.iter().map(|cover| covered(*cover)).collect::<Vec<_>>().join(", "));
    if model.floating {
        facts.add("floating", "this name moves from model to model");
    }
    facts.add("context", tokens(model.context));
    facts.add("max input", model.max_input.map_or(String::new(), |tokens| format!("{tokens} tokens")));
    facts.add("max output", tokens(model.max_output));
    facts.add("takes", modalities(&model.input));
    facts.add("makes", modalities(&model.output));
    for (name, value) in model.features.named() {
        facts.add(name, value.map_or("?", |has| if has { "yes" } else { "no" }));
    }
    facts.add("retires", model.retires.map_or(String::new(), |date| date.to_string()));
    match &model.prices {
        None => facts.add("prices", "not known: a call's cost is recorded as unknown"),
        Some(prices) => price_facts(prices, &mut facts),
    }
    facts.add("prices read", model.read.map_or(String::new(), |date| date.to_string()));
    let named = |source: &String| catalogue.tables().get(source).unwrap_or(source).clone();
    facts.add("sources", model.sources.iter().map(named).collect::<Vec<_>>().join(", "));
    for dispute in &model.disputes {
        let values = dispute.values.iter().map(|(table, value)| format!("{table} {value}"));
        let values = values.collect::<Vec<_>>().join(", ");
        facts.add("disputed", format!("{}: {values}", dispute.price));
    }
    facts.0
}

#[derive(Default)]
struct Facts(Vec<(String, String)>);

impl Facts {
    /// Adds a line, unless there is nothing to say.
    fn add(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        if !value.is_empty() {
            self.0.push((name.to_owned(), value));
        }
    }
}

fn price_facts(prices: &Prices, facts: &mut Facts) {
    if prices.is_free() {
        facts.add("prices", "free");
        return;
    }
    facts.add("per million", rates_line(&prices.rates));
    for tier in &prices.tiers {
        let tokens = thousands(tier.above);
        facts.add(&format!("above {tokens}"), rates_line(&tier.rates));
    }
    if let Some(fee) = prices.request {
        let most = if fee.most == fee.usual { String::new() } else { format!(" to {}", fee.most) };
        facts.add("per request", format!("{}{most}", fee.usual));
    }
    if prices.peak {
        facts.add("peak", "these are the dearest hours' rates; costs are estimates");
    }
}

fn rates_line(rates: &Rates) -> String {
    let optional = [
        ("cached input", rates.cached_input),
        ("cache write", rates.cache_write),
        ("cache write 1h", rates.cache_write_1h),
        ("reasoning", rates.reasoning),
    ];
    let stated = [("input", rates.input), ("output", rates.output)];
    let optional = optional.into_iter().filter_map(|(name, rate)| Some((name, rate?)));
    let parts = stated.into_iter().chain(optional).map(|(name, rate)| format!("{name} ${rate}"));
    parts.collect::<Vec<_>>().join(", ")
}

fn covered(cover: Cover) -> &'static str {
    match cover {
        Cover::Dated => "dated snapshots",
        Cover::Regional => "regional inference profiles",
    }
}

fn tokens(tokens: Option<u64>) -> String {
    tokens.map_or("?".to_owned(), |tokens| number::counted(tokens, "token"))
}

fn modalities(list: &[Modality]) -> String {
    list.iter().map(|modality| modality.name()).collect::<Vec<_>>().join(", ")
}

fn convert(
    file: &Path,
    options: Options<'_>,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> anyhow::Result<u8> {
    let shown = file.display().to_string();
    let shown = Untrusted::line(&shown);
    let bytes = fs::read(file).with_context(|| format!("cannot read {shown}"))?;
    let import = import(&bytes, options).with_context(|| format!("cannot import {shown}"))?;
    stdout.write_all(import.catalogue.to_json().as_bytes())?;
    let models = import.catalogue.models();
    let unpriced = models.iter().filter(|model| model.prices.is_none()).count();
    let rows = models.len() as u64 + import.skipped.values().sum::<u64>();
    let taken = models.len();
    let (taken, rows) = (number::count(taken as u64), number::counted(rows, "row"));
    let unpriced = number::count(unpriced as u64);
    writeln!(stderr, "{}: {taken} of {rows} taken, {unpriced} without a price", import.table.name())?;
    for (reason, count) in &import.skipped {
        writeln!(stderr, "skipped {}: {reason}", number::count(*count))?;
    }
    Ok(OK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn catalogue() -> Catalogue {
        Catalogue::parse(
            r#"{"schema":1,"tables":{"a":"Table A of May","b":"Table B"},"models":[
            {"id":"openai/gpt-9","context":400000,"max_output":128000,"input":["text","image"],"output":["text"],
             "prices":{"input":"1.25","output":"10","cached_input":"0.125","tiers":[{"above":272000,"input":"2.5","output":"15"}]},
             "read":"2026-11-21","features":{"tools":true,"sampling":false},"retires":"2027-08-07",
             "aliases":["gpt-9-2026-08-07"],"covers":["dated"],"sources":["a","b"],
             "disputes":[{"price":"cached_input","values":{"a":"0.125","b":"0.25"}}]},
            {"id":"perplexity/sonar-latest","context":900,"floating":true,"read":"2026-11-21",
             "prices":{"input":"1","output":"1","request":"0.005","request_most":"0.012"}},
            {"id":"local/evil\u001b[31m","prices":{"free":true}},
            {"id":"openai/unpriced"}
            ]}"#,
        )
        .unwrap()
    }

    fn ran(words: &[&str]) -> (u8, String, String) {
        let line = Line::try_parse_from([&["models"], words].concat()).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = run(&line.args, &catalogue(), &mut out, &mut err).unwrap();
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    fn words(line: &str) -> Vec<&str> {
        line.split_whitespace().collect()
    }

    #[test]
    fn windows_are_shown_in_thousands_and_millions() {
        let cases = [
            (900, "900"),
            (128_000, "128k"),
            (999_999, "999k"),
            (1_000_000, "1M"),
            (1_048_576, "1.05M"),
            (1_100_000, "1.1M"),
            (10_000_000, "10M"),
        ];
        for (tokens, shown) in cases {
            assert_eq!(thousands(tokens), shown);
        }
    }

    #[test]
    fn the_list_shows_prices_and_never_zero_for_an_unknown_one() {
        let (code, out, err) = ran(&["list"]);
        let lines: Vec<_> = out.lines().map(words).collect();
        assert_eq!(code, 0);
        assert_eq!(lines[0], ["MODEL", "CONTEXT", "INPUT", "CACHED", "OUTPUT", "REQUEST", "RETIRES"]);
        assert_eq!(lines[1], ["openai/gpt-9", "400k", "1.25*>", "0.125", "10.00", "2027-08-07"]);
        assert_eq!(lines[2], ["perplexity/sonar-latest", "~", "900", "1.00", "?", "1.00", "$0.005"]);
        assert_eq!(lines[3], ["local/evil␛[31m", "?", "free", "free", "free"]);
        assert_eq!(lines[4], ["openai/unpriced", "?", "?", "?", "?"]);
        assert!(err.starts_with("4 shown;"), "{err}");
    }

    #[test]
    fn the_list_is_narrowed_by_provider_and_text() {
        assert_eq!(ran(&["list", "GPT", "--provider", "openai"]).1.lines().count(), 2);
        assert_eq!(ran(&["list", "--provider", "nobody"]).1, "");
        assert!(ran(&["list", "nothing"]).2.contains("no model matches"));
    }

    #[test]
    fn the_list_in_json_is_a_catalogue() {
        let (_, out, err) = ran(&["list", "gpt", "--json"]);
        let read = Catalogue::parse(&out).unwrap();
        assert_eq!(read.models(), &catalogue().models()[..1]);
        assert_eq!(err, "");
    }

    #[test]
    fn a_model_is_shown_with_its_sources_and_their_disagreements() {
        let (code, out, _) = ran(&["show", "openai/gpt-9-2026-12-24"]);
        assert_eq!(code, 0);
        let expected = [
            "model          openai/gpt-9",
            "aliases        gpt-9-2026-08-07",
            "covers         dated snapshots",
            "context        400,000 tokens",
            "max output     128,000 tokens",
            "takes          text, image",
            "makes          text",
            "tools          yes",
            "json_schema    ?",
            "prefill        ?",
            "reasoning      ?",
            "sampling       no",
            "retires        2027-08-07",
            "per million    input $1.25, output $10.00, cached input $0.125",
            "above 272k     input $2.50, output $15.00",
            "prices read    2026-11-21",
            "sources        Table A of May, Table B",
            "disputed       cached_input: a 0.125, b 0.25",
        ];
        assert_eq!(out.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_floating_name_and_a_request_fee_are_shown() {
        let (_, out, _) = ran(&["show", "perplexity/sonar-latest"]);
        assert!(out.contains("floating       this name moves"), "{out}");
        assert!(out.contains("per request    $0.005 to $0.012"), "{out}");
        assert!(ran(&["show", "openai/unpriced"]).1.contains("prices         not known"));
    }

    #[test]
    fn a_model_in_json_is_its_entry() {
        let (_, out, _) = ran(&["show", "openai/gpt-9", "--json"]);
        assert_eq!(serde_json::from_str::<Model>(&out).unwrap(), catalogue().models()[0]);
    }

    #[test]
    fn an_unknown_model_is_a_usage_error_with_suggestions() {
        let (code, out, err) = ran(&["show", "openai/gtp-9"]);
        assert_eq!((code, &*out), (2, ""));
        assert!(err.starts_with("unknown model openai/gtp-9; did you mean openai/gpt-9"), "{err}");
        let (code, _, err) = ran(&["show", "x\u{1b}[2J"]);
        assert_eq!((code, err.contains('\u{1b}')), (2, false));
    }

    #[test]
    fn a_table_is_converted_and_what_is_left_out_is_counted() {
        let table = r#"{"gpt-9":{"litellm_provider":"openai","mode":"chat","input_cost_per_token":1e-6,"output_cost_per_token":2e-6},
            "e":{"litellm_provider":"openai","mode":"embedding"}}"#;
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(table.as_bytes()).unwrap();
        let path = file.path().to_str().unwrap();
        let (code, out, err) = ran(&["import", path, "--read", "2026-11-01"]);
        assert_eq!(code, 0);
        let read = Catalogue::parse(&out).unwrap();
        assert_eq!(read.models()[0].snapshot(), "2026-11-01 openai/gpt-9");
        assert_eq!(err, "litellm: 1 of 2 rows taken, 0 without a price\nskipped 1: not a chat model\n");
        let (_, out, _) = ran(&["import", path, "--provider", "groq"]);
        assert_eq!(Catalogue::parse(&out).unwrap().models(), []);
    }

    #[test]
    fn a_file_that_is_no_table_is_an_error_that_names_it() {
        let line = Line::try_parse_from(["models", "import", "/nonexistent/table.json"]).unwrap();
        let error = run(&line.args, &catalogue(), &mut Vec::new(), &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "cannot read /nonexistent/table.json");
    }
}
