//! Port numbers that one test holds alone, also while nothing listens on them.
//!
//! Redis cannot choose a port by itself, and a test that restarts it wants the same one again. So a number is leased: a
//! locked file names it, and the kernel drops the lock with the process, however that ends. All numbers lie below the
//! kernel's ephemeral range, where an outgoing connection of somebody else never takes one.

use std::{
    env,
    fs::{self, File},
    net::TcpListener,
    process,
    sync::atomic::{AtomicU16, Ordering},
};

/// A leased port number; free again when dropped.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lease: File,
}

impl Port {
    /// Leases a number on which nothing listens.
    #[must_use]
    pub fn lease() -> Self {
        static TAKEN: AtomicU16 = AtomicU16::new(0);
        let folder = env::temp_dir().join("switchboard-test-ports");
        fs::create_dir_all(&folder).expect("the temporary directory is writable");
        // Processes begin apart, so that they seldom look at the same numbers.
        let begin = u16::try_from(process::id() * 61 % u32::from(COUNT)).unwrap_or_default();
        for _ in 0..COUNT {
            let step = TAKEN.fetch_add(1, Ordering::Relaxed) % COUNT;
            let number = FIRST + (begin + step) % COUNT;
            let Ok(lease) = File::create(folder.join(number.to_string())) else {
                continue;
            };
            if lease.try_lock().is_ok() && TcpListener::bind(("0.0.0.0", number)).is_ok() {
                return Self {
                    number,
                    _lease: lease,
                };
            }
        }
        panic!("none of {COUNT} ports from {FIRST} on is free");
    }

    /// The number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }
}

const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_number_is_leased_twice() {
        let ports: Vec<Port> = (0..200).map(|_| Port::lease()).collect();
        let numbers: BTreeSet<u16> = ports.iter().map(Port::number).collect();
        assert_eq!(numbers.len(), ports.len());
    }
}
