//! Why a client's packet was not carried out.

use serde::{Serialize, Serializer};

/// The closed list of codes; stands in `data.code` of an `error` packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// Not a JSON object with a string `type`, or one that cannot be read as a signal.
    MalformedMessage,
    /// A type of signal that only the server sends.
    ReservedType,
    /// `to` is neither absent nor an account id.
    InvalidTarget,
    /// The session's message bucket is empty.
    RateLimited,
    /// The app's messages of the period are used up.
    OverMessageQuota,
    /// The cluster could not be reached.
    BackendError,
}

impl ErrorCode {
    /// Every code, in the order of declaration: `ALL[code as usize] == code`.
    pub const ALL: [Self; 6] = [
        Self::MalformedMessage,
        Self::ReservedType,
        Self::InvalidTarget,
        Self::RateLimited,
        Self::OverMessageQuota,
        Self::BackendError,
    ];

    /// The code on the wire and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MalformedMessage => "malformed_message",
            Self::ReservedType => "reserved_type",
            Self::InvalidTarget => "invalid_target",
            Self::RateLimited => "rate_limited",
            Self::OverMessageQuota => "over_message_quota",
            Self::BackendError => "backend_error",
        }
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_the_order_of_declaration() {
        for (index, code) in ErrorCode::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, index, "{}", code.as_str());
        }
    }
}
