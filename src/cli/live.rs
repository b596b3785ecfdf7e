//! The display of a run under way, on stderr: a few lines that are redrawn in place on a terminal, a plain
//! line now and then in a log, or nothing. It is told the time and draws only when told.

mod frame;
mod name;
mod pace;
mod screen;

use std::io::{self, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use crate::base::number::counted;
use crate::base::span;
use crate::eval::progress::Progress;
use frame::{Canvas, Scene};
use pace::Paces;
use screen::{Screen, Size};

/// The least time between two redraws: ten a second look steady and cost nothing.
const REDRAW_EVERY: Duration = Duration::from_millis(100);
/// The time between two lines in a log.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// How a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Lines redrawn in place.
    Terminal {
        /// Whether colours may be used.
        color: bool,
        /// Whether signs beyond ASCII may be used.
        unicode: bool,
    },
    /// A line every ten seconds.
    Plain,
    /// Nothing.
    Quiet,
}

/// The display. Dropping it clears its lines as [`Live::finish`] does.
#[derive(Debug)]
pub struct Live<W = io::Stderr> {
    face: Face<W>,
    paces: Paces,
    shown: Option<Instant>,
    drops_at: Option<Instant>,
}

#[derive(Debug)]
enum Face<W> {
    Terminal(Lines),
    Plain(W),
    Quiet,
}

/// Lines in place: one bar of indicatif's whose message is all of them.
#[derive(Debug)]
struct Lines {
    bar: ProgressBar,
    size: fn() -> Size,
    color: bool,
    unicode: bool,
}

impl Live {
    /// A display of so many candidates, on stderr.
    pub fn new(mode: Mode, candidates: usize) -> Self {
        Self::on(mode, candidates, io::stderr(), Size::of_stderr)
    }
}

impl<W: Write + Send + 'static> Live<W> {
    fn on(mode: Mode, candidates: usize, out: W, size: fn() -> Size) -> Self {
        let face = match mode {
            Mode::Terminal { color, unicode } => {
                Face::Terminal(Lines::new(Screen::new(out, size), size, (color, unicode)))
            }
            Mode::Plain => Face::Plain(out),
            Mode::Quiet => Face::Quiet,
        };
        Self { face, paces: Paces::new(candidates), shown: None, drops_at: None }
    }

    /// Shows the progress when it is time to. Call it before the first call, after every sample, and on a
    /// tick of at most a second; on a terminal all but ten calls a second return at once, in a log all but one
    /// in ten seconds. A display that cannot be written falls silent: it must not end a run.
    pub fn update(&mut self, progress: &Progress, now: Instant) {
        let every = match self.face {
            Face::Terminal(_) => REDRAW_EVERY,
            Face::Plain(_) => LINE_EVERY,
            Face::Quiet => return,
        };
        let is_first = self.shown.is_none();
        if self.shown.is_some_and(|shown| now.duration_since(shown) < every) {
            return;
        }
        self.shown = Some(now);
        self.paces.note(progress, now);
        self.show(progress, now, is_first);
    }

    /// Says that the run was asked to stop, and that what is under way is dropped at some time; at once, and
    /// with every update from then on.
    pub fn stopping(&mut self, progress: &Progress, now: Instant, drops_at: Instant) {
        self.drops_at = Some(drops_at);
        match &mut self.face {
            Face::Plain(log) => {
                let under_way = counted(progress.in_flight, "sample");
                let most = span::coarse(drops_at.duration_since(now));
                let said = writeln!(
                    log,
                    "stopping: finishing {under_way} under way, at most {most}; interrupt again to drop them"
                );
                if said.is_err() {
                    self.face = Face::Quiet;
                }
            }
            Face::Terminal(_) => self.show(progress, now, false),
            Face::Quiet => {}
        }
    }

    fn show(&mut self, progress: &Progress, now: Instant, is_first: bool) {
        let drops_in = self.drops_at.map(|at| at.saturating_duration_since(now));
        let scene = Scene { progress, paces: &self.paces, drops_in };
        match &mut self.face {
            Face::Terminal(lines) => lines.draw(scene),
            Face::Plain(_) if is_first => {}
            Face::Plain(log) => {
                if writeln!(log, "{}", frame::plain(scene)).is_err() {
                    self.face = Face::Quiet;
                }
            }
            Face::Quiet => {}
        }
    }

    /// Removes the display's lines and leaves the cursor where it began. Further updates show nothing.
    pub fn finish(&mut self) {
        self.face = Face::Quiet;
    }
}

impl Lines {
    fn new<W: Write + Send + 'static>(
        screen: Screen<W>,
        size: fn() -> Size,
        (color, unicode): (bool, bool),
    ) -> Self {
        // The rate limit is ours: indicatif's own would drop the frame that says the run is stopping.
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(screen), u8::MAX);
        let bar = ProgressBar::with_draw_target(None, target).with_style(style());
        Self { bar, size, color, unicode }
    }

    fn draw(&self, scene: Scene<'_>) {
        let size = (self.size)();
        let canvas = Canvas {
            columns: usize::from(size.drawn()),
            rows: usize::from(size.rows),
            color: self.color,
            unicode: self.unicode,
        };
        self.bar.set_message(frame::frame(scene, canvas).join("\n"));
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        self.bar.set_draw_target(ProgressDrawTarget::hidden());
    }
}

/// The message and nothing else.
fn style() -> ProgressStyle {
    ProgressStyle::with_template("{msg}").expect("the template is a constant without options")
}

#[cfg(test)]
mod tests;
