//! Who can be addressed, and what others are shown of them.

use std::sync::Arc;

use protocol::PeerId;
use serde_json::value::RawValue;

/// A peer as others see it: the id and the public metadata of its token, one JSON object passed on byte for byte.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The name that directs are sent to.
    pub id: PeerId,
    /// Shown in presence and, where asked for, beside messages; `None` when the token had none.
    pub metadata: Option<Arc<RawValue>>,
}
