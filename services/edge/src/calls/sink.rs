//! How the exchange speaks to one session of its own edge.

use std::sync::Arc;

use cluster::{Arrival, InboxHandle, Moment, Outcome, SessionId, Verdict};
use protocol::device::{Answer, ErrorCode, Event, Request, State};

use super::Shared;
use crate::metrics::ErrorLabel;

/// The way to one session, through its lane's inbox. What is said is queued at once, in order.
#[derive(Clone, Debug)]
pub(crate) struct Sink {
    inbox: InboxHandle,
    session: SessionId,
    exchange: Arc<Shared>,
    /// Whether the request that is carried out has its answer.
    answered: bool,
}

impl Sink {
    pub(super) const fn new(inbox: InboxHandle, session: SessionId, exchange: Arc<Shared>) -> Self {
        Self {
            inbox,
            session,
            exchange,
            answered: false,
        }
    }

    /// The request is being carried out.
    pub(crate) fn ack(&mut self, request: &Request) {
        self.answer(request, &Answer::Ack, Verdict::Accepted);
    }

    /// The request is not carried out.
    pub(crate) fn refuse(&mut self, request: &Request, code: ErrorCode, reason: &'static str) {
        let errors = &self.exchange.metrics.device.errors;
        errors.count(ErrorLabel::Device(code));
        self.answer(request, &Answer::Error { code, reason }, Verdict::Refused);
    }

    /// Something that the session's own request led to.
    pub(crate) fn event(&self, event: &Event) {
        self.say(Outcome::Said((&event.to_json()).into()));
    }

    pub(super) fn state(&self, state: &State, knows: Vec<Moment>) {
        let frame = (&state.to_json()).into();
        self.say(Outcome::Begun { frame, knows });
    }

    pub(super) fn failed(&self) {
        self.say(Outcome::Failed);
    }

    /// Whether there was an answer since this was last asked.
    pub(super) const fn take_answered(&mut self) -> bool {
        std::mem::replace(&mut self.answered, false)
    }

    fn answer(&mut self, request: &Request, answer: &Answer, verdict: Verdict) {
        debug_assert!(!self.answered, "a request is answered once");
        self.answered = true;
        let frame = answer.to_json(&request.transaction, &request.about());
        self.say(Outcome::Answered {
            request: request.transaction.as_str().into(),
            verdict,
            frame: (&frame).into(),
        });
    }

    fn say(&self, outcome: Outcome) {
        self.inbox.push(Arrival::Outcome(self.session, outcome));
    }
}
