//! Why a request was not carried out.

/// The closed list of codes; its number stands in `code` of an error answer. The numbers up to 490 are WebTrit's own
/// (spec device-session §2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// 410: the call has ended. On an accept a client takes this for no error.
    CallGone,
    /// 453: no request of the subset that is served.
    UnknownRequest,
    /// 456: a member is missing.
    MissingElement,
    /// 457: a request, or a part of it, that is not served here: transfers, the guest line, a choice of caller id.
    NotServed,
    /// 459: the line does not exist, or another call is on it, or none.
    WrongLine,
    /// 464: an offer where an answer belongs, or the reverse.
    UnsupportedJsep,
    /// 467: a member of another type, or out of range.
    InvalidElement,
    /// 471: not in this state of the call.
    WrongState,
    /// 490: the session asks faster than it may.
    RateLimited,
    /// 490: the app's messages of the period are used up.
    OverMessageQuota,
    /// 500: the cluster could not be asked, or took part in nothing. Try again.
    BackendError,
}

impl ErrorCode {
    /// Every code, in the order of declaration: `ALL[code as usize] == code`.
    pub const ALL: [Self; 11] = [
        Self::CallGone,
        Self::UnknownRequest,
        Self::MissingElement,
        Self::NotServed,
        Self::WrongLine,
        Self::UnsupportedJsep,
        Self::InvalidElement,
        Self::WrongState,
        Self::RateLimited,
        Self::OverMessageQuota,
        Self::BackendError,
    ];

    /// The number on the wire.
    #[must_use]
    pub const fn as_u16(self) -> u16 {
        match self {
            Self::CallGone => 410,
            Self::UnknownRequest => 453,
            Self::MissingElement => 456,
            Self::NotServed => 457,
            Self::WrongLine => 459,
            Self::UnsupportedJsep => 464,
            Self::InvalidElement => 467,
            Self::WrongState => 471,
            Self::RateLimited | Self::OverMessageQuota => 490,
            Self::BackendError => 500,
        }
    }

    /// The code in metrics and in the documentation.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CallGone => "call_gone",
            Self::UnknownRequest => "unknown_request",
            Self::MissingElement => "missing_element",
            Self::NotServed => "not_served",
            Self::WrongLine => "wrong_line",
            Self::UnsupportedJsep => "unsupported_jsep",
            Self::InvalidElement => "invalid_element",
            Self::WrongState => "wrong_state",
            Self::RateLimited => "rate_limited",
            Self::OverMessageQuota => "over_message_quota",
            Self::BackendError => "backend_error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_codes_is_stable() {
        for (index, code) in ErrorCode::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, index);
        }
        let line = |code: ErrorCode| format!("{} {}", code.as_u16(), code.as_str());
        insta::assert_snapshot!(ErrorCode::ALL.map(line).join("\n"));
    }
}
