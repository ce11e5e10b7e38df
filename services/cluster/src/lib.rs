//! What edges share: who hears whom, who holds a device, who is in a channel, how much an app may still use.
//!
//! - [`topic`], [`envelope`], [`peer`], [`origin`]: the nouns that cross the bus.
//! - [`members`]: who is in a topic, in as little room as they need.
//! - [`inbox`]: the bounded queue through which the cluster speaks to one lane, and [`answer`], what it says there;
//!   [`outcome`]: what the edge itself says there; [`pressure`]: whether sessions must slow down for it.
//! - [`bus`], [`presence`], [`leases`], [`quotas`], [`directory`], [`records`]: the six contracts, each a concrete handle over a closed set of
//!   backends, so callers never learn which one serves them.
//! - [`in_process`]: the backend that runs alone, with nothing installed. [`redis`]: the backend of a cluster.
//! - [`contract`]: what every backend must keep, as functions that each backend's tests call.
//!
//! This crate knows no socket, no dialect and no configuration. Whatever an operation of a session answers arrives in
//! the inbox of that session's lane, in one order with the envelopes: there is no second path to a session.

pub mod answer;
pub mod bus;
pub mod contract;
pub mod directory;
pub mod envelope;
mod gatherings;
pub mod in_process;
pub mod inbox;
pub mod leases;
pub mod members;
pub mod origin;
pub mod outcome;
pub mod peer;
pub mod presence;
pub mod pressure;
pub mod quotas;
pub mod receipts;
pub mod records;
pub mod redis;
pub mod topic;

pub use answer::{Answer, Ticket};
pub use bus::Bus;
pub use directory::Directory;
pub use envelope::{Envelope, Message, Moment, News, Payload};
pub use inbox::{Arrival, Eviction, Inbox, InboxHandle};
pub use leases::{Attach, Fence, LeaseKey, Leases};
pub use members::Members;
pub use origin::{Fenced, Incarnation, LaneId, Origin, SessionId};
pub use outcome::{Outcome, Verdict};
pub use peer::Peer;
pub use presence::{Delta, Known, Naming, Presence, Roster, Version};
pub use pressure::Pressure;
pub use quotas::{Allowance, Meter, Quotas, SessionSlot, Usage};
pub use receipts::Receipts;
pub use records::Records;
pub use redis::{LinkState, LinkStatus};
pub use topic::{Address, Topic};

/// Redis (or whatever carries the cluster) could not be asked or did not answer in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cluster backend is unavailable")]
pub struct Unavailable;

/// One edge's membership in the cluster: the handles that its doors and lanes work with.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// This run of this edge.
    pub incarnation: Incarnation,
    /// Carries envelopes between lanes and edges.
    pub bus: Bus,
    /// Who is in a topic.
    pub presence: Presence,
    /// One session per device.
    pub leases: Leases,
    /// Concurrent sessions and messages per period.
    pub quotas: Quotas,
    /// Where a peer can be reached.
    pub directory: Directory,
    /// How the link to Redis is; `None` for an edge that runs alone.
    pub link: Option<LinkStatus>,
    /// Small versioned values.
    pub records: Records,
}

impl Cluster {
    /// Leaves the cluster: whatever this edge still holds (routes, members, leases, slots) is given back.
    ///
    /// The last step of a drain. Idempotent.
    pub async fn withdraw(&self) {
        self.bus.withdraw().await;
    }

    /// Ends without a word, as a crash would: nothing is given back, the others have to find out. For tests of that.
    pub fn sever(&self) {
        self.bus.sever();
    }
}
