//! What a client is told: one JSON object per text message (spec §3).
//!
//! Owns names and order of the members. Invariant: a member that has no value is left out, never `null`; the one
//! exception is `expiresAt`, which the JavaScript SDK insists on seeing.

use serde::Serialize;
use serde_json::value::RawValue;

use super::{ErrorCode, Member};
use crate::{ChannelName, PeerId, RequestId};

/// One message to a client, borrowed from wherever its parts live.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(
    tag = "type",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum ServerFrame<'a> {
    /// The first frame of every session (spec §1.3).
    Welcome {
        /// Who the client is.
        peer_id: &'a PeerId,
        /// When its token ends, in Unix seconds; `None` is written as `null`.
        expires_at: Option<u64>,
        /// The edge's time, in Unix seconds.
        server_time: u64,
        /// The largest `data` it may send, in bytes.
        max_message_size: usize,
        /// The `metadata` claim, with what the edge has added.
        #[serde(skip_serializing_if = "Option::is_none")]
        metadata: Option<&'a RawValue>,
    },
    /// The request has been carried out.
    Ack {
        /// Which one.
        request_id: &'a RequestId,
    },
    /// A frame has not been carried out.
    Error {
        /// Why, for programs.
        code: ErrorCode,
        /// Which one.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<&'a RequestId>,
        /// Why, for logs.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<&'a str>,
    },
    /// Somebody published to a channel.
    Message {
        /// Where.
        channel: &'a ChannelName,
        /// Who.
        from: &'a PeerId,
        /// What, as it was written.
        data: &'a RawValue,
        /// The publisher's `peerMetadata`, for subscriptions that asked (spec §3.2).
        #[serde(skip_serializing_if = "Option::is_none")]
        from_metadata: Option<&'a RawValue>,
    },
    /// Somebody sent to this peer.
    Direct {
        /// Who.
        from: &'a PeerId,
        /// What, as it was written.
        data: &'a RawValue,
        /// The sender's `peerMetadata`.
        #[serde(skip_serializing_if = "Option::is_none")]
        from_metadata: Option<&'a RawValue>,
    },
    /// Who came and who went. A snapshot is best written by [`write_snapshot`](super::write_snapshot), which keeps to the
    /// size limit.
    Presence {
        /// Where.
        channel: &'a ChannelName,
        /// Who came.
        joined: &'a [Member<'a>],
        /// Who went.
        left: &'a [Member<'a>],
    },
    /// The edge is about to close the session with 1001.
    GoingAway {
        /// How long the client should wait before it comes back, in milliseconds.
        retry_after_ms: u64,
    },
    /// The answer to a ping.
    Pong {
        /// Which one, if it said.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<&'a RequestId>,
    },
}

impl ServerFrame<'_> {
    /// Appends the frame as JSON.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        serde_json::to_writer(out, self)
            .expect("a Vec takes every write, and no member is a map with odd keys");
    }
}

#[cfg(test)]
mod tests;
