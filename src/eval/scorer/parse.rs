//! Scorers as written: an object with `type` and options, or a short string such as `contains:foo`.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::options::Options;
use super::{
    Kind, RowFacts, Scorer, choice, closeness, exec, json, judge, limit, numeric, similarity, text, tool_call,
};
use crate::eval::problem::did_you_mean;
use crate::model::Object;

/// Every kind of scorer, by the name of its `type`.
pub(super) const KINDS: [&str; 22] = [
    "equals",
    "one_of",
    "contains",
    "contains_all",
    "contains_any",
    "starts_with",
    "regex",
    "json",
    "json_schema",
    "json_fields",
    "numeric",
    "choice",
    "levenshtein",
    "rouge_l",
    "tool_call",
    "refusal",
    "length",
    "latency",
    "cost",
    "judge",
    "similarity",
    "exec",
];

impl Scorer {
    /// Reads a scorer: an object (`{"type": "numeric", "rel": 0.01}`) or a string (see
    /// [`Scorer::from_short`]). Common options: `name`, and `not` to pass where the scorer fails.
    pub fn parse(written: &Value) -> Result<Self, String> {
        match written {
            Value::String(short) => Self::from_short(short),
            Value::Object(fields) => Self::from_fields(fields),
            _ => Err(format!(
                "a scorer is a string such as \"contains:foo\" or an object with `type`, not {written}"
            )),
        }
    }

    /// Reads the short form: `type`, or `type:argument`, where the argument is the option one would name
    /// first: the text of `contains`, the tolerance or path of `numeric`, the threshold of `levenshtein`,
    /// the model and rubric of `judge` (`judge:MODEL rubric text`), the command of `exec`. A leading
    /// `not-` negates.
    pub fn from_short(short: &str) -> Result<Self, String> {
        let (negate, bare) = match short.trim().strip_prefix("not-") {
            Some(bare) => (true, bare),
            None => (false, short.trim()),
        };
        let (kind, argument) = match bare.split_once(':') {
            Some((kind, argument)) => (kind.trim(), Some(argument.trim())),
            None => (bare, None),
        };
        let mut fields = Map::new();
        fields.insert("type".to_owned(), kind.into());
        if let Some(argument) = argument.filter(|argument| !argument.is_empty()) {
            name_argument(kind, argument, &mut fields)?;
        }
        if negate {
            fields.insert("not".to_owned(), true.into());
        }
        Self::from_fields(&fields)
    }

    fn from_fields(fields: &Object) -> Result<Self, String> {
        let kind = fields
            .get("type")
            .and_then(Value::as_str)
            .ok_or_else(|| "a scorer needs `type`, such as \"numeric\"".to_owned())?;
        let mut options = Options::new(kind, fields);
        let name = options.text("name")?;
        let negate = options.flag("not")?.unwrap_or(false);
        let parsed = parse_kind(kind, &mut options)?;
        options.finish()?;
        let default_name = if negate { format!("not-{kind}") } else { kind.to_owned() };
        let name = name.filter(|name| !name.is_empty()).map_or(default_name, str::to_owned);
        Ok(Self { name, negate, kind: parsed })
    }

    /// Reads a list of scorers, or a single one, and makes their names unique by counting repetitions.
    pub fn parse_list(written: &Value) -> Result<Arc<[Self]>, String> {
        let scorers: Vec<Self> = match written {
            Value::Array(items) => items.iter().map(Self::parse).collect::<Result<_, _>>()?,
            single => vec![Self::parse(single)?],
        };
        Ok(Self::with_unique_names(scorers))
    }

    /// Gives scorers of the same name a number: `contains`, `contains-2`.
    pub fn with_unique_names(mut scorers: Vec<Self>) -> Arc<[Self]> {
        for at in 1..scorers.len() {
            let (before, rest) = scorers.split_at_mut(at);
            let is_taken = |name: &str| before.iter().any(|scorer| scorer.name == name);
            let name = rest[0].name.clone();
            if is_taken(&name) {
                let unique = (2..=at + 1).map(|n| format!("{name}-{n}")).find(|unique| !is_taken(unique));
                rest[0].name = unique.unwrap_or(name);
            }
        }
        scorers.into()
    }

    /// The scorers that a row's `expected` suggests when nobody named any: text is compared, a number
    /// looked for, a list is one of several, an object is compared field by field, or call by call where
    /// the row has tools. Without `expected` there is none: validity alone decides.
    pub(crate) fn suggested(row: &RowFacts<'_>) -> Vec<Self> {
        let kind = match row.expected {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Number(_)) => "numeric",
            Some(Value::Object(_)) if row.has_tools => "tool_call",
            Some(Value::Array(items)) if row.has_tools && items.iter().all(Value::is_object) => "tool_call",
            Some(Value::Object(_)) => "json_fields",
            Some(Value::Array(_)) => "one_of",
            Some(Value::String(_) | Value::Bool(_)) => "equals",
        };
        Self::from_short(kind).into_iter().collect()
    }
}

