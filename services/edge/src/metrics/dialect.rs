//! What is counted per dialect.

use prometheus::{IntCounter, IntCounterVec};
use protocol::close::CloseReason;
use protocol::realtime::ErrorCode;

use super::Registrar;
use super::family::{Family, Label};
use super::labels::{FrameIn, FrameOut, Outcome};

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
    pub errors: Family<ErrorCode>,
    closes: Vec<IntCounter>,
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
    /// The share of the dialect called `dialect`, in which a reason to close has the number `code_of`.
    pub(super) fn new(
        families: &DialectFamilies,
        dialect: &str,
        code_of: fn(CloseReason) -> u16,
    ) -> Self {
        let close = |reason: CloseReason| {
            let code = code_of(reason).to_string();
            families
                .closes
                .with_label_values(&[dialect, &code, reason.as_str()])
        };
        Self {
            handshakes: Family::new(&families.handshakes, &[dialect]),
            frames_in: Family::new(&families.frames_in, &[dialect]),
            frames_out: Family::new(&families.frames_out, &[dialect]),
            errors: Family::new(&families.errors, &[dialect]),
            closes: CloseReason::ALL.into_iter().map(close).collect(),
        }
    }

    /// Counts a session's end.
    pub fn close(&self, reason: CloseReason) {
        self.closes[reason as usize].inc();
    }
}

impl Label for ErrorCode {
    const ALL: &'static [Self] = &Self::ALL;

    fn text(self) -> &'static str {
        self.as_str()
    }

    fn index(self) -> usize {
        self as usize
    }
}
