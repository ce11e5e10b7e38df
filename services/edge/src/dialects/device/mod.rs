//! The device dialect: what its frames mean (spec device-session §2).
//!
//! A session begins with its state, which the exchange reads for it; until that is there nothing is read from the client,
//! and news is kept. Keepalives and what is no request are answered here; requests go to the exchange. `transactions`:
//! which requests were answered how, for those that come again.
//!
//! Knows nothing of sockets, of lanes and of what a call is.

mod heard;
mod transactions;

use std::sync::Arc;
use std::time::Duration;

use cluster::quotas::Spend;
use cluster::{Meter, News, Outcome, Topic, Verdict};
use protocol::close::CloseReason;
use protocol::device::limits::silence_max;
use protocol::device::{
    Answer, ClientFrame, CloseCode, ErrorCode, FrameError, Request, reason_text,
};
use protocol::websocket;

use super::{Action, Actions, Input, Now};
use crate::auth::{Bearer, Stamp};
use crate::calls::Party;
use crate::limit::{Bucket, Rate};
use crate::metrics::{ErrorLabel, FrameIn, FrameOut, Refusal};
use crate::tenancy::{Signer, Tenancy};
use heard::{Heard, Hearing};
use transactions::{Known, Transactions};

/// Frames that come too fast, before the session ends: a client that does not count its requests is told so a few times.
const STRIKES: Rate = Rate {
    per_second: 10,
    burst: 100,
};
/// News that is kept for a session that has no state yet; it has a second to get it.
const NEWS_KEPT: usize = 256;

/// One session's part of the dialect.
#[derive(Debug)]
pub(crate) struct Device {
    signer: Signer,
    party: Arc<Party>,
    stamp: Stamp,
    meter: Meter,
    limits: Limits,
    frames: Bucket,
    strikes: Bucket,
    transactions: Transactions,
    stage: Stage,
}

/// What one session may do at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Requests and keepalives.
    pub(crate) requests: Rate,
    /// Largest frame, in bytes.
    pub(crate) frame_bytes: u32,
    /// What the state tells the client to keep.
    pub(crate) keepalive_interval: Duration,
}

/// How far the session has come.
#[derive(Debug)]
enum Stage {
    /// It waits for its state; what happens meanwhile is kept.
    Waiting(Vec<News>),
    /// It has its state, and has heard since.
    Serving(Heard),
}

impl Device {
    pub(crate) fn new(
        signer: Signer,
        party: Arc<Party>,
        stamp: Stamp,
        meter: Meter,
        limits: Limits,
    ) -> Self {
        Self {
            signer,
            party,
            stamp,
            meter,
            limits,
            frames: Bucket::full(limits.requests, 0),
            strikes: Bucket::full(STRIKES, 0),
            transactions: Transactions::default(),
            stage: Stage::Waiting(Vec::new()),
        }
    }

    pub(super) fn decide(&mut self, input: Input<'_>, now: Now, actions: &mut Actions) {
        match input {
            Input::Text(text) => self.hear(text, now, actions),
            Input::Binary(_) => {
                actions.tally.heard = Some(FrameIn::Malformed);
                actions.push(Action::Close(CloseReason::NotUnderstood));
            }
            Input::Outcome(outcome) => self.learn(outcome, actions),
            Input::News(news) => self.be_told(news, actions),
            // It joins and publishes nothing.
            Input::Answer(..) => {}
        }
    }

    pub(super) fn rebind(&mut self, tenancy: &Tenancy) -> Result<(), CloseReason> {
        self.signer = self.signer.in_force(tenancy)?;
        Ok(())
    }

