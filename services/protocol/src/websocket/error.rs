//! What a client can do wrong in its framing, and the close code that tells it so.
//!
//! Refuses to know how a session says goodbye. Every variant names one rule, so that a log line is
//! a diagnosis.

/// Why the bytes of a client cannot be read any further (RFC 6455 §7.1.7: the connection has to be
/// failed).
///
/// Small and `Copy`, because a [`Decoder`](super::Decoder) remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A reserved bit is set although no extension was negotiated (§5.2).
    #[error("reserved header bit set without an extension")]
    ReservedBits,
    /// An opcode that the RFC keeps for later (§5.2).
    #[error("reserved opcode {0:#x}")]
    ReservedOpcode(u8),
    /// A client must mask every frame (§5.1).
    #[error("client frame without a mask")]
    NotMasked,
    /// A length that fits into a shorter form (§5.2).
    #[error("payload length not in its shortest form")]
    LengthNotMinimal,
    /// The most significant bit of a 64-bit length is set (§5.2).
    #[error("payload length with its top bit set")]
    LengthTopBit,
    /// A close, ping or pong without FIN (§5.5).
    #[error("fragmented control frame")]
    ControlFragmented,
    /// A close, ping or pong of more than 125 bytes (§5.5).
    #[error("control frame longer than 125 bytes")]
    ControlTooLong,
    /// A continuation while no message is open (§5.4).
    #[error("continuation frame without a message to continue")]
    NothingToContinue,
    /// A new message before the last fragment of the open one (§5.4).
    #[error("new message inside a fragmented message")]
    MessageInterrupted,
    /// A close payload of one byte has no room for its code (§5.5.1).
    #[error("close payload of one byte")]
    CloseTooShort,
    /// A close code that must not be sent (§7.4).
    #[error("close code {0} must not be sent")]
    CloseCodeInvalid(u16),
    /// Text, or the reason of a close, is not UTF-8 (§8.1).
    #[error("invalid utf-8")]
    InvalidUtf8,
    /// A message of more bytes than the decoder was told to accept, all fragments counted (§10.4).
    #[error("message over the size limit")]
    TooBig,
    /// A message in more than [`MAX_SHORT_FRAGMENTS`](super::MAX_SHORT_FRAGMENTS) frames that are
    /// short (§10.4).
    #[error("message in too many short fragments")]
    TooManyFragments,
}

impl DecodeError {
    /// The code to close the session with (RFC 6455 §7.4.1): 1002, 1007, 1008 or 1009.
    #[must_use]
    pub const fn close_code(&self) -> u16 {
        match self {
            Self::ReservedBits
            | Self::ReservedOpcode(_)
            | Self::NotMasked
            | Self::LengthNotMinimal
            | Self::LengthTopBit
            | Self::ControlFragmented
            | Self::ControlTooLong
            | Self::NothingToContinue
            | Self::MessageInterrupted
            | Self::CloseTooShort
            | Self::CloseCodeInvalid(_) => 1002,
            Self::InvalidUtf8 => 1007,
            Self::TooManyFragments => 1008,
            Self::TooBig => 1009,
        }
    }
}
