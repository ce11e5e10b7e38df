//! What the floor says of itself, so that the driver can tell whether it is one.
//!
//! Owns the counters and their three conditions. Both sides of the wire use this one type.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// The path of the HTTP request that asks for them.
pub const PATH: &str = "/counters";

/// Counted since the floor began.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
pub struct Counters {
    /// Messages times receivers.
    pub deliveries: u64,
    /// One for each receiver of a batch: the system calls that a floor may spend.
    pub writes_due: u64,
    /// Write calls that were made.
    pub writes: u64,
    /// Calls of the allocator from a message's arrival to its last write.
    pub allocations: u64,
}

impl Counters {
    /// Asks a running floor.
    ///
    /// # Errors
    /// It does not answer, or with something else.
    pub fn fetch(floor: SocketAddr) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(floor)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(format!("GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (_, body) = answer.split_once("\r\n\r\n").context("no body")?;
        Ok(serde_json::from_str(body)?)
    }

    /// What was counted since an earlier reading.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            deliveries: self.deliveries - earlier.deliveries,
            writes_due: self.writes_due - earlier.writes_due,
            writes: self.writes - earlier.writes,
            allocations: self.allocations - earlier.allocations,
        }
    }

    /// Adds what was counted in another run.
    pub fn add(&mut self, other: Self) {
        self.deliveries += other.deliveries;
        self.writes_due += other.writes_due;
        self.writes += other.writes;
        self.allocations += other.allocations;
    }

    /// Write calls per receiver and batch; 1 in a floor.
    #[must_use]
    pub fn writes_per_batch(self) -> f64 {
        self.writes as f64 / self.writes_due as f64
    }

    /// Calls of the allocator per delivery; none in a floor.
    #[must_use]
    pub fn allocations_per_delivery(self) -> f64 {
        self.allocations as f64 / self.deliveries as f64
    }
}
