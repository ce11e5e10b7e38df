//! What a client says: one JSON object per text message (spec §2).
//!
//! Decoding judges the *shape* only. The spec orders the checks (shape, action, channel syntax, reserved, scope, limit,
//! data, target), and most of them need to know who is asking; so channel, target and data stay raw until the edge asks
//! for them in that order. Invariant: a refusal echoes the request id whenever there was a good one.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{ErrorCode, limits};
use crate::raw_json::{self, present};
use crate::{ChannelName, PeerId, RequestId};

/// One message of a client, borrowed from the text it came in.
#[derive(Clone, Debug)]
pub struct ClientFrame<'a> {
    /// What the one reply has to echo; without it there is no ack.
    pub request: Option<RequestId>,
    /// What is asked for.
    pub command: Command<'a>,
}

impl<'a> ClientFrame<'a> {
    /// Reads one text message. Unknown members are ignored.
    ///
    /// # Errors
    /// `malformed_message` for whatever is not an object with a string `type`, a good `requestId` or none, each known
    /// member at most once, `includeSenderMetadata` (of a subscribe) a boolean or absent, and at most
    /// [`limits::FRAME_DEPTH`] levels; `unknown_type` for a `type` that is none of the five.
    pub fn decode(text: &'a str) -> Result<Self, FrameError> {
        let wire = Wire::read(text)?;
        let request = wire.request_id()?;
        match wire.command() {
            Ok(command) => Ok(Self { request, command }),
            Err((code, detail)) => Err(FrameError {
                code,
                request,
                detail,
            }),
        }
    }
}

/// The five things a client can ask for.
#[derive(Clone, Copy, Debug)]
pub enum Command<'a> {
    /// Join a channel, or ask for its roster again.
    Subscribe {
        /// Where to.
        channel: Field<'a>,
        /// Whether messages shall carry their sender's metadata.
        sender_metadata: SenderMetadata,
    },
    /// Leave a channel.
    Unsubscribe {
        /// Which one.
        channel: Field<'a>,
    },
    /// Say something to all subscribers of a channel.
    Publish {
        /// Where to.
        channel: Field<'a>,
        /// Any JSON value, `null` included; `None` is `missing_data`.
        data: Option<&'a RawValue>,
    },
    /// Say something to one peer.
    Send {
        /// Whom to.
        to: Field<'a>,
        /// Any JSON value, `null` included; `None` is `missing_data`.
        data: Option<&'a RawValue>,
    },
    /// Ask for a sign of life.
    Ping,
}

/// What `includeSenderMetadata` asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SenderMetadata {
    /// Messages without `fromMetadata`.
    #[default]
    Omit,
    /// Messages with `fromMetadata`, where the sender has any.
    Include,
}

/// A member that is there or not, and not judged yet.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a>(Option<&'a RawValue>);

impl Field<'_> {
    /// The channel this names.
    ///
    /// # Errors
    /// `invalid_channel` if it is missing, no string or no channel name; `channel_reserved` if clients may not use it.
    pub fn parse_channel(&self) -> Result<ChannelName, ErrorCode> {
        let channel: ChannelName = self
            .text()
            .and_then(|text| text.parse().ok())
            .ok_or(ErrorCode::InvalidChannel)?;
        if channel.is_reserved() {
            return Err(ErrorCode::ChannelReserved);
        }
        Ok(channel)
    }

    /// The peer this names.
    ///
    /// # Errors
    /// `invalid_peer_id` if it is missing, no string or no peer id.
    pub fn parse_peer(&self) -> Result<PeerId, ErrorCode> {
        self.text()
            .and_then(|text| text.parse().ok())
            .ok_or(ErrorCode::InvalidPeerId)
    }

    fn text(&self) -> Option<Cow<'_, str>> {
        self.0.and_then(raw_json::as_string)
    }
}

/// Why a message is no frame. The connection stays open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct FrameError {
    /// The code to answer with.
    pub code: ErrorCode,
    /// What the answer has to echo.
    pub request: Option<RequestId>,
    /// What is wrong, for the answer's `message`; quotes nothing of the input.
    pub detail: &'static str,
}

impl FrameError {
    const fn malformed(detail: &'static str) -> Self {
        Self {
            code: ErrorCode::MalformedMessage,
            request: None,
            detail,
        }
    }
}

/// All members of all frames, raw. An enum tagged by `type` could not hold `RawValue`s.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default, deserialize_with = "present", rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present", rename = "requestId")]
    request: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    channel: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    to: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    data: Option<&'a RawValue>,
    #[serde(
        borrow,
        default,
        deserialize_with = "present",
        rename = "includeSenderMetadata"
    )]
    sender_metadata: Option<&'a RawValue>,
}

impl<'a> Wire<'a> {
    fn read(text: &'a str) -> Result<Self, FrameError> {
        if raw_json::is_deeper_than(text, limits::FRAME_DEPTH) {
            return Err(FrameError::malformed("nested too deep"));
        }
        if !raw_json::is_object(text) {
            return Err(FrameError::malformed("not a JSON object"));
        }
        serde_json::from_str(text)
            .map_err(|_| FrameError::malformed("not a JSON object with each member once"))
    }

    fn request_id(&self) -> Result<Option<RequestId>, FrameError> {
        let Some(value) = self.request else {
            return Ok(None);
        };
        raw_json::as_string(value)
            .and_then(|text| text.parse().ok())
            .map(Some)
            .ok_or(FrameError::malformed(
                "requestId is not a string of 1 to 128 bytes",
            ))
    }

    fn command(&self) -> Result<Command<'a>, (ErrorCode, &'static str)> {
        let kind = self
            .kind
            .and_then(raw_json::as_string)
            .ok_or((ErrorCode::MalformedMessage, "type is not a string"))?;
        match &*kind {
            "subscribe" => Ok(Command::Subscribe {
                channel: Field(self.channel),
                sender_metadata: self.sender_metadata()?,
            }),
            "unsubscribe" => Ok(Command::Unsubscribe {
                channel: Field(self.channel),
            }),
            "publish" => Ok(Command::Publish {
                channel: Field(self.channel),
                data: self.data,
            }),
            "send" => Ok(Command::Send {
                to: Field(self.to),
                data: self.data,
            }),
            "ping" => Ok(Command::Ping),
            _ => Err((ErrorCode::UnknownType, "unknown type")),
        }
    }

    /// A value that is no boolean is refused rather than read as false: a client that asked for metadata and silently
    /// gets none has a bug that nobody sees.
    fn sender_metadata(&self) -> Result<SenderMetadata, (ErrorCode, &'static str)> {
        match self.sender_metadata.map(RawValue::get) {
            None | Some("false") => Ok(SenderMetadata::Omit),
            Some("true") => Ok(SenderMetadata::Include),
            Some(_) => Err((
                ErrorCode::MalformedMessage,
                "includeSenderMetadata is not a boolean",
            )),
        }
    }
}

#[cfg(test)]
mod tests;
