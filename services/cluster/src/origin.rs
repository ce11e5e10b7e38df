//! Who caused an envelope: the run of an edge, the lane, the session.
//!
//! All three are plain numbers, so that the hot path compares and copies them for nothing.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use crate::leases::Fence;

/// One run of one edge process, drawn at random at start; a restarted edge is another incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(u64);

impl Incarnation {
    /// A fresh incarnation. 64 random bits: two alive at once with the same number are not to be expected.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }

    pub(crate) const fn as_u64(self) -> u64 {
        self.0
    }

    pub(crate) const fn from_u64(number: u64) -> Self {
        Self(number)
    }
}

/// Reads what `Display` writes.
impl FromStr for Incarnation {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A lane of an edge: one thread that owns its sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneId(pub u8);

/// A session, unique within its edge's incarnation; carries its lane, so that whatever is meant for it finds its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(u64);

impl SessionId {
    /// Nobody's session: the origin of what REST publishes, and a value that no session ever has.
    pub const NONE: Self = Self(u64::MAX);

    /// The `serial`-th session of this edge, on `lane`. Serials begin with 1 and stay below 2^56.
    #[must_use]
    pub const fn new(lane: LaneId, serial: u64) -> Self {
        Self(serial << 8 | lane.0 as u64)
    }

    /// No session, but the lane's own business: the address of answers that no session asked for.
    #[must_use]
    pub const fn lane_itself(lane: LaneId) -> Self {
        Self::new(lane, 0)
    }

    /// The lane that owns the session.
    #[must_use]
    pub const fn lane(self) -> LaneId {
        LaneId((self.0 & 0xff) as u8)
    }

    pub(crate) const fn as_u64(self) -> u64 {
        self.0
    }

    pub(crate) const fn from_u64(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// The session that caused an envelope. A session never hears its own messages (spec realtime §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The edge run that published.
    pub incarnation: Incarnation,
    /// The session there, or [`SessionId::NONE`].
    pub session: SessionId,
    /// What the session's device holds, if it is leased: an edge that knows of a newer fence drops what the older says.
    pub lease: Option<Fenced>,
}

/// A leased device as an envelope names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fenced {
    /// A hash of the lease's key.
    pub device: u64,
    /// The sender's fence.
    pub fence: Fence,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_remembers_its_lane() {
        let id = SessionId::new(LaneId(7), 123_456);
        assert_eq!(id.lane(), LaneId(7));
        assert_ne!(id, SessionId::new(LaneId(6), 123_456));
        assert_ne!(id, SessionId::new(LaneId(7), 123_457));
    }
}
