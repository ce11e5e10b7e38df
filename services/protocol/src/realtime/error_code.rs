//! The error codes of the dialect: answers that leave the connection open (spec §4.1).

use std::fmt;

/// Why a frame was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// Not JSON, not an object, no string `type`, or a `requestId` that is none.
    MalformedMessage,
    /// `type` is not one of the five.
    UnknownType,
    /// `channel` is missing or no channel name.
    InvalidChannel,
    /// `to` is missing or no peer id.
    InvalidPeerId,
    /// The channel is outside the key's patterns or the token's channels.
    ChannelNotAuthorized,
    /// The channel has a reserved prefix.
    ChannelReserved,
    /// The connection holds as many channels as it may.
    ChannelLimitExceeded,
    /// No connection of the target peer was found.
    PeerNotFound,
    /// A publish or send without `data`.
    MissingData,
    /// The key or the token lacks the permission.
    ActionNotPermitted,
    /// The app's messages of this period are used up.
    OverMessageQuota,
    /// The backend could not be reached.
    BackendError,
    /// Our own fault.
    InternalError,
}

impl ErrorCode {
    /// Every code, in the order of declaration: `ALL[code as usize] == code`.
    pub const ALL: [Self; 13] = [
        Self::MalformedMessage,
        Self::UnknownType,
        Self::InvalidChannel,
        Self::InvalidPeerId,
        Self::ChannelNotAuthorized,
        Self::ChannelReserved,
        Self::ChannelLimitExceeded,
        Self::PeerNotFound,
        Self::MissingData,
        Self::ActionNotPermitted,
        Self::OverMessageQuota,
        Self::BackendError,
        Self::InternalError,
    ];

    /// The code on the wire; also the metric label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MalformedMessage => "malformed_message",
            Self::UnknownType => "unknown_type",
            Self::InvalidChannel => "invalid_channel",
            Self::InvalidPeerId => "invalid_peer_id",
            Self::ChannelNotAuthorized => "channel_not_authorized",
            Self::ChannelReserved => "channel_reserved",
            Self::ChannelLimitExceeded => "channel_limit_exceeded",
            Self::PeerNotFound => "peer_not_found",
            Self::MissingData => "missing_data",
            Self::ActionNotPermitted => "action_not_permitted",
            Self::OverMessageQuota => "over_message_quota",
            Self::BackendError => "backend_error",
            Self::InternalError => "internal_error",
        }
    }

    /// Whether the very same frame may succeed when it is sent again after a short pause.
    ///
    /// `channel_limit_exceeded`, `peer_not_found` and `over_message_quota` may clear too, but not by waiting a moment.
    #[must_use]
    pub const fn retryable(self) -> bool {
        match self {
            Self::BackendError | Self::InternalError => true,
            Self::MalformedMessage
            | Self::UnknownType
            | Self::InvalidChannel
            | Self::InvalidPeerId
            | Self::ChannelNotAuthorized
            | Self::ChannelReserved
            | Self::ChannelLimitExceeded
            | Self::PeerNotFound
            | Self::MissingData
            | Self::ActionNotPermitted
            | Self::OverMessageQuota => false,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl serde::Serialize for ErrorCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_the_order_of_declaration() {
        for (index, code) in ErrorCode::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, index, "{code}");
        }
    }

    #[test]
    fn the_list_of_codes_is_stable() {
        let lines: Vec<String> = ErrorCode::ALL
            .into_iter()
            .map(|code| format!("{code} retryable={}", code.retryable()))
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
