//! Where in a test a call was made, so that a failure inside an async helper names the test's own line.

use std::{fmt, panic::Location};

/// The source position of a caller. An async function cannot ask for it, so helpers take it before they wait.
#[derive(Debug, Clone, Copy)]
pub struct Place(&'static Location<'static>);

impl Place {
    /// The position of whoever called the function that is marked `#[track_caller]`.
    #[must_use]
    #[track_caller]
    pub fn here() -> Self {
        Self(Location::caller())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0.file(), self.0.line())
    }
}
