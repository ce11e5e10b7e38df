//! What a client brings in the query of its connect.

use std::fmt;

/// A credential that nobody has looked at yet (spec realtime §1.1). If a client brings both, the token counts.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// The value of `?token=`: a JWT.
    Token(String),
    /// The value of `?key=`: the id of a publishable key.
    Key(String),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Token([redacted])",
            Self::Key(_) => "Key([redacted])",
        })
    }
}
