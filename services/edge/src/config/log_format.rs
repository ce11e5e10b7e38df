//! The shape of a log line.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Pretty when the log goes to a terminal, JSON when it goes to a file or a collector.
    #[default]
    Auto,
    /// For people: coloured text.
    Pretty,
    /// For collectors: one JSON object per line.
    Json,
}
