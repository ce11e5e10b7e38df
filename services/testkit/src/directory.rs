//! Where one process of a test keeps its files.

use std::{
    env, fs,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use crate::EdgeConfig;

/// A directory for one process: its configuration and its log, removed with the process's fixture.
#[derive(Debug)]
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("switchboard-test-{}-{number}", std::process::id());
        let path = env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("the temporary directory is writable");
        Self(path)
    }

    /// A file of this name in it; the directory itself for the empty name.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("the directory is writable");
    }

    pub(crate) fn config_path(&self) -> PathBuf {
        self.path("switchboard.toml")
    }

    /// Writes beside and renames, so that the edge never reads half a file.
    pub(crate) fn write_config(&self, config: &EdgeConfig) {
        self.write("draft.toml", &config.to_toml());
        fs::rename(self.path("draft.toml"), self.config_path())
            .expect("both paths lie in one directory");
    }

    pub(crate) fn log_file(&self) -> fs::File {
        fs::File::create(self.0.join("log")).expect("the directory is writable")
    }

    /// The log of a process that may be started several times.
    pub(crate) fn append_log(&self) -> fs::File {
        let log = self.path("log");
        let mut file = fs::File::options();
        let opened = file.create(true).append(true).open(log);
        opened.expect("the directory is writable")
    }

    pub(crate) fn log(&self) -> String {
        let bytes = fs::read(self.0.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // A directory that stays behind costs a few kilobytes; a failed test should report its own reason.
        drop(fs::remove_dir_all(&self.0));
    }
}