fn parse_kind(kind: &str, options: &mut Options<'_>) -> Result<Kind, String> {
    match kind {
        "equals" | "one_of" | "contains" | "contains_all" | "contains_any" | "starts_with" => {
            text::TextRule::parse(kind, options).map(Kind::Text)
        }
        "regex" => text::parse_regex(options).map(Kind::Regex),
        "json" => json::JsonRule::parse(options).map(Kind::Json),
        "json_schema" => json::JsonRule::parse_schema(options).map(Kind::Json),
        "json_fields" => json::FieldsRule::parse(options).map(Kind::Fields),
        "numeric" => numeric::NumericRule::parse(options).map(Kind::Numeric),
        "choice" => choice::ChoiceRule::parse(options).map(Kind::Choice),
        "levenshtein" | "rouge_l" => closeness::ClosenessRule::parse(kind, options).map(Kind::Closeness),
        "tool_call" => tool_call::ToolCallRule::parse(options).map(Kind::ToolCall),
        "refusal" => Ok(Kind::Refusal),
        "length" => limit::LengthRule::parse(options).map(Kind::Length),
        "latency" => limit::parse_latency(options).map(Kind::Latency),
        "cost" => limit::parse_cost(options).map(Kind::Cost),
        "judge" => judge::JudgeRule::parse(options).map(Kind::Judge),
        "similarity" => similarity::SimilarityRule::parse(options).map(Kind::Similarity),
        "exec" => exec::ExecRule::parse(options).map(Kind::Exec),
        _ => {
            let meant = did_you_mean(kind, &KINDS);
            Err(format!("there is no scorer `{kind}`{meant} (there are {})", KINDS.join(", ")))
        }
    }
}

/// Puts the argument of the short form under the option it stands for.
fn name_argument(kind: &str, argument: &str, fields: &mut Object) -> Result<(), String> {
    let number = || {
        argument
            .parse::<f64>()
            .map(Value::from)
            .map_err(|_| format!("`{kind}:{argument}` needs a number behind the colon"))
    };
    let list = || argument.split(',').map(|item| Value::from(item.trim())).collect::<Value>();
    let (option, value) = match kind {
        "equals" | "contains" | "starts_with" => ("value", argument.into()),
        "one_of" | "contains_all" | "contains_any" => ("value", list()),
        "regex" => ("pattern", argument.into()),
        "numeric" if argument.parse::<f64>().is_ok() => ("abs", number()?),
        "numeric" | "choice" | "json_fields" => ("path", argument.into()),
        "levenshtein" | "rouge_l" => ("threshold", number()?),
        "tool_call" => ("tool", argument.into()),
        "length" => {
            ("max_chars", json!(argument.parse::<u64>().map_err(|_| number().err().unwrap_or_default())?))
        }
        "latency" | "cost" => ("max", argument.into()),
        "exec" => ("argv", words(argument)?.into()),
        "judge" => {
            let (model, rubric) = argument.split_once(char::is_whitespace).ok_or_else(|| {
                format!("`judge:{argument}` needs a rubric behind the model: judge:MODEL RUBRIC")
            })?;
            fields.insert("model".to_owned(), model.into());
            ("rubric", rubric.trim().into())
        }
        "similarity" => ("model", argument.into()),
        _ if !KINDS.contains(&kind) => return Ok(()),
        _ => {
            return Err(format!(
                "scorer `{kind}` takes no argument behind a colon; write an object to set options"
            ));
        }
    };
    fields.insert(option.to_owned(), value);
    Ok(())
}

/// The words of a command as a POSIX shell would split it (Shell Command Language, 2.2 Quoting), and nothing else
/// that a shell does: blanks part words, '…' keeps all, "…" keeps all but a backslash before what is special
/// there, and a backslash keeps the next character.
fn words(command: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut rest = command.chars();
    while let Some(c) = rest.next() {
        match c {
            _ if c.is_whitespace() => words.extend(word.take()),
            '\'' | '"' => quoted(&mut rest, c, word.get_or_insert_default())
                .ok_or_else(|| format!("`exec:{command}` has a {c} that is not closed; close it"))?,
            '\\' => word.get_or_insert_default().extend(rest.next()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// Takes what stands in quotes, with their end.
fn quoted(rest: &mut std::str::Chars<'_>, quote: char, word: &mut String) -> Option<()> {
    loop {
        match rest.next()? {
            c if c == quote => return Some(()),
            '\\' if quote == '"' => {
                let next = rest.next()?;
                if !"\"\\$`".contains(next) {
                    word.push('\\');
                }
                word.push(next);
            }
            c => word.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn a_command_is_split_as_a_shell_would() {
        let cases: [(&str, &[&str]); 8] = [
            ("python3 check.py  --strict", &["python3", "check.py", "--strict"]),
            ("sh -c 'grep -q \"ok\" | wc'", &["sh", "-c", "grep -q \"ok\" | wc"]),
            (r#""my tools/check" a"#, &["my tools/check", "a"]),
            (r#""a \" b" "c:\d""#, &["a \" b", r"c:\d"]),
            (r"my\ tools/check", &["my tools/check"]),
            ("a '' \"\"", &["a", "", ""]),
            ("--x='1 2'3", &["--x=1 23"]),
            ("  ", &[]),
        ];
        for (written, expected) in cases {
            assert_eq!(words(written).unwrap(), expected, "{written}");
        }
        for open in ["a 'b", "a \"b", "\"a\\\""] {
            assert!(words(open).unwrap_err().contains("is not closed; close it"), "{open}");
        }
    }
}
