//! The providers of a configuration: where they are, how they want their key, and where that key is.

use std::net::IpAddr;
use std::ops::Range;
use std::path::PathBuf;

use http::{HeaderMap, HeaderName, HeaderValue};
use toml::de::{DeTable, DeValue};

use super::file::{Table, Value, literal_secret, nearest};
use super::preset::{self, Auth, Preset};
use super::problem::Problem;
use super::{KeySource, Policy, Provider, SIMULATED, Secret};
use crate::base::untrusted::Untrusted;
use crate::dialect::DialectName;

/// The provider that recorded answers are listed under; a paid one of this name would go unpaid.
const RECORDINGS: &str = "replay";

pub(super) fn providers(root: &mut Table<'_, '_>, policy: &mut Policy) {
    for (name, span, table) in root.named("providers") {
        let mut table = Table::new(format!("[providers.{name}]"), table, root.problems());
        check_name(name, &span, &mut table);
        let preset = preset::of(name);
        let dialect = table.parsed("dialect", dialect_named).or(preset.map(|preset| preset.dialect));
        let url = address(name, &span, preset, &mut table);
        let mut provider = Provider {
            name: name.to_owned(),
            preset: preset.map_or("", |preset| preset.name),
            dialect: dialect.unwrap_or(DialectName::OpenAi),
            base_url: url,
            auth: Auth::None,
            key: preset.map_or(KeySource::None, KeySource::preset),
            headers: HeaderMap::new(),
            secret_headers: Vec::new(),
            concurrency: table.count("concurrency", 1),
        };
        let mut secrets = Vec::new();
        key(&mut table, &span, &mut provider, &mut secrets);
        headers(&mut table, &mut provider, &mut secrets);
        if name == SIMULATED {
            simulated(&mut table);
        } else {
            in_the_clear(&mut table, &provider);
            policy.secrets.append(&mut secrets);
        }
        table.finish();
        policy.providers.push(provider);
    }
}

fn check_name(name: &str, span: &Range<usize>, table: &mut Table<'_, '_>) {
    let is_name =
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !is_name {
        let message = format!("`{name}` cannot name a provider");
        let help = "use letters, digits, - and _";
        table.problem(Problem::new(span.clone(), message, "this name").help(help));
    }
    if name == RECORDINGS {
        let message = format!("`{name}` is what recorded answers are called, which cost nothing");
        table.problem(Problem::new(span.clone(), message, "this name").help("use another name"));
    }
}

/// Simulated models answer from arithmetic: whatever would lead elsewhere contradicts that.
fn simulated(table: &mut Table<'_, '_>) {
    for key in ["url", "dialect", "keys", "auth", "headers"] {
        let Some(place) = table.place(key) else { continue };
        let message = format!("`{key}` contradicts `{SIMULATED}`: its models answer within this program");
        let help = "leave it out, or give the server a provider name of its own";
        table.problem(Problem::new(place, message, "never used").help(help));
    }
}

/// The base address: as written, else the preset's. Empty when there is a problem with it.
fn address(name: &str, span: &Range<usize>, preset: Option<&Preset>, table: &mut Table<'_, '_>) -> String {
    let url = table.parsed("url", base_url).or(preset.map(|preset| preset.url.to_owned()));
    let url = url.unwrap_or_default();
    let place = table.place("url").unwrap_or_else(|| span.clone());
    if let Some((key, _)) = query(&url).find(|(key, _)| is_key_name(key)) {
        let message = format!(
            "an address must not hold a credential, and `{}` of its query is one",
            Untrusted::line(key)
        );
        let help =
            "name where it is: keys = [{ env = \"NAME\" }], or headers = { NAME = { env = \"NAME\" } }";
        table.problem(Problem { message, ..literal_secret(place) }.help(help));
    }
    if url.is_empty() && table.place("url").is_none() {
        let message = format!("provider `{name}` has no url");
        let close = nearest(name, preset::ALL.iter().map(|preset| preset.name));
        let help = match close.filter(|close| *close != name) {
            Some(close) => format!("did you mean [providers.{close}]? Else name its base address: {EXAMPLE}"),
            None => format!("name its base address: {EXAMPLE}"),
        };
        table.problem(Problem::new(span.clone(), message, "needed here").help(help));
    }
    url
}

