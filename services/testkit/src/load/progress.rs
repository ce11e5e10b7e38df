//! A progress bar on a terminal, nothing anywhere else.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::time::Instant;

const WIDTH: usize = 30;

/// How far the runs are.
#[derive(Debug)]
pub struct Progress {
    total: usize,
    done: usize,
    began: Instant,
    surface: Surface,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Surface {
    Terminal,
    /// A file or a pipe, where a bar would be noise.
    None,
}

impl Progress {
    /// Nothing of `total` runs is done.
    #[must_use]
    pub fn new(total: usize) -> Self {
        let surface = if stderr().is_terminal() {
            Surface::Terminal
        } else {
            Surface::None
        };
        Self {
            total,
            done: 0,
            began: Instant::now(),
            surface,
        }
    }

    /// The next run begins.
    pub fn step(&mut self, label: &str) {
        if self.surface == Surface::Terminal {
            let seconds = self.began.elapsed().as_secs();
            let bar = bar(self.done, self.total);
            eprint!(
                "\r\x1b[K[{bar}] {}/{} {:02}:{:02} {label}",
                self.done,
                self.total,
                seconds / 60,
                seconds % 60
            );
            // A terminal that has gone is not missed.
            drop(stderr().flush());
        }
        self.done += 1;
    }

    /// Clears the line.
    pub fn finish(&self) {
        if self.surface == Surface::Terminal {
            eprint!("\r\x1b[K");
        }
    }
}

fn bar(done: usize, total: usize) -> String {
    let full = WIDTH * done / total.max(1);
    format!("{}{}", "#".repeat(full), ".".repeat(WIDTH - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills_from_left_to_right() {
        assert_eq!(bar(0, 4), ".".repeat(30));
        assert_eq!(bar(2, 4), format!("{}{}", "#".repeat(15), ".".repeat(15)));
        assert_eq!(bar(4, 4), "#".repeat(30));
    }
}
