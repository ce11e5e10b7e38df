//! What a client says: one JSON object per text message (spec device-session §2, §3.1).

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    About, Ask, CallAsk, CallId, Direction, ErrorCode, Jsep, JsepKind, Json, Line, Request,
    Transaction, limits,
};
use crate::raw_json::{self, present};

/// One message of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientFrame {
    /// Is to be sent back as it came, with all its members.
    Keepalive,
    /// Is to be carried out.
    Request(Request),
}

/// Why a message is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Nothing that could be answered: no JSON object, or one of no kind that clients send. It costs the session.
    #[error("{0}")]
    NotUnderstood(&'static str),
    /// A request that gets an error answer.
    #[error("{reason}")]
    Refused {
        /// Of the request.
        transaction: Transaction,
        /// As far as the request said so in a form that can be mirrored.
        about: About,
        /// For programs.
        code: ErrorCode,
        /// For people.
        reason: &'static str,
    },
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    handshake: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    request: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    transaction: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    line: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    call_id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    number: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    jsep: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    refer_id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    replaces: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    from: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    direction: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    candidate: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "type", deserialize_with = "present")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    data: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    settings: Option<&'a RawValue>,
}

/// Why a request is refused.
type Refusal = (ErrorCode, &'static str);

impl ClientFrame {
    /// Reads one message.
    ///
    /// # Errors
    /// It is nothing that can be answered, or a request that is answered with an error.
    pub fn decode(text: &str) -> Result<Self, FrameError> {
        if raw_json::is_deeper_than(text, limits::FRAME_DEPTH) {
            return Err(FrameError::NotUnderstood("nested too deep"));
        }
        let wire = Some(text)
            .filter(|text| raw_json::is_object(text))
            .and_then(|text| serde_json::from_str::<Wire<'_>>(text).ok())
            .ok_or(FrameError::NotUnderstood(
                "not a JSON object with each member once",
            ))?;
        if let Some(handshake) = wire.handshake {
            return match raw_json::as_string(handshake).as_deref() {
                Some("keepalive") => Ok(Self::Keepalive),
                Some(_) | None => Err(FrameError::NotUnderstood(
                    "a handshake that clients do not send",
                )),
            };
        }
        let request = wire
            .request
            .and_then(raw_json::as_string)
            .ok_or(FrameError::NotUnderstood("neither request nor handshake"))?;
        let transaction: Transaction = wire
            .transaction
            .and_then(|value| serde_json::from_str(value.get()).ok())
            .ok_or(FrameError::NotUnderstood(
                "a request without a transaction cannot be answered",
            ))?;
        match wire.ask(&request) {
            Ok(ask) => Ok(Self::Request(Request { transaction, ask })),
            Err((code, reason)) => Err(FrameError::Refused {
                transaction,
                about: wire.about(),
                code,
                reason,
            }),
        }
    }
}

impl Wire<'_> {
    fn ask(&self, request: &str) -> Result<Ask, Refusal> {
        let ask = match request {
            "ice_trickle" => {
                return Ok(Ask::IceTrickle {
                    line: self.line()?,
                    candidate: self.candidate()?,
                });
            }
            "presence_update" => {
                return Ok(Ask::PresenceUpdate {
                    settings: object(self.settings, "settings is missing")?,
                });
            }
            "outgoing_call" => self.outgoing_call()?,
            "accept" => CallAsk::Accept { jsep: self.jsep()? },
            "decline" => {
                no(self.refer_id, "a transfer cannot be declined here")?;
                CallAsk::Decline
            }
            "hangup" => CallAsk::Hangup,
            "update" => CallAsk::Update { jsep: self.jsep()? },
            "hold" => CallAsk::Hold {
                direction: self.direction()?,
            },
            "unhold" => CallAsk::Unhold,
            "peer_message" => CallAsk::PeerMessage {
                kind: self
                    .kind
                    .map(Json::from)
                    .ok_or(missing("type is missing"))?,
                data: self
                    .data
                    .map(Json::from)
                    .ok_or(missing("data is missing"))?,
            },
            "transfer" => return Err(not_served("transfers are not served")),
            _ => return Err((ErrorCode::UnknownRequest, "unknown request")),
        };
        Ok(Ask::Call {
            line: self.line()?,
            call: self.call()?,
            ask,
        })
    }

    fn outgoing_call(&self) -> Result<CallAsk, Refusal> {
        no(self.refer_id, "transfers are not served")?;
        no(self.replaces, "replacing a call is not served")?;
        no(self.from, "a choice of caller id is not served")?;
        let number = self.number.ok_or(missing("number is missing"))?;
        let number = serde_json::from_str(number.get());
        let jsep = self.jsep()?;
        if jsep.kind != JsepKind::Offer {
            return Err((ErrorCode::UnsupportedJsep, "a call begins with an offer"));
        }
        Ok(CallAsk::Outgoing {
            number: number.map_err(|_| invalid("number is not 1 to 128 printable characters"))?,
            jsep,
        })
    }

    fn line(&self) -> Result<u8, Refusal> {
        let line = self.line.ok_or(missing("line is missing"))?;
        match line_of(line) {
            Some(Line::Number(line)) => Ok(line),
            Some(Line::Guest | Line::Unsaid) => Err(not_served("the guest line is not served")),
            None => Err(invalid("line is not a number from 0 to 255")),
        }
    }

    fn call(&self) -> Result<CallId, Refusal> {
        let call = self.call_id.ok_or(missing("call_id is missing"))?;
        serde_json::from_str(call.get())
            .map_err(|_| invalid("call_id is not 1 to 128 printable characters"))
    }

    fn jsep(&self) -> Result<Jsep, Refusal> {
        #[derive(Deserialize)]
        struct Description<'a> {
            #[serde(borrow, rename = "type")]
            kind: &'a RawValue,
            #[serde(borrow)]
            sdp: &'a RawValue,
        }
        let jsep = self.jsep.ok_or(missing("jsep is missing"))?;
        let json = object(Some(jsep), "jsep is missing")?;
        let description: Description<'_> = serde_json::from_str(jsep.get())
            .map_err(|_| invalid("jsep has no type and sdp, or one of them twice"))?;
        raw_json::as_string(description.sdp).ok_or(invalid("jsep.sdp is not a string"))?;
        let kind = match raw_json::as_string(description.kind).as_deref() {
            Some("offer") => JsepKind::Offer,
            Some("answer") => JsepKind::Answer,
            Some(_) | None => {
                return Err((
                    ErrorCode::UnsupportedJsep,
                    "jsep.type is neither offer nor answer",
                ));
            }
        };
        Ok(Jsep { kind, json })
    }

    fn candidate(&self) -> Result<Option<Json>, Refusal> {
        let candidate = self.candidate.ok_or(missing("candidate is missing"))?;
        if is_null(candidate) {
            return Ok(None);
        }
        object(Some(candidate), "candidate is missing").map(Some)
    }

    fn direction(&self) -> Result<Option<Direction>, Refusal> {
        let Some(direction) = self.direction.filter(|value| !is_null(value)) else {
            return Ok(None);
        };
        let word = raw_json::as_string(direction);
        [
            Direction::SendOnly,
            Direction::RecvOnly,
            Direction::Inactive,
        ]
        .into_iter()
        .find(|direction| word.as_deref() == Some(direction.as_str()))
        .map(Some)
        .ok_or(invalid("direction is not sendonly, recvonly or inactive"))
    }

    fn about(&self) -> About {
        About {
            line: self.line.and_then(line_of).unwrap_or_default(),
            call: self
                .call_id
                .and_then(|call| serde_json::from_str(call.get()).ok()),
        }
    }
}

fn line_of(value: &RawValue) -> Option<Line> {
    if is_null(value) {
        return Some(Line::Guest);
    }
    serde_json::from_str(value.get()).ok().map(Line::Number)
}

fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

fn object(value: Option<&RawValue>, absent: &'static str) -> Result<Json, Refusal> {
    let value = value.ok_or(missing(absent))?;
    if raw_json::is_object(value.get()) {
        Ok(Json::from(value))
    } else {
        Err(invalid("not an object"))
    }
}

/// What a client may name only to say that it has none.
fn no(value: Option<&RawValue>, reason: &'static str) -> Result<(), Refusal> {
    match value {
        Some(value) if !is_null(value) => Err(not_served(reason)),
        Some(_) | None => Ok(()),
    }
}

const fn missing(reason: &'static str) -> Refusal {
    (ErrorCode::MissingElement, reason)
}

const fn invalid(reason: &'static str) -> Refusal {
    (ErrorCode::InvalidElement, reason)
}

const fn not_served(reason: &'static str) -> Refusal {
    (ErrorCode::NotServed, reason)
}

#[cfg(test)]
mod tests;
