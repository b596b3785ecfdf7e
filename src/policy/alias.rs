//! Models under names of the user's own: what they mean, what they cost, and whether that fits together.

use std::ops::Range;

use super::file::Table;
use super::problem::Problem;
use super::{Alias, Policy, PriceOverride};
use crate::base::money::{Money, Rate};
use crate::model::request::Params;

/// Above every price a provider asks for text (the dearest in the catalogue is below 1 000): most likely a
/// price in another unit. Dollars per million tokens.
const ABSURD_RATE: Rate = Rate::from_picos(10_000_000_000);
/// Below every price but nothing: most likely a price per token. Dollars per million tokens.
const PER_TOKEN_RATE: Rate = Rate::from_picos(100);
/// No request costs more than this, in dollars.
const ABSURD_FEE: Money = Money::from_nanos(100_000_000_000);

pub(super) fn models(root: &mut Table<'_, '_>, policy: &mut Policy) {
    let tables = root.named("models");
    let ids: Vec<(&str, &str)> = tables
        .iter()
        .filter_map(|(name, _, table)| {
            let (_, id) = table.iter().find(|(key, _)| key.get_ref() == "id")?;
            Some((*name, id.get_ref().as_str()?))
        })
        .collect();
    for (name, span, table) in tables {
        let mut table = Table::new(format!("[models.{name}]"), table, root.problems());
        if name.contains('/') {
            let message = format!("alias `{name}` must not hold a slash");
            table.problem(Problem::new(span.clone(), message, "reads like provider/model"));
        }
        let id = table.text("id");
        if id.is_none() && table.place("id").is_none() {
            let message = format!("alias `{name}` names no model");
            let help = "id = \"openai/gpt-5-mini\"";
            table.problem(Problem::new(span, message, "needs an id").help(help));
        }
        if let Some((id, at)) = &id {
            check_id(policy, &ids, (name, id), at, &mut table);
        }
        let (id, at) = id.unwrap_or_default();
        let alias = Alias {
            name: name.to_owned(),
            id: id.to_owned(),
            at,
            price: price(&mut table),
            window: table.whole("window", 1),
            max_output: table.whole("max_output", 1),
            params: params(&mut table),
        };
        check_sizes(&alias, &mut table);
        check_others(&policy.aliases, &alias, &mut table);
        table.finish();
        policy.aliases.push(alias);
    }
    policy.aliases.retain(|alias| !alias.id.is_empty());
}

/// An alias names a model of a provider that is known, and no other alias.
fn check_id(
    policy: &Policy,
    ids: &[(&str, &str)],
    (name, id): (&str, &str),
    at: &Range<usize>,
    table: &mut Table<'_, '_>,
) {
    let next = |name: &str| ids.iter().find(|(alias, _)| *alias == name).map(|(_, id)| *id);
    let mut chain = vec![name, id];
    while let Some(id) = chain.last().and_then(|last| next(last)) {
        if chain.contains(&id) {
            let (message, help) = ("aliases in a circle name no model", "id = \"openai/gpt-5-mini\"");
            let label = format!("{} -> {id}", chain.join(" -> "));
            table.problem(Problem::new(at.clone(), message, label).help(help));
            return;
        }
        chain.push(id);
    }
    match chain[..] {
        [_, _] => {
            // Each provider's own problems are told at the provider.
            if let Err(error) = policy.target(id) {
                table.problem(Problem::new(at.clone(), error.to_string(), "this id"));
            }
        }
        [.., last] => {
            let message = format!("`{id}` is an alias, and an alias names a model");
            let problem = Problem::new(at.clone(), message, "another alias");
            table.problem(problem.help(format!("id = \"{last}\"")));
        }
        [] => {}
    }
}

/// Output is part of the window, and what is asked for part of what can be given.
fn check_sizes(alias: &Alias, table: &mut Table<'_, '_>) {
    let sizes = [
        ("max_output", alias.max_output, "window", alias.window),
        ("params", alias.params.max_tokens, "max_output", alias.max_output),
        ("params", alias.params.max_tokens, "window", alias.window.filter(|_| alias.max_output.is_none())),
    ];
    for (key, size, bound_key, bound) in sizes {
        let (Some(size), Some(bound), Some(place)) = (size, bound, table.place(key)) else { continue };
        if size > bound {
            let what = if key == "params" { "max_tokens" } else { key };
            let message = format!("`{what}` ({size}) is more than `{bound_key}` ({bound}) of {}", table.what);
            let help = format!("lower `{what}`, or raise `{bound_key}`");
            table.problem(Problem::new(place, message, format!("more than {bound}")).help(help));
        }
    }
}

