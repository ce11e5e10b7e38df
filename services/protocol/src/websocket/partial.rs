//! All that a decoder remembers of a frame or message which one read did not bring whole.
//!
//! A state machine that takes what has arrived, byte by byte if need be, until one event is
//! complete. It is the one home of the rules between frames: what may follow what (RFC 6455 §5.4)
//! and how much (§10.4). Invariant: input is taken to its end unless an event is complete before.

use super::control::ControlFrame;
use super::error::DecodeError;
use super::event::Event;
use super::header::{CutHeader, Header, Opcode};
use super::mask::Mask;
use super::message::Message;

#[derive(Debug, Default)]
pub(super) struct Partial {
    stage: Stage,
    /// The open message, while none of its fragments is arriving.
    between_fragments: Option<Message>,
}

/// What the next byte belongs to.
#[derive(Debug)]
enum Stage {
    Header(CutHeader),
    Fragment(Message, Payload),
    Control(ControlFrame, Payload),
    /// No byte is taken until this has been handed out.
    Complete(Complete),
}

#[derive(Debug)]
enum Complete {
    Message(Message),
    Control(ControlFrame),
}

impl Partial {
    /// Takes bytes from the front of `input`, up to the end of one event, and leaves the rest in
    /// `input`.
    pub(super) fn advance(
        &mut self,
        input: &mut &mut [u8],
        max_message_bytes: usize,
    ) -> Result<(), DecodeError> {
        while !input.is_empty() && !self.is_complete() {
            let stage = match std::mem::take(&mut self.stage) {
                Stage::Header(mut cut) => match cut.read(input)? {
                    Some(header) => self.open_frame(&header, max_message_bytes)?,
                    None => Stage::Header(cut),
                },
                Stage::Fragment(mut message, mut payload) => {
                    message.push(payload.take(input))?;
                    Stage::Fragment(message, payload)
                }
                Stage::Control(mut control, mut payload) => {
                    control.push(payload.take(input));
                    Stage::Control(control, payload)
                }
                Stage::Complete(complete) => Stage::Complete(complete),
            };
            self.stage = self.close_frame(stage)?;
        }
        Ok(())
    }

    /// The event that is complete, if one is.
    pub(super) fn event(&self) -> Result<Option<Event<'_>>, DecodeError> {
        match &self.stage {
            Stage::Complete(Complete::Message(message)) => Ok(Some(message.event())),
            Stage::Complete(Complete::Control(control)) => control.event().map(Some),
            Stage::Header(_) | Stage::Fragment(..) | Stage::Control(..) => Ok(None),
        }
    }

    /// What is left once the event has been handed out: nothing, or a message that still waits for
    /// fragments.
    pub(super) fn without_event(mut self: Box<Self>) -> Option<Box<Self>> {
        if self.is_complete() {
            self.stage = Stage::default();
            self.between_fragments.is_some().then_some(self)
        } else {
            Some(self)
        }
    }

    const fn is_complete(&self) -> bool {
        matches!(self.stage, Stage::Complete(_))
    }

    fn open_frame(
        &mut self,
        header: &Header,
        max_message_bytes: usize,
    ) -> Result<Stage, DecodeError> {
        let payload = Payload::new(header);
        let mut message = match header.opcode {
            Opcode::Control(kind) => return Ok(Stage::Control(ControlFrame::new(kind), payload)),
            Opcode::Continuation => self
                .between_fragments
                .take()
                .ok_or(DecodeError::NothingToContinue)?,
            Opcode::Message(kind) => match self.between_fragments {
                None => Message::new(kind),
                Some(_) => return Err(DecodeError::MessageInterrupted),
            },
        };
        message.admit_fragment(header.payload_bytes, max_message_bytes)?;
        Ok(Stage::Fragment(message, payload))
    }

    /// Leaves a frame whose payload is complete; an empty one is left as soon as it is opened.
    fn close_frame(&mut self, stage: Stage) -> Result<Stage, DecodeError> {
        match stage {
            Stage::Fragment(message, payload) if payload.is_complete() => {
                if payload.last {
                    message.end()?;
                    Ok(Stage::Complete(Complete::Message(message)))
                } else {
                    self.between_fragments = Some(message);
                    Ok(Stage::default())
                }
            }
            Stage::Control(control, payload) if payload.is_complete() => {
                Ok(Stage::Complete(Complete::Control(control)))
            }
            Stage::Header(_) | Stage::Fragment(..) | Stage::Control(..) | Stage::Complete(_) => {
                Ok(stage)
            }
        }
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self::Header(CutHeader::default())
    }
}

/// What the open frame still has to bring.
#[derive(Debug)]
struct Payload {
    mask: Mask,
    missing_bytes: usize,
    last: bool,
}

impl Payload {
    const fn new(header: &Header) -> Self {
        Self {
            mask: header.mask,
            missing_bytes: header.payload_bytes,
            last: header.last,
        }
    }

    /// Takes from the front of `input` what belongs to this frame, and unmasks it where it lies.
    fn take<'a>(&mut self, input: &mut &'a mut [u8]) -> &'a [u8] {
        let arrived = self.missing_bytes.min(input.len());
        let (payload, rest) = std::mem::take(input).split_at_mut(arrived);
        *input = rest;
        self.mask.apply(payload);
        self.missing_bytes -= arrived;
        payload
    }

    const fn is_complete(&self) -> bool {
        self.missing_bytes == 0
    }
}
