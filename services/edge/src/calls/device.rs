//! What is kept of a device between its sessions: its lines, and how it is woken.
//!
//! A line only points to a call. It is free if that call has ended or is gone, so a crash between two records leaves nothing
//! that would have to be repaired; but a claim that is still young holds, for its call may be about to be written.

use protocol::device::CallId;
use serde::{Deserialize, Serialize};

use super::push::PushToken;

/// How long a line that points to no call is taken: longer than placing a call may take.
const CLAIM_HOLDS_MS: u64 = 10_000;

/// A device as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Device {
    /// What is on each of its lines.
    pub(crate) lines: Vec<Option<Hold>>,
    /// How it is woken without a socket; at most one of each kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) push: Vec<PushToken>,
    /// When its last session came, in Unix milliseconds.
    #[serde(default)]
    pub(crate) attached_ms: u64,
}

/// A call on a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hold {
    /// The call.
    pub(crate) call: CallId,
    /// Since when, in Unix milliseconds.
    pub(crate) since_ms: u64,
}

impl Device {
    /// Gives it this many lines. One that is in use stays until it is free.
    pub(crate) fn resize(&mut self, lines: u8) {
        let in_use = self.lines.iter().rposition(Option::is_some);
        let needed = in_use.map_or(0, |line| line + 1);
        self.lines.resize(needed.max(usize::from(lines)), None);
    }

    /// What is on a line.
    pub(crate) fn hold(&self, line: u8) -> Option<&Hold> {
        self.lines.get(usize::from(line))?.as_ref()
    }

    /// The lines that a call is on, or was.
    pub(crate) fn holds(&self) -> impl Iterator<Item = (u8, &Hold)> {
        let lines = self.lines.iter().enumerate();
        lines.filter_map(|(line, hold)| Some((u8::try_from(line).ok()?, hold.as_ref()?)))
    }

    /// Puts a call on a line.
    pub(crate) fn occupy(&mut self, line: u8, call: &CallId, now_ms: u64) {
        if let Some(place) = self.lines.get_mut(usize::from(line)) {
            *place = Some(Hold {
                call: call.clone(),
                since_ms: now_ms,
            });
        }
    }
}

impl Hold {
    /// Whether it counts although nothing is known of its call.
    pub(crate) const fn is_young(&self, now_ms: u64) -> bool {
        now_ms < self.since_ms + CLAIM_HOLDS_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_with_fewer_lines_keeps_those_in_use() {
        let mut device = Device::default();
        device.resize(4);
        device.occupy(2, &"call".parse().unwrap(), 7);
        device.occupy(9, &"call".parse().unwrap(), 7);
        device.resize(1);
        assert_eq!(device.lines.len(), 3);
        assert_eq!(
            device.holds().map(|(line, _)| line).collect::<Vec<_>>(),
            [2]
        );
        assert!(device.hold(1).is_none() && device.hold(3).is_none());
        assert!(device.hold(2).unwrap().is_young(7) && !device.hold(2).unwrap().is_young(10_007));
    }
}
