//! The configuration as written: a TOML tree with positions, read key by key, so that every problem of the
//! file is found in one run and an unknown key is never ignored.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Problem;

/// A value with its place.
pub(super) type Value<'t> = Spanned<DeValue<'t>>;

/// A table being read: what is taken is known, what is left at the end is a problem.
pub(super) struct Table<'t, 'p> {
    /// What the table is, for messages: `[providers.eu]`.
    pub(super) what: String,
    entries: &'t DeTable<'t>,
    known: Vec<&'static str>,
    problems: &'p mut Vec<Problem>,
}

impl<'t, 'p> Table<'t, 'p> {
    pub(super) fn new(
        what: impl Into<String>,
        table: &'t DeTable<'t>,
        problems: &'p mut Vec<Problem>,
    ) -> Self {
        Self { what: what.into(), entries: table, known: Vec::new(), problems }
    }

    /// The value of a key.
    pub(super) fn value(&mut self, key: &'static str) -> Option<&'t Value<'t>> {
        self.known.push(key);
        self.entries.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    /// Where the value of a key stands.
    pub(super) fn place(&self, key: &str) -> Option<Range<usize>> {
        self.entries.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value.span())
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<(&'t str, Range<usize>)> {
        let value = self.value(key)?;
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong(key, value, "text in quotes");
        }
        Some((text?, value.span()))
    }

    /// A value that is written as text and means something else.
    pub(super) fn parsed<T, E: std::fmt::Display>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let (text, span) = self.text(key)?;
        match parse(text) {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.problem(Problem::new(span, error.to_string(), format!("the {key} of {}", self.what)));
                None
            }
        }
    }

    pub(super) fn whole(&mut self, key: &'static str, least: u64) -> Option<u64> {
        let value = self.value(key)?;
        let number =
            value.get_ref().as_integer().and_then(|n| u64::from_str_radix(n.as_str(), n.radix()).ok());
        let number = number.filter(|number| *number >= least);
        if number.is_none() {
            self.wrong(key, value, &format!("a whole number of at least {least}"));
        }
        number
    }

    /// A whole number that a smaller type holds.
    pub(super) fn count<T: TryFrom<u64>>(&mut self, key: &'static str, least: u64) -> Option<T> {
        let number = self.whole(key, least)?;
        let fitting = T::try_from(number).ok();
        if let (None, Some(span)) = (&fitting, self.place(key)) {
            let message = format!("`{key}` of {} is far too large", self.what);
            self.problem(Problem::new(span, message, "this number"));
        }
        fitting
    }

    /// The text of a number, or text that should be one: money is never read through a float.
    pub(super) fn decimal(&mut self, key: &'static str) -> Option<(String, Range<usize>)> {
        let value = self.value(key)?;
        let text = match value.get_ref() {
            DeValue::Integer(number) => Some(number.as_str().to_owned()),
            DeValue::Float(number) => Some(number.as_str().to_owned()),
            DeValue::String(text) => Some(text.to_string()),
            _ => None,
        };
        if text.is_none() {
            self.wrong(key, value, "a number");
        }
        Some((text?, value.span()))
    }

    pub(super) fn float(&mut self, key: &'static str, range: std::ops::RangeInclusive<f64>) -> Option<f64> {
        let (text, span) = self.decimal(key)?;
        let number = text.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            let message = format!("{key} must be from {} to {}", range.start(), range.end());
            self.problem(Problem::new(span, message, format!("{text} is not")));
        }
        number
    }

    /// A table below this one.
    pub(super) fn table(&mut self, key: &'static str) -> Option<&'t DeTable<'t>> {
        let value = self.value(key)?;
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong(key, value, "a table");
        }
        table
    }

    pub(super) fn array(&mut self, key: &'static str) -> Option<Vec<&'t Value<'t>>> {
        let value = self.value(key)?;
        let array = value.get_ref().as_array();
        if array.is_none() {
            self.wrong(key, value, "a list in brackets");
        }
        Some(array?.iter().collect())
    }

    /// The tables below a table of names, each with its name's place.
    pub(super) fn named(&mut self, key: &'static str) -> Vec<(&'t str, Range<usize>, &'t DeTable<'t>)> {
        let Some(tables) = self.table(key) else { return Vec::new() };
        let mut out = Vec::new();
        for (name, value) in tables {
            if let Some(table) = value.get_ref().as_table() {
                out.push((&**name.get_ref(), name.span(), table));
            } else {
                let what = format!("[{key}.{}] must be a table", name.get_ref());
                self.problem(Problem::new(value.span(), what, value.get_ref().type_str()));
            }
        }
        out
    }

    pub(super) fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    pub(super) fn problems(&mut self) -> &mut Vec<Problem> {
        self.problems
    }

    fn wrong(&mut self, key: &str, value: &Value<'_>, expected: &str) {
        let message = format!("`{key}` of {} must be {expected}", self.what);
        let label = match value.get_ref() {
            DeValue::Integer(number) => format!("this is {}", number.as_str()),
            other => format!("this is {}", with_article(other.type_str())),
        };
        self.problem(Problem::new(value.span(), message, label));
    }

    /// Whether some key was not asked for.
    pub(super) fn has_unknown(&self) -> bool {
        self.entries.iter().any(|(name, _)| !self.known.contains(&&**name.get_ref()))
    }

    /// Everything that was not asked for is unknown.
    pub(super) fn finish(self) {
        for (name, value) in self.entries {
            let name_text: &str = name.get_ref();
            if self.known.contains(&name_text) {
                continue;
            }
            let message = format!("unknown key `{name_text}` in {}", self.what);
            let help = match nearest(name_text, self.known.iter().copied()) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("known keys: {}", self.known.join(", ")),
            };
            // A credential may stand under a misspelt name.
            let mut problem = Problem::new(name.span(), message, "not known here").help(help);
            problem.is_secret = false;
            self.problems.push(problem);
            if is_secret_name(name_text) {
                self.problems.push(literal_secret(value.span()));
            }
        }
    }
}

/// `a string`, `an array`.
fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {kind}")
}

/// A credential written into the file.
pub(super) fn literal_secret(span: Range<usize>) -> Problem {
    let mut problem = Problem::new(span, "a credential must not stand in the configuration", "not shown")
        .help("name where it is: keys = [{ env = \"OPENAI_API_KEY\" }] or keys = [{ file = \"/run/secrets/openai\" }]");
    problem.is_secret = true;
    problem
}

pub(super) fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["key", "token", "secret", "password"].iter().any(|word| name.contains(word))
}

/// The known word that is most like a written one, when it is like enough.
pub(super) fn nearest<'n>(written: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let scored = known.into_iter().map(|name| (strsim::jaro_winkler(written, name), name));
    scored.filter(|(score, _)| *score > 0.8).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}
