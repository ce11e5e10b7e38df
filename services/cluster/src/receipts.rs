//! Who got an envelope: lanes report, the edge that asked gathers.

use std::time::Duration;

use crate::origin::Incarnation;

/// How long [`Bus::ask`](crate::Bus::ask) waits for lanes to report (RELAY: kick and REST answers gather at most this long).
pub const GATHER_TIMEOUT: Duration = Duration::from_millis(500);

/// Names a gathering of reports: which edge gathers, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReceiptId {
    /// The edge that waits.
    pub incarnation: Incarnation,
    /// Its own number of the gathering.
    pub number: u64,
}

/// What lanes reported about one envelope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receipts {
    /// Sessions reached, over all lanes that answered.
    pub sessions: u64,
    /// Lanes, or whole edges, that took the envelope and did not answer in time.
    pub missing: usize,
}
