//! Signals to processes that the test started.

use std::fs;

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::until;

/// Sends a signal; a process that is gone is a failure of the test.
pub(crate) fn send(process: u32, signal: Signal) {
    let id = i32::try_from(process).expect("the kernel's process ids fit");
    if let Err(error) = kill(Pid::from_raw(id), signal) {
        panic!("{signal:?} was not sent to process {process}: {error}");
    }
}

/// Stops a process where it stands (SIGSTOP) and returns when it does.
pub(crate) async fn freeze(process: u32) {
    send(process, Signal::SIGSTOP);
    until("the process stands still", async || {
        status(process, "State").starts_with('T').then_some(())
    })
    .await;
}

/// One field of what the kernel tells about a process (proc(5)).
pub(crate) fn status(process: u32, field: &str) -> String {
    let path = format!("/proc/{process}/status");
    let status = fs::read_to_string(path).expect("a running process has a status");
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.unwrap_or_default().trim().to_owned()
}
