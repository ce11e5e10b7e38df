//! Whether a file is still the one that was seen.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use tokio::task::spawn_blocking;

/// What tells one state of a file from another. The time of the last status change catches an edit that kept the
/// length and set the modification time back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Fingerprint {
    /// The state of the file at the end of all links; `None` if there is none.
    pub(super) async fn read(path: PathBuf) -> Option<Self> {
        let metadata = spawn_blocking(move || fs::metadata(path))
            .await
            .ok()?
            .ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}