    pub(super) fn bearer(&self) -> Bearer<'_> {
        Bearer {
            app: &self.party.app,
            subject: &self.party.user,
            stamp: &self.stamp,
        }
    }

    pub(super) const fn party(&self) -> &Arc<Party> {
        &self.party
    }

    pub(super) fn address(&self) -> Topic {
        self.party.address()
    }

    pub(super) const fn message_bytes_max(&self) -> u32 {
        self.limits.frame_bytes
    }

    /// After which silence of the client its session ends.
    pub(super) fn silence_max(&self) -> Duration {
        silence_max(self.limits.keepalive_interval)
    }

    fn hear(&mut self, text: &str, now: Now, actions: &mut Actions) {
        let frame = ClientFrame::decode(text);
        actions.tally.heard = Some(match &frame {
            Ok(ClientFrame::Keepalive) => FrameIn::Ping,
            Ok(ClientFrame::Request(_)) => FrameIn::Request,
            Err(_) => FrameIn::Malformed,
        });
        let in_time = self.frames.take(self.limits.requests, now.ms).is_ok();
        if !in_time && self.strikes.take(STRIKES, now.ms).is_err() {
            actions.tally.refused = Some(Refusal::Rate);
            return actions.push(Action::Close(CloseReason::OverMessageRate));
        }
        match frame {
            Ok(ClientFrame::Keepalive) => {
                actions.tally.said = Some(FrameOut::Pong);
                write(text, &mut actions.replies);
            }
            Ok(ClientFrame::Request(request)) => self.ask(request, in_time, now, actions),
            Err(FrameError::Refused {
                transaction,
                about,
                code,
                reason,
            }) => {
                let answer = Answer::Error { code, reason };
                let frame = answer.to_json(&transaction, &about);
                refuse(code, frame.as_str(), actions);
            }
            Err(FrameError::NotUnderstood(reason)) => {
                tracing::debug!(reason, "a device said what is no frame");
                actions.push(Action::Close(CloseReason::NotUnderstood));
            }
        }
    }

    fn ask(&mut self, request: Request, in_time: bool, now: Now, actions: &mut Actions) {
        match self.transactions.meet(&request.transaction) {
            Known::Answered(frame, verdict) => {
                actions.tally.said = Some(said(verdict));
                return write(frame, &mut actions.replies);
            }
            // It will be answered once.
            Known::UnderWay => return,
            Known::New => {}
        }
        let refused = if !in_time || self.transactions.is_full() {
            let reason = "too many requests, this one was not carried out";
            Some((Refusal::Rate, ErrorCode::RateLimited, reason))
        } else if self.spend(now) == Spend::Refused {
            let reason = "the app's messages of this period are used up";
            Some((Refusal::Messages, ErrorCode::OverMessageQuota, reason))
        } else {
            None
        };
        if let Some((limit, code, reason)) = refused {
            actions.tally.refused = Some(limit);
            let answer = Answer::Error { code, reason };
            let frame = answer.to_json(&request.transaction, &request.about());
            return refuse(code, frame.as_str(), actions);
        }
        self.transactions.begin(&request.transaction);
        actions.push(Action::Ask(request));
    }

    fn spend(&self, now: Now) -> Spend {
        let allowance = self.signer.app().plan.allowance();
        self.meter.spend(allowance, now.unix_s)
    }

    fn learn(&mut self, outcome: &Outcome, actions: &mut Actions) {
        match outcome {
            Outcome::Begun { frame, knows } => {
                actions.tally.said = Some(FrameOut::Welcome);
                write(frame.get(), &mut actions.replies);
                let serving = Stage::Serving(Heard::in_state(knows));
                if let Stage::Waiting(kept) = std::mem::replace(&mut self.stage, serving) {
                    kept.iter().for_each(|news| self.be_told(news, actions));
                }
            }
            Outcome::Failed => actions.push(Action::Close(CloseReason::BackendUnavailable)),
            Outcome::Answered {
                request,
                verdict,
                frame,
            } => {
                actions.tally.said = Some(said(*verdict));
                write(frame.get(), &mut actions.replies);
                self.transactions.finish(request, frame, *verdict);
            }
            Outcome::Said(frame) => {
                actions.tally.events += 1;
                write(frame.get(), &mut actions.replies);
            }
        }
    }

    /// What the session knows already, from its state or by newer news, is none.
    fn be_told(&mut self, news: &News, actions: &mut Actions) {
        match &mut self.stage {
            Stage::Waiting(kept) if kept.len() < NEWS_KEPT => kept.push(news.clone()),
            Stage::Waiting(_) => actions.push(Action::Close(CloseReason::SlowConsumer)),
            Stage::Serving(heard) => {
                let hearing = news.of.as_ref().map(|of| (heard.hear(of), of));
                if let Some((Hearing::Old, _)) = hearing {
                    return;
                }
                if let Some((Hearing::First, of)) = hearing {
                    actions.push(Action::Heard(Arc::clone(&of.record)));
                }
                actions.tally.events += 1;
                write(news.frame.get(), &mut actions.replies);
            }
        }
    }
}

/// The close frame for a reason; to a newcomer, too.
pub(crate) fn close_frame(reason: CloseReason) -> Vec<u8> {
    let mut frame = Vec::new();
    let code = CloseCode::from(reason).as_u16();
    websocket::close_frame(&mut frame, code, reason_text(reason));
    frame
}

const fn said(verdict: Verdict) -> FrameOut {
    match verdict {
        Verdict::Accepted => FrameOut::Ack,
        Verdict::Refused => FrameOut::Error,
    }
}

fn refuse(code: ErrorCode, frame: &str, actions: &mut Actions) {
    actions.tally.said = Some(FrameOut::Error);
    actions.tally.error = Some(ErrorLabel::Device(code));
    write(frame, &mut actions.replies);
}

/// Appends one frame, whose JSON this is.
fn write(json: &str, out: &mut Vec<u8>) {
    websocket::text_frame(out, |frame| frame.extend_from_slice(json.as_bytes()));
}

#[cfg(test)]
mod tests;
