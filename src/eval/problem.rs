//! What is wrong with a file somebody wrote, and where.

use std::fmt;

/// One problem of a dataset, template or suite: where it is, what it is and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file as the user named it; `stdin` for standard input.
    pub file: String,
    /// The line, from one; absent when the whole file is meant.
    pub line: Option<u64>,
    /// The column in characters, from one.
    pub column: Option<u64>,
    /// Cause and remedy. May quote the file: show it as untrusted text.
    pub message: String,
}

impl Problem {
    /// A problem of a file as a whole.
    pub(crate) fn of_file(file: &str, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: None, column: None, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
            if let Some(column) = self.column {
                write!(f, ":{column}")?;
            }
        }
        write!(f, ": {}", self.message)
    }
}

/// Everything found wrong, the first hundred kept in full.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    /// The first problems, in the order of files and lines.
    pub listed: Vec<Problem>,
    /// How many there are in all.
    pub total: u64,
}

impl Problems {
    /// How many problems are listed; the rest is counted.
    pub const MOST_LISTED: usize = 100;

    /// Adds a problem.
    pub fn push(&mut self, problem: Problem) {
        self.total += 1;
        if self.listed.len() < Self::MOST_LISTED {
            self.listed.push(problem);
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Adds the problems of another file.
    pub(crate) fn append(&mut self, other: Self) {
        self.total += other.total;
        let room = Self::MOST_LISTED.saturating_sub(self.listed.len());
        self.listed.extend(other.listed.into_iter().take(room));
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.listed.iter().enumerate() {
            let end = if at == 0 { "" } else { "\n" };
            write!(f, "{end}{problem}")?;
        }
        let unlisted = self.total - self.listed.len() as u64;
        if unlisted > 0 {
            write!(f, "\nand {unlisted} more")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// The known word that a word was probably meant to be: equal but for case, or one or two typing errors
/// away, depending on its length.
pub(crate) fn closest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let lower = word.to_lowercase();
    known
        .iter()
        .filter_map(|name| {
            let distance = strsim::damerau_levenshtein(&lower, name);
            let allowed = match name.len() {
                0..=3 => 0,
                4..=6 => 1,
                _ => 2,
            };
            (distance <= allowed).then_some((distance, *name))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `"; did you mean …?"`, or nothing when no known word is close.
pub(crate) fn did_you_mean(word: &str, known: &[&str]) -> String {
    closest(word, known).map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_as_compilers_write_them() {
        let problem =
            Problem { file: "a.jsonl".into(), line: Some(3), column: Some(7), message: "no prompt".into() };
        assert_eq!(problem.to_string(), "a.jsonl:3:7: no prompt");
        let mut problems = Problems::default();
        (0..102).for_each(|_| problems.push(problem.clone()));
        assert!(problems.to_string().ends_with("\nand 2 more"));
    }

    #[test]
    fn only_words_a_slip_away_are_suggested() {
        let known = ["id", "expected", "tags", "scorers"];
        for (word, meant) in [("expect", Some("expected")), ("Scorer", Some("scorers")), ("ID", Some("id"))] {
            assert_eq!(closest(word, &known), meant, "{word}");
        }
        for word in ["idx", "question", "text", "target"] {
            assert_eq!(closest(word, &known), None, "{word}");
        }
    }
}
