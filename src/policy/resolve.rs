//! From the configuration as written to the policy as true: all problems in one run.

use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use toml::de::{DeTable, DeValue};

use super::file::{Table, Value, literal_secret, nearest};
use super::preset::{self, Auth};
use super::problem::{NOT_TOML, Problem};
use super::{Alias, KeySource, Policy, PriceOverride, Provider};
use crate::base::money::{Money, Rate};
use crate::base::span;
use crate::dialect::DialectName;
use crate::model::request::Params;
use crate::model::{Action, FailureClass};

/// Reads a configuration. Fails with every problem of the file, in its order.
pub fn resolve(text: &str) -> Result<Policy, Vec<Problem>> {
    let (root, errors) = DeTable::parse_recoverable(text);
    let syntax = errors.iter().map(|error| {
        let span = error.span().unwrap_or(0..0);
        Problem::new(span, error.message().trim_end().to_owned(), NOT_TOML)
    });
    let mut problems: Vec<_> = syntax.collect();
    let mut policy = Policy::default();
    if problems.is_empty() {
        let mut root = Table::new("the configuration", root.get_ref(), &mut problems);
        ledger(&mut root, &mut policy);
        providers(&mut root, &mut policy);
        models(&mut root, &mut policy);
        defaults(&mut root, &mut policy);
        actions(&mut root, &mut policy);
        root.finish();
    }
    problems.sort_by_key(|problem| problem.span.start);
    if problems.is_empty() { Ok(policy) } else { Err(problems) }
}

fn ledger(root: &mut Table<'_, '_>, policy: &mut Policy) {
    let Some(table) = root.table("ledger") else { return };
    let mut table = Table::new("[ledger]", table, root.problems());
    policy.ledger = table.text("path").map(|(path, _)| PathBuf::from(path));
    table.finish();
}

fn providers(root: &mut Table<'_, '_>, policy: &mut Policy) {
    for (name, span, table) in root.named("providers") {
        let mut table = Table::new(format!("[providers.{name}]"), table, root.problems());
        if !is_name(name) {
            let message = format!("`{name}` cannot name a provider");
            let help = "use letters, digits, - and _";
            table.problem(Problem::new(span.clone(), message, "this name").help(help));
        }
        if name == RECORDINGS {
            let message = format!("`{name}` is what recorded answers are called, which cost nothing");
            table.problem(Problem::new(span.clone(), message, "this name").help("use another name"));
        }
        let preset = preset::of(name);
        let dialect = table.parsed("dialect", dialect_named).or(preset.map(|preset| preset.dialect));
        let has_url = table.value("url").is_some();
        let url = table.parsed("url", base_url);
        let mut provider = Provider {
            name: name.to_owned(),
            preset: preset.map_or("", |preset| preset.name),
            dialect: dialect.unwrap_or(DialectName::OpenAi),
            base_url: url.or(preset.map(|preset| preset.url.to_owned())).unwrap_or_default(),
            auth: preset.map_or_else(|| auth_of(dialect), |preset| preset.auth),
            key: preset.map_or(KeySource::None, KeySource::preset),
            headers: HeaderMap::new(),
            concurrency: table.whole("concurrency", 1).and_then(|most| u32::try_from(most).ok()),
        };
        if let Some(key) = key(&mut table) {
            provider.key = key;
        }
        headers(&mut table, &mut provider.headers);
        if provider.base_url.is_empty() && !has_url {
            let message = format!("provider `{name}` has no url");
            let help = "name its base address: url = \"https://llm.example.com/v1\"";
            table.problem(Problem::new(span, message, "needed here").help(help));
        }
        table.finish();
        policy.providers.push(provider);
    }
}

/// The provider that recorded answers are listed under; a paid one of this name would go unpaid.
const RECORDINGS: &str = "replay";

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// The header a provider without a preset most likely wants, by its dialect.
fn auth_of(dialect: Option<DialectName>) -> Auth {
    match dialect {
        Some(DialectName::Anthropic) => Auth::Header("x-api-key"),
        Some(DialectName::Gemini) => Auth::Header("x-goog-api-key"),
        _ => Auth::Bearer,
    }
}

fn dialect_named(text: &str) -> Result<DialectName, String> {
    DialectName::from_name(text).ok_or_else(|| {
        let known = DialectName::ALL.map(DialectName::name);
        let hint = nearest(text, known).map(|name| format!("; did you mean `{name}`?"));
        format!("unknown dialect `{text}`{} known: {}", hint.unwrap_or(";".into()), known.join(", "))
    })
}

