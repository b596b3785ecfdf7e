//! The programs that rows name as scorers: whether they may run, and whether they are there.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::eval::scorer::Scorer;

/// Which programs rows may name as scorers. A dataset is data that someone sent: it runs nothing unasked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Programs {
    /// Whether rows may name any.
    pub allowed: bool,
    /// The directories that are searched for them, as `$PATH` names them.
    pub path: String,
}

impl Programs {
    /// Fails unless a scorer that a row names may run.
    pub(super) fn check(&self, scorer: &Scorer) -> Result<(), String> {
        let Some(program) = scorer.program() else { return Ok(()) };
        if !self.allowed {
            return Err(format!(
                "the scorer `{}` runs the program {program:?}, with your rights; read the dataset, then allow it with \
                 --allow-exec",
                scorer.name()
            ));
        }
        self.find(scorer)
    }

    /// Fails unless the program of a scorer, if it has one, can be found.
    pub fn find(&self, scorer: &Scorer) -> Result<(), String> {
        let Some(program) = scorer.program() else { return Ok(()) };
        let is_found = if program.contains('/') {
            is_program(Path::new(program))
        } else {
            std::env::split_paths(&self.path).any(|directory| is_program(&directory.join(program)))
        };
        if is_found {
            return Ok(());
        }
        let name = scorer.name();
        Err(format!(
            "the scorer `{name}` runs {program:?}, which is not there or cannot be run; install it, or mend its path"
        ))
    }
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_a_row_must_be_allowed_and_be_there() {
        let scorer = |program: &str| Scorer::from_short(&format!("exec:{program} -x")).unwrap();
        let programs = |allowed| Programs { allowed, path: "/nowhere:/bin".into() };
        let refused = programs(false).check(&scorer("sh")).unwrap_err();
        assert!(refused.contains("\"sh\"") && refused.contains("--allow-exec"), "{refused}");
        for (program, is_there) in
            [("sh", true), ("/bin/sh", true), ("no-such", false), ("/etc/passwd", false)]
        {
            assert_eq!(programs(true).check(&scorer(program)).is_ok(), is_there, "{program}");
        }
        let harmless = Scorer::from_short("contains:x").unwrap();
        assert_eq!(programs(false).check(&harmless), Ok(()));
    }
}
