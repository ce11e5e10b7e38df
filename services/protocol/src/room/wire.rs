//! Which of the two spellings a client understands.

use serde::{Deserialize, Serialize};

/// How a connection is spoken to. It belongs to the connection and not to the room: members with different wires talk to
/// each other (spec room §2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wire {
    /// Signals are `webrtc.signal`, with the names of the server and of the guide's format block side by side.
    #[default]
    Default,
    /// As the guide's sample code reads them: signals are `signaling` and carry `SenderAccountId` and `SenderInfo` too.
    Guide,
}

impl Wire {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Default, Self::Guide];

    /// As it stands in a query and in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Guide => "guide",
        }
    }

    /// The wire that a query asks for; any other text asks for none.
    #[must_use]
    pub fn from_query(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|wire| wire.as_str() == text)
    }

    /// The type of a packet that carries a signal.
    #[must_use]
    pub const fn signal_type(self) -> &'static str {
        match self {
            Self::Default => "webrtc.signal",
            Self::Guide => "signaling",
        }
    }
}
