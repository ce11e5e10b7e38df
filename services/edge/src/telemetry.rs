//! Logs: structured lines on standard error.
//!
//! Standard output belongs to the start-up banner. Nothing that a client sent, no token and no secret is ever a field.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// The filter is not in the language of `tracing`.
#[derive(Debug, thiserror::Error)]
#[error("log: {0}")]
pub struct FilterError(#[from] tracing_subscriber::filter::ParseError);

/// Starts logging.
///
/// # Errors
/// The filter cannot be read.
pub fn start(filter: &str, format: LogFormat) -> Result<(), FilterError> {
    let filter = EnvFilter::try_new(filter)?;
    let is_terminal = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Json => builder.json().flatten_event(true).init(),
        LogFormat::Pretty => builder.with_ansi(is_terminal).init(),
        LogFormat::Auto if is_terminal => builder.init(),
        LogFormat::Auto => builder.json().flatten_event(true).init(),
    }
    Ok(())
}
