//! What a process uses, and where it may run.
//!
//! Owns the reading of the kernel's accounts. CPU time is read from the process's own clock, in nanoseconds and with the
//! threads that have ended; the kernel samples the share that was spent in user space, so short runs know it only roughly.

use std::fs;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::Context as _;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// A process that is watched.
#[derive(Debug, Clone, Copy)]
pub struct Process {
    pid: Pid,
    clock: ClockId,
}

/// CPU time since the process began.
#[derive(Debug, Clone, Copy, Default)]
pub struct CpuTime {
    /// All of it.
    pub total: Duration,
    /// The part in user space, as far as the kernel's samples tell.
    user_ticks: u64,
    system_ticks: u64,
}

impl Process {
    /// The process with this id.
    ///
    /// # Errors
    /// It has ended.
    pub fn new(pid: u32) -> anyhow::Result<Self> {
        let pid = Pid::from_raw(i32::try_from(pid)?);
        let clock = clock_getcpuclockid(pid).context("the process has no clock")?;
        Ok(Self { pid, clock })
    }

    /// This process.
    ///
    /// # Errors
    /// None in practice: it runs.
    pub fn current() -> anyhow::Result<Self> {
        Self::new(std::process::id())
    }

    /// CPU time so far.
    ///
    /// # Errors
    /// The process has ended.
    pub fn cpu(&self) -> anyhow::Result<CpuTime> {
        let total = Duration::from(clock_gettime(self.clock)?);
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        // The name, in brackets, may hold spaces; after it come state, ten other fields, then utime and stime.
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let mut ticks = fields.split_whitespace().skip(11).map(str::parse);
        let mut tick = || {
            ticks
                .next()
                .context("a short /proc/<pid>/stat")?
                .context("no number")
        };
        Ok(CpuTime {
            total,
            user_ticks: tick()?,
            system_ticks: tick()?,
        })
    }

    /// Resident memory, in bytes.
    ///
    /// # Errors
    /// The process has ended.
    pub fn resident_bytes(&self) -> anyhow::Result<u64> {
        // Unlike /proc/<pid>/status this walks the page tables, so it is exact.
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid))?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:"));
        let kibibytes = line
            .and_then(|line| line.split_whitespace().next())
            .context("no Rss")?;
        Ok(kibibytes.parse::<u64>()? * 1_024)
    }
}

impl CpuTime {
    /// Adds the time of another process.
    pub fn add(&mut self, other: Self) {
        self.total += other.total;
        self.user_ticks += other.user_ticks;
        self.system_ticks += other.system_ticks;
    }

    /// Total and user seconds since an earlier reading.
    #[must_use]
    pub fn since(self, earlier: Self) -> (f64, f64) {
        let total = self.total.saturating_sub(earlier.total).as_secs_f64();
        let user = (self.user_ticks - earlier.user_ticks) as f64;
        let system = (self.system_ticks - earlier.system_ticks) as f64;
        let share = if user + system > 0.0 {
            user / (user + system)
        } else {
            0.0
        };
        (total, total * share)
    }
}

/// Lets this thread, and what it starts from now on, run on these cores only.
///
/// # Errors
/// The machine has no such core.
pub fn pin(cores: &[usize]) -> anyhow::Result<()> {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core).with_context(|| format!("no core {core}"))?;
    }
    sched_setaffinity(Pid::from_raw(0), &set)
        .with_context(|| format!("cannot run on cores {cores:?}"))
}

/// Starts a process on these cores; the calling thread is left on `home`.
///
/// # Errors
/// The machine has no such core, or no such program.
pub fn start_on(cores: &[usize], home: usize, command: &mut Command) -> anyhow::Result<Child> {
    // A child runs where its parent does; moving it later would miss threads that it has started by then.
    pin(cores)?;
    let started = command.spawn();
    pin(&[home])?;
    started.with_context(|| format!("cannot start {}", command.get_program().display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_works_is_seen_to_use_cpu_and_memory() {
        let process = Process::current().unwrap();
        let before = process.cpu().unwrap();
        while process.cpu().unwrap().since(before).0 < 0.02 {}
        assert!(process.resident_bytes().unwrap() > 100_000);
    }
}
