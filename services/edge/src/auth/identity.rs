//! Who a session is.

use std::sync::Arc;

use protocol::{DeviceId, PeerId};
use serde_json::value::RawValue;

use super::Stamp;
use crate::tenancy::{Key, Scope};

/// Who a session is, for as long as it lives.
#[derive(Debug)]
pub struct Identity {
    /// What it may do.
    pub scope: Scope,
    /// Under which name others reach it.
    pub peer: PeerId,
    /// When it has to end, in Unix seconds; a publishable key gives no end.
    pub expires_at: Option<u64>,
    /// The `metadata` claim: told to the client itself, in `welcome` only.
    pub metadata: Option<Box<RawValue>>,
    /// The `peerMetadata` claim: shown to others.
    pub peer_metadata: Option<Arc<RawValue>>,
    /// The device whose lease it has to hold.
    pub device: Option<DeviceId>,
    /// What its token can be revoked by; a publishable key has no token.
    pub stamp: Option<Stamp>,
}

impl Identity {
    /// Somebody with a publishable key: a fresh peer at each connect (spec realtime §1.3, §1.4).
    pub(super) fn anonymous(key: Arc<Key>) -> Self {
        // Random as a version 4 is, without asking the kernel each time.
        let peer = uuid::Builder::from_random_bytes(rand::random()).into_uuid();
        let peer = peer.to_string().parse();
        Self {
            scope: Scope::of_key(key),
            peer: peer.expect("36 hexadecimal digits and hyphens are a peer id"),
            expires_at: None,
            metadata: None,
            peer_metadata: None,
            device: None,
            stamp: None,
        }
    }
}
