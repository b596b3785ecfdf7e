//! Tables: a header names the columns, a record becomes the same fields that a JSON row has.

use serde_json::Value;

use super::row::{KNOWN, PROMPT_KEYS};
use crate::eval::problem::closest;
use crate::model::Object;

/// Columns whose cells may hold JSON.
const JSON_COLUMNS: [&str; 9] =
    ["expected", "ideal", "schema", "scorers", "messages", "tools", "tool_choice", "vars", "tags"];

/// The header of a table.
#[derive(Clone, Debug)]
pub(super) struct Header {
    names: Vec<String>,
    delimiter: u8,
}

impl Header {
    /// Reads the header; with a template, no prompt column is needed.
    pub(super) fn read(record: &str, delimiter: u8, has_template: bool) -> Result<Self, String> {
        let names: Vec<String> = cells(record, delimiter).iter().map(|name| name.trim().to_owned()).collect();
        if let [only] = &names[..]
            && let Some(other) = other_delimiter(only, delimiter)
        {
            let (other, due) = (delimiter_name(other), delimiter_name(delimiter));
            return Err(format!(
                "the header is one column, `{only}`: its names are separated by {other}, and this format's by {due}; \
                 save the table with {due}"
            ));
        }
        for (at, name) in names.iter().enumerate() {
            if name.is_empty() {
                return Err(format!("column {} of the header has no name", at + 1));
            }
            if names[..at].contains(name) {
                return Err(format!("the header names the column `{name}` twice"));
            }
            if !KNOWN.contains(&name.as_str())
                && let Some(meant) = closest(name, &KNOWN)
            {
                return Err(format!(
                    "there is no column `{name}`; did you mean `{meant}`? Any other name becomes a variable"
                ));
            }
        }
        if !has_template && !names.iter().any(|name| PROMPT_KEYS.contains(&name.as_str())) {
            return Err(format!(
                "the header has no column `prompt`, `messages` or `input`; it has {}; rename one, or build the \
                 prompt from them with a template",
                names.join(", ")
            ));
        }
        Ok(Self { names, delimiter })
    }

    /// The delimiter of the table.
    pub(super) fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// The fields of a record. Empty cells are absent; in the columns that may hold JSON, cells that begin
    /// with `{` or `[` are JSON; an expected cell that is a number as JSON writes it is a number.
    pub(super) fn fields(&self, record: &str) -> Result<Object, String> {
        let cells = cells(record, self.delimiter);
        if cells.len() != self.names.len() {
            let (found, due) = (cells.len(), self.names.len());
            return Err(format!(
                "the row has {found} cells, the header {due}; quote cells that hold the delimiter"
            ));
        }
        let mut fields = Object::new();
        for (name, cell) in self.names.iter().zip(cells) {
            if !cell.trim().is_empty() {
                fields.insert(name.clone(), value(name, cell)?);
            }
        }
        Ok(fields)
    }
}

/// The delimiter that a header of one column seems to be written with: some part of it is a name we know.
fn other_delimiter(header: &str, delimiter: u8) -> Option<u8> {
    let is_split_by = |other: &u8| {
        let mut parts = header.split(char::from(*other)).map(|part| part.trim().trim_matches('"'));
        header.contains(char::from(*other)) && parts.any(|part| KNOWN.contains(&part))
    };
    [b';', b'\t', b',', b'|'].into_iter().filter(|other| *other != delimiter).find(is_split_by)
}

fn delimiter_name(delimiter: u8) -> &'static str {
    match delimiter {
        b';' => "semicolons",
        b'\t' => "tabs",
        b'|' => "bars (|)",
        _ => "commas",
    }
}

fn value(name: &str, cell: String) -> Result<Value, String> {
    let bare = cell.trim();
    if JSON_COLUMNS.contains(&name) && bare.starts_with(['{', '[']) {
        return serde_json::from_str(bare)
            .map_err(|error| format!("the cell `{name}` begins like JSON but is not: {error}"));
    }
    let number = || bare.parse::<serde_json::Number>().ok().filter(|number| number.to_string() == bare);
    Ok(match name {
        "expected" | "max_tokens" => number().map_or_else(|| Value::from(bare), Value::Number),
        "tags" => bare.split([',', ';']).map(str::trim).filter(|tag| !tag.is_empty()).collect(),
        "prompt" | "input" | "system" => Value::from(cell),
        _ if KNOWN.contains(&name) => Value::from(bare),
        _ => Value::from(cell),
    })
}

/// The cells of one record (RFC 4180; what follows a closing quote belongs to the cell, and a quote within
/// an unquoted cell is a quote, as spreadsheets have it). By hand, because a `csv::Reader` builds its state
/// machine anew for every record read by position.
fn cells(record: &str, delimiter: u8) -> Vec<String> {
    let mut cells = Vec::new();
    let mut rest = Some(record);
    while let Some(text) = rest {
        let (cell, after) = cell(text, delimiter);
        cells.push(cell);
        rest = after;
    }
    cells
}

/// The first cell, and what follows its delimiter.
fn cell(text: &str, delimiter: u8) -> (String, Option<&str>) {
    let mut cell = String::new();
    let mut rest = text;
    if let Some(quoted) = text.strip_prefix('"') {
        rest = quoted;
        loop {
            let Some(at) = rest.find('"') else {
                // Not reached from files: a record ends only where its quotes are closed.
                cell.push_str(rest);
                return (cell, None);
            };
            cell.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            let Some(more) = rest.strip_prefix('"') else { break };
            cell.push('"');
            rest = more;
        }
    }
    let end = rest.find(char::from(delimiter));
    cell.push_str(&rest[..end.unwrap_or(rest.len())]);
    (cell, end.map(|at| &rest[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_header_with_another_delimiter_names_it() {
        let cases = [
            ("id;prompt", b',', Some("separated by semicolons, and this format's by commas")),
            ("\"id\";\"prompt\"", b',', Some("separated by semicolons")),
            ("prompt\texpected", b',', Some("separated by tabs")),
            ("prompt,expected", b'\t', Some("separated by commas, and this format's by tabs")),
            ("id|prompt", b',', Some("separated by bars (|)")),
            ("question;answer", b',', None),
            ("prompt", b',', None),
        ];
        for (header, delimiter, said) in cases {
            let error = Header::read(header, delimiter, false).err().unwrap_or_default();
            match said {
                Some(said) => assert!(error.contains(said), "{header}: {error}"),
                None => assert!(!error.contains("separated"), "{header}: {error}"),
            }
        }
    }

    proptest! {
        #[test]
        fn cells_are_those_of_the_csv_crate(written in prop::collection::vec("[a,\"\n é]{0,6}", 1..6)) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(&written).unwrap();
            let record = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            prop_assert_eq!(cells(record.trim_end_matches('\n'), b','), written);
        }

        #[test]
        fn loosely_quoted_cells_are_those_of_the_csv_crate(cells in prop::collection::vec("(\"[a ]{0,2}\")?[ab\" ]{0,3}", 1..5)) {
            let record = cells.join(",");
            prop_assume!(!record.is_empty());
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(record.as_bytes());
            let mut expected = csv::StringRecord::new();
            reader.read_record(&mut expected).unwrap();
            prop_assert_eq!(super::cells(&record, b','), expected.iter().collect::<Vec<_>>());
        }
    }
}
