//! Results on stdout and in files.

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::Surroundings;
use super::args::OutputArgs;
use crate::cli::exit::Failed;
use crate::cli::output;
use crate::eval::report::{self, Filter, Format, Samples, table};
use crate::eval::summary::Summary;
use crate::ledger::row::{SampleRow, SampleStatus};
use crate::ledger::{Reader, SampleFilter};

/// Whether a report can be written, asked before a run spends anything.
pub(super) fn check(path: &Path) -> Result<(), Failed> {
    Format::from_extension(path).map_err(Failed::input)?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(directory) = directory.filter(|directory| !directory.is_dir()) {
        let (path, directory) = (path.display(), directory.display());
        return Err(Failed::input(anyhow!("cannot write {path}: there is no directory {directory}")));
    }
    if path.is_dir() {
        return Err(Failed::input(anyhow!("cannot write {}: it is a directory", path.display())));
    }
    // Permissions, read-only file systems and full names are told by trying.
    place(path)
        .map(|path| part(&path))
        .and_then(|part| private(&part).and_then(|_| fs::remove_file(&part)))
        .map_err(|error| Failed::surroundings(anyhow!("cannot write {}: {error}", path.display())))
}

/// Where a report goes: through a link to what it names, there or not yet.
fn place(path: &Path) -> io::Result<PathBuf> {
    /// As many links as Linux follows (`path_resolution(7)`).
    const MOST_LINKS: usize = 40;
    let mut path = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&path) {
            Ok(target) => path = path.with_file_name("").join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("its links lead in a circle"))
}

/// The file that a report is written to before it takes its place.
fn part(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.part", std::process::id()));
    path.with_file_name(name)
}

/// A new file for its owner's eyes only; one that is there already, or a link somebody put there, is not
/// written through.
fn private(path: &Path) -> io::Result<fs::File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// How to continue an unfinished run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hint {
    /// Is to be shown with the summary.
    Wanted,
    /// Is said by someone else.
    Said,
}

/// Shows a summary on stdout and writes the reports asked for.
pub(super) fn show(
    summary: &Summary,
    reader: &Reader,
    args: &OutputArgs,
    (surroundings, hint): (&Surroundings<'_>, Hint),
) -> Result<(), Failed> {
    let samples = Recorded { reader, run: &summary.run };
    for path in &args.out {
        write(path, summary, &samples)
            .map_err(|error| Failed::surroundings(anyhow!("cannot write {}: {error}", path.display())))?;
        if !surroundings.global.quiet {
            output::stderr(&format!("wrote {}", path.display()));
        }
    }
    if args.json {
        output::stdout(|out| report::write(Format::Json, summary, &samples, out))?;
        return Ok(());
    }
    let terminal = surroundings.terminal;
    let style = table::Style { color: terminal.color, unicode: terminal.unicode, width: terminal.width };
    let next = next(summary, surroundings, hint);
    output::stdout(|out| table::write(summary, &samples, style, &next, out))?;
    Ok(())
}

/// What one would type next.
fn next(summary: &Summary, surroundings: &Surroundings<'_>, hint: Hint) -> Vec<table::Next> {
    let run = &summary.run;
    let mut next = vec![("report", surroundings.command(&format!("show {run} --out report.html")))];
    if summary.finished < summary.planned && hint == Hint::Wanted {
        next.insert(0, ("resume", surroundings.command(&format!("--resume {run}"))));
    }
    next
}

/// Written beside its place and moved there, so that nobody reads half a report; readable by its owner only,
/// because it holds prompts and answers.
fn write(path: &Path, summary: &Summary, samples: &dyn Samples) -> io::Result<()> {
    let format = Format::from_extension(path).map_err(io::Error::other)?;
    let path = &place(path)?;
    let part = part(path);
    let mut out = BufWriter::new(private(&part)?);
    let written = report::write(format, summary, samples, &mut out).and_then(|()| out.flush());
    match written.and_then(|()| fs::rename(&part, path)) {
        Ok(()) => Ok(()),
        Err(error) => {
            fs::remove_file(&part).ok();
            Err(error)
        }
    }
}

/// A run's samples in the ledger.
struct Recorded<'a> {
    reader: &'a Reader,
    run: &'a str,
}

impl Samples for Recorded<'_> {
    fn each(&self, filter: Filter, row: &mut dyn FnMut(&SampleRow) -> io::Result<()>) -> io::Result<()> {
        let statuses = match filter.only_failures {
            true => vec![SampleStatus::Rejected, SampleStatus::Refused, SampleStatus::Error],
            false => Vec::new(),
        };
        let wanted = SampleFilter { candidate: filter.candidate, statuses, limit: filter.limit, after: None };
        let mut result = Ok(());
        let read = self.reader.samples(self.run, &wanted, |sample| match row(&sample) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                result = Err(error);
                ControlFlow::Break(())
            }
        });
        read.map_err(io::Error::other)?;
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_goes_through_links_to_where_they_point() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        fs::create_dir(at("kept")).unwrap();
        for (link, target) in [("a.md", "b.md"), ("b.md", "kept/new.md"), ("c.md", "d.md"), ("d.md", "c.md")]
        {
            std::os::unix::fs::symlink(target, at(link)).unwrap();
        }
        assert_eq!(place(&at("a.md")).unwrap(), at("kept/new.md"));
        assert_eq!(place(&at("plain.md")).unwrap(), at("plain.md"));
        assert_eq!(place(Path::new("plain.md")).unwrap(), Path::new("plain.md"));
        assert!(place(&at("c.md")).is_err());
    }
}