/// The names and values of an address' query.
fn query(url: &str) -> impl Iterator<Item = (&str, &str)> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    query
        .split(['&', ';'])
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Whether a name in a query is that of a credential: `key` (Gemini), `code` (Azure Functions), `sig` (Azure's
/// signed addresses), `X-Amz-Signature` (AWS) and what else is written in these words.
fn is_key_name(name: &str) -> bool {
    const WITHIN: [&str; 7] = ["token", "secret", "passw", "apikey", "signature", "credential", "accesskey"];
    const WORDS: [&str; 6] = ["key", "sig", "code", "auth", "authorization", "pwd"];
    let name = name.to_ascii_lowercase();
    WITHIN.iter().any(|part| name.contains(part))
        || name.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| WORDS.contains(&word))
}

const EXAMPLE: &str = "url = \"https://llm.example.com/v1\"";

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

/// The header a provider without a preset most likely wants, by its dialect.
fn auth_of(dialect: DialectName) -> Auth {
    match dialect {
        DialectName::Anthropic => Auth::Header("x-api-key"),
        DialectName::Gemini => Auth::Header("x-goog-api-key"),
        _ => Auth::Bearer,
    }
}

/// `bearer`, `header:NAME` or `none`.
fn auth_named(text: &str) -> Result<Auth<HeaderName>, String> {
    match (text, text.strip_prefix("header:")) {
        ("bearer", _) => Ok(Auth::Bearer),
        ("none", _) => Ok(Auth::None),
        (_, Some(name)) => {
            let parsed = HeaderName::try_from(name.trim());
            parsed.map(Auth::Header).map_err(|_| format!("`{name}` cannot name a header"))
        }
        _ => Err("`auth` must be \"bearer\", \"header:NAME\" or \"none\"".to_owned()),
    }
}

/// How the key is sent, and where it is: as written, else as the preset has it, else as the dialect's own
/// provider wants it. A key that is named is sent, even to a server that would answer without (vLLM's
/// `--api-key`).
fn key(
    table: &mut Table<'_, '_>,
    provider_span: &Range<usize>,
    provider: &mut Provider,
    secrets: &mut Vec<Secret>,
) {
    let auth = table.parsed("auth", auth_named);
    let named = named_key(table);
    let has_keys = table.place("keys").is_some() || table.place("key").is_some();
    let usual = preset::of(&provider.name).map(|preset| preset.auth).filter(|auth| *auth != Auth::None);
    provider.auth = match (&auth, has_keys || provider.key != KeySource::None) {
        (Some(auth), _) => auth.clone(),
        (None, true) => usual.unwrap_or_else(|| auth_of(provider.dialect)).named(),
        (None, false) => Auth::None,
    };
    match (table.place("auth"), &auth) {
        (Some(place), Some(Auth::None)) if has_keys => {
            let message = format!("{} names a key, and `auth = \"none\"` sends none", table.what);
            table.problem(Problem::new(place, message, "contradicts `keys`").help("leave out one of them"));
        }
        (Some(place), Some(Auth::Bearer | Auth::Header(_)))
            if !has_keys && provider.key == KeySource::None =>
        {
            let message = format!("{} is to be sent a key, and names none", table.what);
            let help = "name where it is: keys = [{ env = \"NAME\" }], or leave out `auth`";
            table.problem(Problem::new(place, message, "nothing to send").help(help));
        }
        _ => {}
    }
    if provider.auth == Auth::None {
        provider.key = KeySource::None;
        return;
    }
    let at = table.place("keys").unwrap_or_else(|| provider_span.clone());
    if has_keys {
        let Some((source, at)) = named else { return };
        provider.key = source.clone();
        secrets.push(Secret { provider: provider.name.clone(), header: None, source, at });
    } else {
        let (provider, source) = (provider.name.clone(), provider.key.clone());
        secrets.push(Secret { provider, header: None, source, at });
    }
}

/// The key that the file names, with its place.
fn named_key(table: &mut Table<'_, '_>) -> Option<(KeySource, Range<usize>)> {
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
    if keys.is_empty()
        && let Some(place) = table.place("keys")
    {
        let help = "name where it is: keys = [{ env = \"NAME\" }], or auth = \"none\" for a server without";
        table.problem(Problem::new(place, "`keys` names no key", "empty").help(help));
    }
    if let [_, second, ..] = keys[..] {
        let message = "several keys of one provider are not supported yet";
        table.problem(Problem::new(second.span(), message, "a second key").help("give one key"));
    }
    let first = keys.first()?;
    Some((secret_source("a key", first, table.problems())?, first.span()))
}

