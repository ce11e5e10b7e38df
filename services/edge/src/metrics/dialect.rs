//! What is counted per dialect.

use prometheus::{IntCounter, IntCounterVec};
use protocol::close::CloseReason;
use protocol::{device, realtime, room};

use super::Registrar;
use super::family::{Family, Label};
use super::labels::{FrameIn, FrameOut, Outcome};
use crate::dialects::echo;

/// The families that every dialect has a share of.
pub(super) struct DialectFamilies {
    handshakes: IntCounterVec,
    frames_in: IntCounterVec,
    frames_out: IntCounterVec,
    closes: IntCounterVec,
    errors: IntCounterVec,
}

/// One dialect's counters.
#[derive(Clone, Debug)]
pub struct DialectMetrics {
    /// Connection attempts at the dialect's door, by how they ended.
    pub handshakes: Family<Outcome>,
    /// Frames received from clients, by kind.
    pub frames_in: Family<FrameIn>,
    /// Frames queued for clients, by kind.
    pub frames_out: Family<FrameOut>,
    /// Error answers to clients, by code.
    pub errors: Errors,
    closes: Vec<IntCounter>,
}

/// A dialect's own error codes.
#[derive(Clone, Debug)]
pub enum Errors {
    /// Those of the realtime dialect.
    Realtime(Family<realtime::ErrorCode>),
    /// Those of the room dialect.
    Room(Family<room::ErrorCode>),
    /// Those of the device dialect.
    Device(Family<device::ErrorCode>),
    /// The dialect refuses nothing.
    None,
}

/// An error code of some dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorLabel {
    /// One of the realtime dialect.
    Realtime(realtime::ErrorCode),
    /// One of the room dialect.
    Room(room::ErrorCode),
    /// One of the device dialect.
    Device(device::ErrorCode),
}

/// What makes a dialect's share of the families its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Share {
    Realtime,
    Room,
    Device,
    Echo,
}

impl DialectFamilies {
    pub(super) fn register(new: &Registrar<'_>) -> Result<Self, prometheus::Error> {
        Ok(Self {
            handshakes: new.counters(
                "switchboard_handshakes_total",
                "Connection attempts at a door, by how they ended.",
                &["dialect", "outcome"],
            )?,
            frames_in: new.counters(
                "switchboard_frames_in_total",
                "Frames received from clients, by kind.",
                &["dialect", "kind"],
            )?,
            frames_out: new.counters(
                "switchboard_frames_out_total",
                "Frames queued for clients, by kind.",
                &["dialect", "kind"],
            )?,
            closes: new.counters(
                "switchboard_closes_total",
                "Sessions closed, by close code and reason.",
                &["dialect", "code", "reason"],
            )?,
            errors: new.counters(
                "switchboard_errors_total",
                "Error answers to clients, by code.",
                &["dialect", "code"],
            )?,
        })
    }
}

impl DialectMetrics {
    /// The share of one dialect.
    pub(super) fn new(families: &DialectFamilies, share: Share) -> Self {
        let dialect = share.name();
        let close = |reason: CloseReason| {
            let code = share.code_of(reason).to_string();
            families
                .closes
                .with_label_values(&[dialect, &code, reason.as_str()])
        };
        Self {
            handshakes: Family::new(&families.handshakes, &[dialect]),
            frames_in: Family::new(&families.frames_in, &[dialect]),
            frames_out: Family::new(&families.frames_out, &[dialect]),
            errors: share.errors(&families.errors),
            closes: CloseReason::ALL.into_iter().map(close).collect(),
        }
    }

    /// Counts a session's end.
    pub fn close(&self, reason: CloseReason) {
        self.closes[reason as usize].inc();
    }
}

impl Errors {
    /// Counts one. A code of another dialect is a mistake of ours and counts nowhere.
    pub fn count(&self, error: ErrorLabel) {
        match (self, error) {
            (Self::Realtime(family), ErrorLabel::Realtime(code)) => family.count(code),
            (Self::Room(family), ErrorLabel::Room(code)) => family.count(code),
            (Self::Device(family), ErrorLabel::Device(code)) => family.count(code),
            (Self::Realtime(_) | Self::Room(_) | Self::Device(_) | Self::None, _) => {
                debug_assert!(false, "{error:?} is no error of this dialect");
            }
        }
    }
}

impl Share {
    const fn name(self) -> &'static str {
        match self {
            Self::Realtime => "realtime",
            Self::Room => "room",
            Self::Device => "device",
            Self::Echo => "echo",
        }
    }

    /// The number that a reason to close has in this dialect.
    fn code_of(self, reason: CloseReason) -> u16 {
        match self {
            Self::Realtime => realtime::CloseCode::from(reason).as_u16(),
            Self::Room => room::CloseCode::from(reason).as_u16(),
            Self::Device => device::CloseCode::from(reason).as_u16(),
            Self::Echo => echo::close_code(reason),
        }
    }

    fn errors(self, counters: &IntCounterVec) -> Errors {
        match self {
            Self::Realtime => Errors::Realtime(Family::new(counters, &[self.name()])),
            Self::Room => Errors::Room(Family::new(counters, &[self.name()])),
            Self::Device => Errors::Device(Family::new(counters, &[self.name()])),
            Self::Echo => Errors::None,
        }
    }
}

/// The codes of one dialect are a closed set of labels.
macro_rules! error_labels {
    ($code:ty) => {
        impl Label for $code {
            const ALL: &'static [Self] = &Self::ALL;

            fn text(self) -> &'static str {
                self.as_str()
            }

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}
error_labels!(realtime::ErrorCode);
error_labels!(room::ErrorCode);
error_labels!(device::ErrorCode);
