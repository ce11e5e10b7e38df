//! Why a configuration was refused.
//!
//! Invariant: an error names the setting and where its value came from, and never shows the value of a secret.

use std::fmt;
use std::io;
use std::path::PathBuf;

use figment::error::Kind;

use super::layer::{ENVIRONMENT, FLAGS};
use super::setting::variable_of;

/// Why a configuration was refused. Nothing has been opened when it occurs.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("configuration file {}, line {line}, column {column}: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Counted in characters from 1.
        column: usize,
        /// What the parser expected; the line itself is not quoted, it may hold a secret.
        reason: String,
    },
    /// Values that are wrong, or wrong together.
    #[error("invalid configuration: {}", Listed(.0))]
    Invalid(Vec<Problem>),
}

/// One wrong value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting} ({origin}): {reason}")]
pub struct Problem {
    /// The setting, as in [`Setting::path`](super::Setting::path), with numbers for list entries.
    pub setting: String,
    /// The file, the variable or the flag that gave the value.
    pub origin: String,
    /// What is wrong with it.
    pub reason: String,
}

struct Listed<'a>(&'a [Problem]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl From<figment::Error> for ConfigError {
    fn from(error: figment::Error) -> Self {
        let problems = error.into_iter().map(|error| {
            let mut setting = error.path.join(".");
            let reason = reason(&setting, &error.kind);
            if let Kind::UnknownField(name, _) = &error.kind
                && error.path.last() != Some(name)
            {
                setting = [setting.as_str(), name]
                    .join(".")
                    .trim_start_matches('.')
                    .to_owned();
            }
            let source = error.metadata.as_ref().map(|metadata| &*metadata.name);
            Problem {
                origin: origin(&setting, source),
                setting,
                reason,
            }
        });
        Self::Invalid(problems.collect())
    }
}

/// Where the value of a setting came from, in the words of an operator.
pub(super) fn origin(setting: &str, source: Option<&str>) -> String {
    match source {
        Some(ENVIRONMENT) => format!("environment variable {}", variable_of(setting)),
        Some(FLAGS) => format!("flag --{}", setting.replace('_', "-")),
        Some(file) => file.to_owned(),
        None => "default".to_owned(),
    }
}

/// The library's own text shows the refused value, which must not happen to a secret.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the enum is the library's; whatever shows no value keeps its own text"
)]
fn reason(setting: &str, kind: &Kind) -> String {
    let is_secret =
        setting == "redis_url" || setting.split('.').any(|part| part.starts_with("secret"));
    match kind {
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) if is_secret => {
            format!("expected {expected}")
        }
        Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => {
            let is_number = ["u32", "u64", "usize"].contains(&expected.as_str());
            let expected = if is_number {
                "a whole number from 0"
            } else {
                expected
            };
            format!("found {found}, expected {expected}")
        }
        Kind::UnknownVariant(found, expected) => {
            format!("found {found:?}, expected one of {}", expected.join(", "))
        }
        Kind::UnknownField(_, expected) => {
            format!("no such setting, expected one of {}", expected.join(", "))
        }
        kind => kind.to_string(),
    }
}
