//! A call: who is in it and how far it has come. The only truth about it; everything else is told from it.
//!
//! Pure: no clock, no storage, no socket. A call has one caller and rings at several devices of the callee; the first that
//! accepts has it. What requests do is in `transitions`, what a client is told at its connect in `log`.

use protocol::device::{CallId, Json, Number};
use protocol::{DeviceId, PeerId};
use serde::{Deserialize, Serialize};

use crate::metrics::CallEnd;

/// A call as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Call {
    /// Made by the caller's client; the same on every leg.
    pub(crate) id: CallId,
    /// Who calls.
    pub(crate) caller: Leg,
    /// The number that was called.
    pub(crate) callee: Number,
    /// Every device that it rang at, also those that have left.
    pub(crate) callees: Vec<Leg>,
    /// The caller's first offer.
    pub(crate) offer: Json,
    /// When it began, in Unix milliseconds.
    pub(crate) began_ms: u64,
    /// How far it has come.
    pub(crate) stage: Stage,
}

/// A device's part of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Leg {
    /// Whose device it is.
    pub(crate) user: PeerId,
    /// The device.
    pub(crate) device: DeviceId,
    /// On which of its lines the call is.
    pub(crate) line: u8,
    /// How others see its user.
    pub(crate) number: Number,
    /// How its user is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// It was told the end of the call, or never heard of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) has_left: bool,
}

/// How far a call has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// Nobody has answered yet.
    Ringing,
    /// One device has.
    Talking {
        /// Its place among the callees.
        callee: usize,
        /// What it answered.
        answer: Json,
        /// When, in Unix milliseconds.
        since_ms: u64,
        /// An offer that waits for its answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pending: Option<Pending>,
    },
    /// It is over.
    Ended(End),
}

/// An offer within a call, which the other side has not answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pending {
    /// Who made it.
    pub(crate) by: Role,
    /// The offer.
    pub(crate) offer: Json,
    /// When, in Unix milliseconds.
    pub(crate) since_ms: u64,
}

/// Somebody's place in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Role {
    /// Who calls.
    Caller,
    /// One of the devices that it rang at.
    Callee(usize),
}

/// Why a call ended (spec device §3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum End {
    /// Somebody hung up after it was answered.
    HungUp,
    /// The caller gave up.
    Cancelled,
    /// The callee declined.
    Declined,
    /// No line of the callee was free.
    Busy,
    /// Nobody has the number.
    Unknown,
    /// No device of the callee could be reached, or none has answered in time.
    Unavailable,
    /// One side lost its connection and did not come back.
    Lost,
}

impl From<End> for CallEnd {
    fn from(end: End) -> Self {
        match end {
            End::HungUp => Self::HungUp,
            End::Cancelled => Self::Cancelled,
            End::Declined => Self::Declined,
            End::Busy => Self::Busy,
            End::Unknown => Self::Unknown,
            End::Unavailable => Self::Unavailable,
            End::Lost => Self::Lost,
        }
    }
}

impl End {
    /// The code that the hangup carries.
    pub(crate) const fn code(self) -> u16 {
        match self {
            Self::HungUp => 200,
            Self::Cancelled => 487,
            Self::Declined | Self::Busy => 486,
            Self::Unknown => 604,
            Self::Unavailable | Self::Lost => 480,
        }
    }

    /// The reason beside the code, for people who read logs.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::HungUp => "normal call clearing",
            Self::Cancelled => "request terminated",
            Self::Declined => "declined",
            Self::Busy => "busy here",
            Self::Unknown => "does not exist anywhere",
            Self::Unavailable => "temporarily unavailable",
            Self::Lost => "connection lost",
        }
    }
}

impl Call {
    /// Whether it is over.
    pub(crate) const fn has_ended(&self) -> bool {
        matches!(self.stage, Stage::Ended(_))
    }

    /// The place of a device, also of one that has left.
    pub(crate) fn role_of(&self, user: &PeerId, device: &DeviceId) -> Option<Role> {
        if self.caller.is_of(user, device) {
            return Some(Role::Caller);
        }
        let callee = self.callees.iter().position(|leg| leg.is_of(user, device));
        callee.map(Role::Callee)
    }

    /// Who sits there.
    pub(crate) fn leg(&self, role: Role) -> &Leg {
        match role {
            Role::Caller => &self.caller,
            Role::Callee(callee) => &self.callees[callee],
        }
    }

    /// Whether the call still is on a line of the device in this place.
    pub(crate) fn holds(&self, role: Role) -> bool {
        !self.has_ended() && !self.leg(role).has_left
    }

    /// Everybody who is in the call now.
    pub(crate) fn present(&self) -> impl Iterator<Item = Role> {
        let callees = (0..self.callees.len()).map(Role::Callee);
        std::iter::once(Role::Caller)
            .chain(callees)
            .filter(|role| self.holds(*role))
    }

    /// Whom what `role` says is meant for.
    pub(crate) fn peers(&self, role: Role) -> impl Iterator<Item = Role> {
        let speaks = self.holds(role);
        let is_opposite = move |other: &Role| (*other == Role::Caller) != (role == Role::Caller);
        self.present()
            .filter(move |other| speaks && is_opposite(other))
    }
}

impl Leg {
    fn is_of(&self, user: &PeerId, device: &DeviceId) -> bool {
        self.user == *user && self.device == *device
    }
}
