//! What a client is answered, and with what its session ends.

use cluster::{Answer, Ticket};
use protocol::close::CloseReason;
use protocol::realtime::{CloseCode, ErrorCode, ServerFrame, reason_text};
use protocol::{RequestId, websocket};

use crate::dialects::Actions;
use crate::metrics::{ErrorLabel, FrameOut};

/// The frame that announces a drain (spec §3.3).
pub(in crate::dialects) fn going_away(retry_after_ms: u64, actions: &mut Actions) {
    actions.tally.said = Some(FrameOut::GoingAway);
    write(
        &ServerFrame::GoingAway { retry_after_ms },
        &mut actions.replies,
    );
}

/// The close frame for a reason.
pub(crate) fn close_frame(reason: CloseReason) -> Vec<u8> {
    let mut frame = Vec::new();
    websocket::close_frame(
        &mut frame,
        CloseCode::from(reason).as_u16(),
        reason_text(reason),
    );
    frame
}

/// The reply that an operation's answer leads to. Without a request id there is no ack, and an error comes uncorrelated.
pub(super) fn answered(ticket: &Ticket, answer: &Answer, actions: &mut Actions) {
    let request = ticket.request.as_ref();
    match answer {
        Answer::Joined(_, Ok(_)) => {
            if let Some(request) = request {
                actions.tally.said = Some(FrameOut::Ack);
                write(
                    &ServerFrame::Ack {
                        request_id: request,
                    },
                    &mut actions.acks_ahead,
                );
            }
        }
        Answer::Published(topic, Ok(0)) if topic.is_direct() => {
            refuse(
                ErrorCode::PeerNotFound,
                request,
                detail_of(ErrorCode::PeerNotFound),
                actions,
            );
        }
        Answer::Published(_, Ok(_)) => {
            request
                .into_iter()
                .for_each(|request| ack(request, actions));
        }
        Answer::Joined(_, Err(_)) | Answer::Published(_, Err(_)) => {
            refuse(
                ErrorCode::BackendError,
                request,
                detail_of(ErrorCode::BackendError),
                actions,
            );
        }
        Answer::Subscribed(..) | Answer::Departed(_) | Answer::Roster(..) => {}
    }
}

/// Answers a request that has been carried out.
pub(super) fn ack(request: &RequestId, actions: &mut Actions) {
    actions.tally.said = Some(FrameOut::Ack);
    write(
        &ServerFrame::Ack {
            request_id: request,
        },
        &mut actions.replies,
    );
}

/// Answers a frame that is not carried out.
pub(super) fn refuse(
    code: ErrorCode,
    request: Option<&RequestId>,
    detail: &str,
    actions: &mut Actions,
) {
    actions.tally.said = Some(FrameOut::Error);
    actions.tally.error = Some(ErrorLabel::Realtime(code));
    write(
        &ServerFrame::Error {
            code,
            request_id: request,
            message: Some(detail),
        },
        &mut actions.replies,
    );
}

/// Appends one frame.
pub(super) fn write(frame: &ServerFrame<'_>, out: &mut Vec<u8>) {
    websocket::text_frame(out, |json| frame.write_json(json));
}

/// For people: what a code means.
pub(super) const fn detail_of(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::MalformedMessage => "the frame is not a JSON object with a string type",
        ErrorCode::UnknownType => "unknown type",
        ErrorCode::InvalidChannel => {
            "channel has to be a string of 1 to 256 bytes without control characters"
        }
        ErrorCode::InvalidPeerId => "to has to be a string of 1 to 128 printable ASCII characters",
        ErrorCode::ChannelNotAuthorized => "not authorized for this channel",
        ErrorCode::ChannelReserved => "the channel's prefix is reserved",
        ErrorCode::ChannelLimitExceeded => "too many channels, leave one first",
        ErrorCode::PeerNotFound => "no session of this peer",
        ErrorCode::MissingData => "data is missing",
        ErrorCode::ActionNotPermitted => "the key or token does not have this permission",
        ErrorCode::OverMessageQuota => "the messages of this period are used up",
        ErrorCode::BackendError => "the backend cannot be reached, try again",
        ErrorCode::InternalError => "internal error, try again",
    }
}
