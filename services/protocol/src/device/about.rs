//! Which line and which call a frame speaks of.

use serde::{Serialize, Serializer};

use super::CallId;

/// The members `line` and `call_id` of a frame. An answer has those of its request, also a `line` of `null`
/// (spec device-session §2.4).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct About {
    /// The line.
    #[serde(skip_serializing_if = "Line::is_unsaid")]
    pub line: Line,
    /// The call on it.
    #[serde(rename = "call_id", skip_serializing_if = "Option::is_none")]
    pub call: Option<CallId>,
}

/// A line of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Line {
    /// The frame does not speak of any.
    #[default]
    Unsaid,
    /// `null`: the guest line.
    Guest,
    /// One of those that the state lists, from 0.
    Number(u8),
}

impl About {
    /// A call on a line.
    #[must_use]
    pub const fn call(line: u8, call: CallId) -> Self {
        Self {
            line: Line::Number(line),
            call: Some(call),
        }
    }

    /// A line.
    #[must_use]
    pub const fn line(line: u8) -> Self {
        Self {
            line: Line::Number(line),
            call: None,
        }
    }
}

impl Line {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
    const fn is_unsaid(&self) -> bool {
        matches!(self, Self::Unsaid)
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unsaid | Self::Guest => serializer.serialize_none(),
            Self::Number(line) => serializer.serialize_u8(*line),
        }
    }
}