/// Facts are of the model, whatever it is called: two aliases of one model cannot state two prices.
fn check_others(others: &[Alias], alias: &Alias, table: &mut Table<'_, '_>) {
    for other in others.iter().filter(|other| other.id == alias.id && !alias.id.is_empty()) {
        let differs = [
            ("price", alias.price.is_some() && other.price.is_some() && alias.price != other.price),
            ("window", alias.window.zip(other.window).is_some_and(|(own, other)| own != other)),
            ("max_output", alias.max_output.zip(other.max_output).is_some_and(|(own, other)| own != other)),
        ];
        for (key, _) in differs.into_iter().filter(|(_, differs)| *differs) {
            let Some(place) = table.place(key) else { continue };
            let message = format!("`{}` states another `{key}` for `{}`", other.name, alias.id);
            let help = "state it once: it belongs to the model, whatever the alias";
            table.problem(Problem::new(place, message, "contradicts the other alias").help(help));
        }
    }
}

fn price(table: &mut Table<'_, '_>) -> Option<PriceOverride> {
    let what = format!("the price of {}", table.what);
    let written = table.table("price")?;
    let place = table.place("price")?;
    let mut price = Table::new(what, written, table.problems());
    let found = PriceOverride {
        input: rate(&mut price, "input"),
        output: rate(&mut price, "output"),
        cached_input: rate(&mut price, "cached_input"),
        cache_write: rate(&mut price, "cache_write"),
        request: amount(&mut price, "request"),
    };
    for key in ["input", "output"] {
        // A slip in the name is told as such.
        if price.place(key).is_none() && !price.has_unknown() {
            let message = format!("{} states no `{key}`, and so would not count", price.what);
            let help = "a price has both: price = { input = 0.10, output = 0.40 }, 0 where it is free";
            price.problem(Problem::new(place.clone(), message, format!("no `{key}`")).help(help));
        }
    }
    if let (Some(cached), Some(fresh), Some(place)) =
        (found.cached_input, found.input, price.place("cached_input"))
        && cached > fresh
    {
        let message = format!("{}: cached input is dearer than fresh input", price.what);
        price.problem(
            Problem::warning(place, message, format!("more than {fresh}")).help("are they swapped?"),
        );
    }
    price.finish();
    Some(found)
}

fn rate(table: &mut Table<'_, '_>, key: &'static str) -> Option<Rate> {
    let (text, span) = table.decimal(key)?;
    let rate = match Rate::per_million(&text) {
        Ok(rate) => rate,
        Err(error) => {
            table.problem(Problem::new(span, error.to_string(), key));
            return None;
        }
    };
    let is_nothing = !text.contains(|c: char| ('1'..='9').contains(&c));
    if rate > ABSURD_RATE {
        let message = format!("no model costs ${rate} per million tokens");
        let help = "prices are in dollars per million tokens";
        table.problem(Problem::new(span, message, "absurd").help(help));
    } else if !is_nothing && rate < PER_TOKEN_RATE {
        let message = format!("{text} is less than any price per million tokens");
        let help = match Rate::per_token(&text) {
            Ok(meant) if meant >= PER_TOKEN_RATE => {
                format!("a price per token? Then write {key} = {meant}")
            }
            _ => "0 where it is free".to_owned(),
        };
        table.problem(Problem::new(span, message, "dollars per million tokens").help(help));
    }
    Some(rate)
}

fn amount(table: &mut Table<'_, '_>, key: &'static str) -> Option<Money> {
    let (text, span) = table.decimal(key)?;
    match text.parse::<Money>() {
        Ok(fee) if fee > ABSURD_FEE => {
            let message = format!("a request cannot cost {text} dollars");
            table.problem(Problem::new(span, message, key).help("dollars per request: request = 0.005"));
            None
        }
        Ok(fee) => Some(fee),
        Err(error) => {
            table.problem(Problem::new(span, error.to_string(), key));
            None
        }
    }
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
        seed: params.count("seed", 0),
        ..Params::default()
    };
    params.finish();
    found
}
