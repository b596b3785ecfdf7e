//! Fields of a text, by the names and types of a schema's properties.

use regex::Regex;
use serde_json::{Map, Value};

use super::arithmetic::in_digits;
use super::number::Ratio;
use super::pattern::patterns;
use super::{dates, minimal};

patterns! {
    EMAIL = r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+";
    LINK = r"https?://[^\s,)]+[^\s,.)]";
    PHONE = r"\+\d[\d ]{6,}\d";
    CODE = r"(?-i:\b[A-Z]{1,5}[- ]?\d[\dA-Z-]*\b)";
    AMOUNT = r"(?:[$€£]|\b(?:EUR|USD|CHF|GBP|NOK|SEK|DKK)) ?(\d[\d,]*(?:\.\d+)?)|(\d[\d,]*(?:\.\d+)?) ?(?:[€£]|(?:EUR|USD|CHF|GBP|NOK|SEK|DKK)\b)";
    CURRENCY = r"\b(EUR|USD|CHF|GBP|NOK|SEK|DKK)\b|([$€£])";
    PERSON = r"(?-i:\b\p{Lu}\p{Ll}+(?: (?:van|de|von))? \p{Lu}\p{Ll}+\b)";
    PLACE = r"(?-i:\b(?:in|from|to|for|at) (\p{Lu}\p{Ll}+(?: \p{Lu}\p{Ll}+)?))";
    COUNT = r"\b\d[\d,]*(?:\.\d+)?\b";
}

/// Properties for what has to be worked out, not found.
const ANSWERS: [&str; 4] = ["answer", "result", "value", "solution"];

/// The object a schema asks for, filled from the text; nothing when no property is found there. Required
/// properties that are not found get the least their schema allows.
pub(super) fn extract(prompt: &str, schema: &Value) -> Option<Map<String, Value>> {
    let text = prompt.split_once("\n\n").map_or(prompt, |(_, text)| text);
    let found = fill(text, schema);
    if found.is_empty() || found.keys().all(|name| ANSWERS.contains(&name.as_str())) {
        return None;
    }
    let mut object = minimal(schema).as_object().cloned().unwrap_or_default();
    object.extend(found);
    Some(object)
}

/// The properties of a schema that the text has a value for, in the schema's order.
pub(super) fn fill(text: &str, schema: &Value) -> Map<String, Value> {
    let properties = schema["properties"].as_object().into_iter().flatten();
    let found = |(name, property): (&String, &Value)| Some((name.clone(), value(text, name, property)?));
    properties.filter_map(found).collect()
}

fn value(text: &str, name: &str, property: &Value) -> Option<Value> {
    if let Some(options) = property["enum"].as_array() {
        let lower = text.to_lowercase();
        let is_said =
            |option: &&Value| option.as_str().is_some_and(|option| lower.contains(&option.to_lowercase()));
        return options.iter().find(is_said).cloned();
    }
    match property["type"].as_str() {
        Some(kind @ ("number" | "integer")) => {
            amount(text, name).map(Ratio::json).filter(|number| kind == "number" || number.is_i64())
        }
        Some("boolean") => Some(is_said(text, name).into()),
        Some("string") | None => words(text, name).map(Value::from),
        _ => None,
    }
}

/// Whether a word stands in the text without a negation before it.
fn is_said(text: &str, name: &str) -> bool {
    let lower = text.to_lowercase();
    let said = lower.find(&name.to_lowercase().replace('_', " "));
    said.is_some_and(|at| {
        let before: Vec<_> = lower[..at].split_whitespace().rev().take(2).collect();
        !before.iter().any(|word| ["no", "not", "without", "never"].contains(word))
    })
}

fn amount(text: &str, name: &str) -> Option<Ratio> {
    let text = in_digits(text);
    if ["total", "amount", "price", "due", "cost"].iter().any(|word| name.to_lowercase().contains(word)) {
        let all = AMOUNT.captures_iter(&text).filter_map(|found| found.get(1).or(found.get(2)));
        // The last amount is the total of those before it.
        return Ratio::parse(all.last()?.as_str());
    }
    let bare = EMAIL.replace_all(&text, " ");
    let bare = CODE.replace_all(&bare, " ");
    COUNT.find_iter(&bare).find_map(|found| Ratio::parse(found.as_str().trim_end_matches(',')))
}

fn words(text: &str, name: &str) -> Option<String> {
    let name = name.to_lowercase();
    let is = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let whole = |pattern: &Regex| pattern.find(text).map(|found| found.as_str().to_owned());
    if is(&["mail"]) {
        whole(&EMAIL)
    } else if is(&["date", "day", "due"]) {
        dates::dates(text).next().map(|date| date.to_string())
    } else if is(&["url", "link", "website"]) {
        whole(&LINK)
    } else if is(&["phone"]) {
        whole(&PHONE)
    } else if is(&["currency"]) {
        CURRENCY.captures(text).map(|found| currency(&found[0]))
    } else if is(&["invoice", "order", "number", "reference", "code", "flight", "id"]) {
        whole(&CODE)
    } else if is(&["city", "place", "location", "destination", "town"]) {
        PLACE.captures(text).map(|found| found[1].to_owned())
    } else if is(&["name", "person", "customer", "contact"]) {
        whole(&PERSON)
    } else {
        None
    }
}

fn currency(sign: &str) -> String {
    match sign {
        "$" => "USD",
        "€" => "EUR",
        "£" => "GBP",
        code => return code.to_uppercase(),
    }
    .to_owned()
}
