//! The terminal under the display: what indicatif draws becomes one write a frame.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::TermLike;
use unicode_width::UnicodeWidthChar;

/// Columns at the right that stay free: a terminal echoes Ctrl-C as `^C` where the cursor is, and an echo that
/// wrapped would move every line of the display by one.
const ECHO_COLUMNS: u16 = 3;

/// Columns and rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: u16,
    pub(super) rows: u16,
}

impl Size {
    /// The size of the terminal that stderr is; that of an old terminal where it does not tell.
    pub(super) fn of_stderr() -> Self {
        let told = rustix::termios::tcgetwinsize(io::stderr()).ok();
        let told = told.map(|size| Self { columns: size.ws_col, rows: size.ws_row });
        told.filter(|size| size.columns > 0 && size.rows > 0).unwrap_or(Self { columns: 80, rows: 24 })
    }

    /// The columns that may be drawn in.
    pub(super) fn drawn(self) -> u16 {
        self.columns.saturating_sub(ECHO_COLUMNS).max(1)
    }
}

/// A terminal reached through its control sequences. indicatif fills its lines and lets the terminal wrap
/// them; here they are wrapped [`ECHO_COLUMNS`] earlier.
pub(super) struct Screen<W> {
    state: Mutex<State<W>>,
    size: fn() -> Size,
}

struct State<W> {
    out: W,
    frame: Vec<u8>,
    column: usize,
}

impl<W> Screen<W> {
    pub(super) fn new(out: W, size: fn() -> Size) -> Self {
        Self { state: Mutex::new(State { out, frame: Vec::new(), column: 0 }), size }
    }

    fn state(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sequence(&self, n: usize, action: char) {
        if n > 0 {
            self.state().frame.extend(format!("\x1b[{n}{action}").bytes());
        }
    }
}

impl<W> fmt::Debug for Screen<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").finish_non_exhaustive()
    }
}

impl<W> State<W> {
    /// Text of one display line with our own colours.
    fn put(&mut self, text: &str, columns: usize) {
        let mut is_sequence = false;
        for c in text.chars() {
            match c {
                '\x1b' => is_sequence = true,
                '\r' => self.column = 0,
                _ if !is_sequence => self.advance(c.width().unwrap_or(0), columns),
                _ => {}
            }
            self.frame.extend(c.encode_utf8(&mut [0; 4]).bytes());
            is_sequence &= c != 'm';
        }
    }

    fn advance(&mut self, width: usize, columns: usize) {
        if self.column + width > columns {
            self.frame.extend(b"\x1b[K\r\n");
            self.column = 0;
        }
        self.column += width;
    }
}

impl<W: Write + Send> TermLike for Screen<W> {
    fn width(&self) -> u16 {
        (self.size)().drawn()
    }

    fn height(&self) -> u16 {
        (self.size)().rows
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.sequence(n, 'A');
        Ok(())
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.sequence(n, 'B');
        Ok(())
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.sequence(n, 'C');
        Ok(())
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.sequence(n, 'D');
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)?;
        let mut state = self.state();
        state.frame.extend(b"\x1b[K\r\n");
        state.column = 0;
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        let columns = usize::from(self.width());
        self.state().put(text, columns);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        let mut state = self.state();
        state.frame.extend(b"\r\x1b[2K");
        state.column = 0;
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let mut state = self.state();
        let frame = std::mem::take(&mut state.frame);
        state.out.write_all(&frame)?;
        state.out.flush()
    }
}