/// A base address: http or https, a host, no credentials, no fragment; a trailing slash is dropped.
fn base_url(text: &str) -> Result<String, String> {
    let uri: http::Uri = text.parse().map_err(|error| format!("not an address: {error}"))?;
    let authority = uri.authority().ok_or("an address needs a scheme and a host: https://host/path")?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("an address must begin with https:// or http://".to_owned());
    }
    if authority.as_str().contains('@') {
        return Err("an address must not hold credentials".to_owned());
    }
    if text.contains('#') {
        return Err("an address must not hold a fragment (#), behind which every path is lost".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn key(table: &mut Table<'_, '_>) -> Option<KeySource> {
    if let Some(value) = table.value("key") {
        let problem = match value.get_ref() {
            DeValue::String(_) => literal_secret(value.span()),
            _ => Problem::new(value.span(), "`key` is written `keys`", "a list of one")
                .help("keys = [{ env = \"NAME\" }]"),
        };
        table.problem(problem);
    }
    let literal = table.value("keys").filter(|value| value.get_ref().as_str().is_some());
    if let Some(value) = literal {
        table.problem(literal_secret(value.span()));
        return None;
    }
    let keys = table.array("keys")?;
    if let [_, second, ..] = keys[..] {
        let message = "several keys of one provider are not supported yet";
        table.problem(Problem::new(second.span(), message, "a second key").help("give one key"));
    }
    key_source(keys.first()?, table.problems())
}

fn key_source(value: &Value<'_>, problems: &mut Vec<Problem>) -> Option<KeySource> {
    let Some(inner) = value.get_ref().as_table() else {
        problems.push(literal_secret(value.span()));
        return None;
    };
    let mut table = Table::new("a key", inner, problems);
    let env = table.text("env").map(|(name, _)| KeySource::Env(vec![name.to_owned()]));
    let file = table.text("file").map(|(path, _)| KeySource::File(PathBuf::from(path)));
    if env.is_some() == file.is_some() {
        let message = "a key is named by `env` or by `file`";
        table
            .problem(Problem::new(value.span(), message, "one of both").help("{ env = \"OPENAI_API_KEY\" }"));
    }
    table.finish();
    env.or(file)
}

fn headers(table: &mut Table<'_, '_>, headers: &mut HeaderMap) {
    let Some(written) = table.table("headers") else { return };
    for (name, value) in written {
        let lower = name.get_ref().to_ascii_lowercase();
        if ["authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie"].contains(&lower.as_str()) {
            table.problem(literal_secret(value.span()));
            continue;
        }
        let parsed_name = HeaderName::try_from(lower.as_str()).ok();
        let parsed_value = value.get_ref().as_str().and_then(|text| HeaderValue::from_str(text).ok());
        match (parsed_name, parsed_value) {
            (Some(name), Some(value)) => {
                headers.insert(name, value);
            }
            _ => {
                table.problem(Problem::new(value.span(), format!("`{lower}` is not a valid header"), "here"));
            }
        }
    }
}

fn models(root: &mut Table<'_, '_>, policy: &mut Policy) {
    for (name, span, table) in root.named("models") {
        let mut table = Table::new(format!("[models.{name}]"), table, root.problems());
        if name.contains('/') {
            let message = format!("alias `{name}` must not hold a slash");
            table.problem(Problem::new(span.clone(), message, "reads like provider/model"));
        }
        let Some((id, id_span)) = table.text("id") else {
            let message = format!("alias `{name}` names no model");
            let help = "id = \"openai/gpt-5-mini\"";
            table.problem(Problem::new(span, message, "needs an id").help(help));
            continue;
        };
        if let Err(error) = policy.split(id) {
            table.problem(Problem::new(id_span, error.to_string(), "this id"));
        }
        let alias = Alias {
            name: name.to_owned(),
            id: id.to_owned(),
            price: price(&mut table),
            window: table.whole("window", 1),
            max_output: table.whole("max_output", 1),
            params: params(&mut table),
        };
        table.finish();
        policy.aliases.push(alias);
    }
}

fn price(table: &mut Table<'_, '_>) -> Option<PriceOverride> {
    let what = format!("the price of {}", table.what);
    let written = table.table("price")?;
    let mut price = Table::new(what, written, table.problems());
    let found = PriceOverride {
        input: rate(&mut price, "input"),
        output: rate(&mut price, "output"),
        cached_input: rate(&mut price, "cached_input"),
        cache_write: rate(&mut price, "cache_write"),
        request: amount(&mut price, "request"),
    };
    price.finish();
    Some(found)
}

fn rate(table: &mut Table<'_, '_>, key: &'static str) -> Option<Rate> {
    let (text, span) = table.decimal(key)?;
    Rate::per_million(&text).map_err(|error| table.problem(Problem::new(span, error.to_string(), key))).ok()
}

fn amount(table: &mut Table<'_, '_>, key: &'static str) -> Option<Money> {
    let (text, span) = table.decimal(key)?;
    text.parse::<Money>().map_err(|error| table.problem(Problem::new(span, error.to_string(), key))).ok()
}

fn params(table: &mut Table<'_, '_>) -> Params {
    let what = format!("the params of {}", table.what);
    let Some(written) = table.table("params") else { return Params::default() };
    let mut params = Table::new(what, written, table.problems());
    let found = Params {
        temperature: params.float("temperature", 0.0..=2.0),
        top_p: params.float("top_p", 0.0..=1.0),
        max_tokens: params.whole("max_tokens", 1),
        effort: params.text("effort").map(|(effort, _)| effort.to_owned()),
        seed: params.whole("seed", 0).and_then(|seed| i64::try_from(seed).ok()),
        ..Params::default()
    };
    params.finish();
    found
}

fn defaults(root: &mut Table<'_, '_>, policy: &mut Policy) {
    let Some(table) = root.table("defaults") else { return };
    let mut table = Table::new("[defaults]", table, root.problems());
    if let Some(written) = table.table("timeout") {
        let mut timeout = Table::new("timeout", written, table.problems());
        let limits = &mut policy.limits;
        set(&mut limits.connect, timeout.parsed("connect", positive));
        set(&mut limits.first_token, timeout.parsed("first_token", positive));
        set(&mut limits.stall, timeout.parsed("stall", positive));
        set(&mut limits.total, timeout.parsed("total", positive));
        timeout.finish();
    }
    if let Some(written) = table.table("retry") {
        let mut retry = Table::new("retry", written, table.problems());
        let bounds = &mut policy.retry;
        set(&mut bounds.attempts, retry.whole("attempts", 1).and_then(|n| u32::try_from(n).ok()));
        if let Some((least, most)) = retry.parsed("backoff", backoff) {
            (bounds.backoff, bounds.backoff_most) = (least, most);
        }
        set(&mut bounds.retry_after_most, retry.parsed("retry_after_max", span::parse));
        retry.finish();
    }
    table.finish();
}

fn set<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}

fn positive(text: &str) -> Result<Duration, String> {
    let duration = span::parse(text).map_err(|error| error.to_string())?;
    if duration.is_zero() { Err("a limit of nothing fails every call".to_owned()) } else { Ok(duration) }
}

/// `250ms..8s`: the first and the longest backoff.
fn backoff(text: &str) -> Result<(Duration, Duration), String> {
    let (least, most) = text.split_once("..").ok_or("a backoff is written 250ms..8s")?;
    let (least, most) = (positive(least)?, positive(most)?);
    if least > most {
        Err(format!("the first backoff is longer than the longest in {text:?}"))
    } else {
        Ok((least, most))
    }
}

fn actions(root: &mut Table<'_, '_>, policy: &mut Policy) {
    let Some(table) = root.table("on") else { return };
    let mut table = Table::new("[on]", table, root.problems());
    for class in FailureClass::ALL {
        let Some(written) = table.array(class.name()) else { continue };
        let mut actions = Vec::new();
        for value in written {
            let action = value.get_ref().as_str().and_then(action_named);
            if let Some(action) = action {
                actions.push(action);
            } else {
                let known: Vec<_> = Action::ALL.iter().map(|action| action.name()).collect();
                let problem = Problem::new(value.span(), "unknown action", "this")
                    .help(format!("known actions: {}", known.join(", ")));
                table.problem(problem);
            }
        }
        policy.actions.push((class, actions));
    }
    table.finish();
}

fn action_named(name: &str) -> Option<Action> {
    Action::ALL.into_iter().find(|action| action.name() == name)
}