/// `{ env = "NAME" }` or `{ file = "PATH" }`.
fn secret_source(what: &str, value: &Value<'_>, problems: &mut Vec<Problem>) -> Option<KeySource> {
    let Some(inner) = value.get_ref().as_table() else {
        problems.push(literal_secret(value.span()));
        return None;
    };
    let mut table = Table::new(what, inner, problems);
    let env = table.text("env");
    let file = table.text("file").map(|(path, _)| KeySource::File(PathBuf::from(path)));
    if env.is_some() == file.is_some() {
        let message = format!("{what} is named by `env` or by `file`");
        table
            .problem(Problem::new(value.span(), message, "one of both").help("{ env = \"OPENAI_API_KEY\" }"));
    }
    let env = env.and_then(|(name, span)| variable(name, span, &mut table));
    table.finish();
    env.or(file)
}

/// A variable's name. What cannot be one is most likely the secret itself, and is not shown.
fn variable(name: &str, span: Range<usize>, table: &mut Table<'_, '_>) -> Option<KeySource> {
    let is_variable = !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let looks_drawn = name.len() >= 16
        && name.bytes().any(|b| b.is_ascii_lowercase())
        && name.bytes().any(|b| b.is_ascii_digit());
    if is_variable && !looks_drawn {
        return Some(KeySource::Env(vec![name.to_owned()]));
    }
    let help = "`env` takes the name of an environment variable: { env = \"OPENAI_API_KEY\" }";
    let mut problem = literal_secret(span).help(help);
    "`env` does not name a variable; a credential must not stand in the configuration"
        .clone_into(&mut problem.message);
    table.problem(problem);
    None
}

/// Headers that carry a key; `keys` and `auth` are for that.
const OF_KEYS: [&str; 5] = ["authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie"];

/// Static headers as text, and secret ones as `{ env = … }` or `{ file = … }`.
fn headers(table: &mut Table<'_, '_>, provider: &mut Provider, secrets: &mut Vec<Secret>) {
    let Some(written) = table.table("headers") else { return };
    for (name, value) in written {
        let lower = name.get_ref().to_ascii_lowercase();
        let Ok(header) = HeaderName::try_from(lower.as_str()) else {
            table.problem(Problem::new(name.span(), format!("`{lower}` cannot name a header"), "here"));
            continue;
        };
        if value.get_ref().as_table().is_some() {
            let source = secret_source("a header's value", value, table.problems());
            let Some(source) = source else { continue };
            provider.secret_headers.push((header.clone(), source.clone()));
            let (provider, at) = (provider.name.clone(), value.span());
            secrets.push(Secret { provider, header: Some(header), source, at });
        } else if OF_KEYS.contains(&lower.as_str()) {
            let help = format!("headers = {{ {lower} = {{ env = \"NAME\" }} }}, or keys and auth");
            table.problem(literal_secret(value.span()).help(help));
        } else {
            let text = value.get_ref().as_str().and_then(|text| HeaderValue::from_str(text).ok());
            let Some(text) = text else {
                table.problem(not_a_value(&lower, value.span()));
                continue;
            };
            provider.headers.insert(header, text);
        }
    }
}

/// What a header cannot carry may be a secret all the same.
fn not_a_value(header: &str, span: Range<usize>) -> Problem {
    let message = format!("`{header}` needs text that a header can carry");
    let help = "a string in quotes without control characters, or { env = \"NAME\" }";
    Problem { is_secret: true, ..Problem::new(span, message, "here").help(help) }
}

/// The configuration's text as it may be kept, with what may be secret left out: comments, where keys are put aside;
/// the values of headers and of an address' query, whose names stay. Everything else that is secret is refused when
/// the text is read. Lines stay where they are.
pub fn storable(text: &str) -> String {
    let (root, _) = DeTable::parse_recoverable(text);
    let mut changes: Vec<(Range<usize>, String)> =
        comments(text).into_iter().map(|comment| (comment, String::new())).collect();
    for (_, provider) in below(root.get_ref(), "providers").into_iter().flatten() {
        let Some(provider) = provider.get_ref().as_table() else { continue };
        let headers = below(provider, "headers").into_iter().flatten();
        let literal = headers.filter(|(_, value)| value.get_ref().as_table().is_none());
        changes.extend(literal.map(|(_, value)| (value.span(), "\"(not kept)\"".to_owned())));
        let url = provider.iter().find(|(name, _)| name.get_ref() == "url").map(|(_, value)| value);
        let url = url.and_then(|value| Some((value.span(), blanked(value.get_ref().as_str()?)?)));
        // A string of Rust in quotes is one of TOML for all that an address may hold.
        changes.extend(url.map(|(span, url)| (span, format!("{url:?}"))));
    }
    changes.sort_by_key(|(span, _)| span.start);
    let mut out = text.to_owned();
    for (span, instead) in changes.into_iter().rev() {
        out.replace_range(span, &instead);
    }
    out
}

