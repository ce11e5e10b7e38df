//! Public keys in a file of the operator's.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::{KeySet, KeySetError, SignatureAlgorithm};

/// Why a file gives no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// It is longer than any set of keys.
    #[error("is longer than {} bytes", KeySet::MAX_BYTES)]
    TooLarge,
    /// What it says is no use.
    #[error("is no use: {0}")]
    Keys(#[from] KeySetError),
}

/// The keys in the file.
pub(crate) fn read(
    path: &Path,
    wanted: Option<SignatureAlgorithm>,
) -> Result<KeySet, KeyFileError> {
    let mut text = String::new();
    let most = KeySet::MAX_BYTES as u64;
    File::open(path)?.take(most + 1).read_to_string(&mut text)?;
    if text.len() as u64 > most {
        return Err(KeyFileError::TooLarge);
    }
    Ok(KeySet::read(&text, wanted)?)
}