/// An address without credentials and the values of its query; nothing where it has none.
fn blanked(url: &str) -> Option<String> {
    let (address, _) = url.split_once('?').unwrap_or((url, ""));
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let bare = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let names: Vec<_> = query(url).map(|(name, _)| format!("{name}=(not kept)")).collect();
    if names.is_empty() && bare == host {
        return None;
    }
    let mark = if names.is_empty() { "" } else { "?" };
    Some(format!("{scheme}://{bare}{path}{mark}{}", names.join("&")))
}

/// Where the comments of a TOML text are, with the blanks before them.
fn comments(text: &str) -> Vec<Range<usize>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(next) = text[at..].find(['#', '"', '\'']).map(|next| at + next) {
        let rest = &text[next..];
        if rest.starts_with('#') {
            let end = next + rest.find('\n').unwrap_or(rest.len());
            let start = text[..next].trim_end_matches([' ', '\t']).len();
            found.push(start..end);
            at = end;
        } else {
            at = next + string(rest);
        }
    }
    found
}

/// How long the TOML string is that a text begins with.
fn string(text: &str) -> usize {
    let quote = &text[..1];
    let triple = quote.repeat(3);
    let mark = if text.starts_with(&triple) { triple.as_str() } else { quote };
    let mut at = mark.len();
    while at < text.len() && !text[at..].starts_with(mark) {
        let is_escape = quote == "\"" && text[at..].starts_with('\\');
        let mut chars = text[at..].chars();
        let taken = chars.next().into_iter().chain(chars.next().filter(|_| is_escape));
        at += taken.map(char::len_utf8).sum::<usize>();
    }
    at = (at + mark.len()).min(text.len());
    // Up to two quotes may stand right before the three that end a text of lines.
    let more = text[at..].bytes().take(2).take_while(|byte| mark.len() == 3 && quote.as_bytes() == [*byte]);
    at + more.count()
}

fn below<'t>(table: &'t DeTable<'t>, key: &str) -> Option<&'t DeTable<'t>> {
    table.iter().find(|(name, _)| name.get_ref() == key).and_then(|(_, value)| value.get_ref().as_table())
}

/// Warns of a secret that everybody between here and there can read.
fn in_the_clear(table: &mut Table<'_, '_>, provider: &Provider) {
    let has_secret = provider.key != KeySource::None || !provider.secret_headers.is_empty();
    let Some(place) = table.place("url") else { return };
    if has_secret && is_open_road(&provider.base_url) {
        let message = format!("the key of `{}` is sent unencrypted over the network", provider.name);
        table.problem(Problem::warning(place, message, "http, not https").help("use https://"));
    }
}

/// Whether an address is plain HTTP to a host outside this machine and its private network.
fn is_open_road(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    uri.scheme_str() == Some("http") && uri.host().is_some_and(|host| !is_private(host))
}

/// Whether a host is on this machine or its private network: loopback, private, shared and link-local
/// addresses (RFC 1918, 3927, 4193, 4291, 6598); names without a dot, as containers have, and names that no
/// public server has (RFC 6761, 6762, 8375; ICANN's `internal`; Kubernetes' `cluster.local`).
fn is_private(host: &str) -> bool {
    const NAMES: [&str; 6] = [".localhost", ".local", ".internal", ".home.arpa", ".test", ".lan"];
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    match host.parse() {
        Ok(IpAddr::V4(ip)) => {
            let [a, b, ..] = ip.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || is_shared
        }
        Ok(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
        Err(_) => {
            let host = host.to_ascii_lowercase();
            !host.contains('.') || NAMES.iter().any(|ending| host.ends_with(ending))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_leaves_the_private_network_in_the_clear_is_an_open_road() {
        let cases = [
            ("http://llm.example.com/v1", true),
            ("http://8.8.8.8:80/v1", true),
            ("http://[2001:db8::1]/v1", true),
            ("http://172.32.0.1/v1", true),
            ("http://100.128.0.1/v1", true),
            ("https://llm.example.com/v1", false),
            ("http://localhost:8000/v1", false),
            ("http://127.0.0.2/v1", false),
            ("http://10.1.2.3/v1", false),
            ("http://172.31.255.255/v1", false),
            ("http://192.168.1.5/v1", false),
            ("http://100.64.0.1/v1", false),
            ("http://[::1]:8000/v1", false),
            ("http://[fd00::1]/v1", false),
            ("http://vllm:8000/v1", false),
            ("http://llm.eu.internal/v1", false),
            ("http://vllm.ml.svc.cluster.local/v1", false),
        ];
        for (url, is_open) in cases {
            assert_eq!(is_open_road(url), is_open, "{url}");
        }
    }
}
