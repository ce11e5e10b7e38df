//! What requests and time do to a call.
//!
//! Each transition says who is told what; whoever asked hears the outcome too. A request that was made before changes
//! nothing and tells only the one who asks again (spec device §2.3), so that a client may repeat it on another socket.

use protocol::device::{ErrorCode, Jsep, JsepKind, Json, What};

use super::call::{Call, End, Pending, Role, Stage};

/// What somebody in a call wants.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    /// Take it.
    Accept(Jsep),
    /// Not take it.
    Decline,
    /// End it.
    HangUp,
    /// Offer something new, or answer such an offer.
    Update(Jsep),
    /// Pause the sender's side.
    Hold,
    /// Go on.
    Unhold,
}

/// What a transition did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    /// Who is told what, in order.
    pub(crate) told: Vec<(Role, What)>,
    /// Whether the call is another one now.
    pub(crate) changed: bool,
}

/// Why a request was not executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The call is over, or another device has it.
    #[error("the call is gone")]
    Gone,
    /// The call is not where this makes sense.
    #[error("not possible at this point of the call")]
    WrongState,
    /// An answer without an offer.
    #[error("an answer without an offer")]
    UnexpectedAnswer,
}

impl Refusal {
    /// The code of the error answer (spec device §2.4).
    pub(crate) const fn code(self) -> ErrorCode {
        match self {
            Self::Gone => ErrorCode::CallGone,
            Self::UnexpectedAnswer => ErrorCode::UnsupportedJsep,
            Self::WrongState => ErrorCode::WrongState,
        }
    }
}

impl Call {
    /// Executes what `role` asks for.
    ///
    /// # Errors
    /// It cannot be done now; nothing has changed.
    pub(crate) fn apply(
        &mut self,
        role: Role,
        request: Request,
        now_ms: u64,
    ) -> Result<Applied, Refusal> {
        match request {
            Request::Accept(answer) => self.accept(role, answer.json, now_ms),
            Request::Decline => self.decline(role),
            Request::HangUp => Ok(self.hang_up(role)),
            Request::Update(jsep) => self.update(role, jsep, now_ms),
            Request::Hold => self.pause(role, What::Holding),
            Request::Unhold => self.pause(role, What::Resuming),
        }
    }

    /// A device that it should ring at cannot be reached.
    pub(crate) fn miss(&mut self, callee: usize) -> Applied {
        let mut applied = Applied::default();
        if self.stage != Stage::Ringing || self.callees[callee].has_left {
            return applied;
        }
        self.callees[callee].has_left = true;
        applied.changed = true;
        if self.callees.iter().all(|leg| leg.has_left) {
            self.end(End::Unavailable, &mut applied);
        }
        applied
    }

    /// Whoever sits there lost the connection and did not come back.
    pub(crate) fn abandon(&mut self, role: Role) -> Applied {
        let mut applied = Applied::default();
        match (&self.stage, role) {
            (Stage::Ended(_), _) => {}
            (Stage::Ringing, Role::Callee(callee)) => return self.miss(callee),
            (Stage::Ringing, Role::Caller) => self.end(End::Cancelled, &mut applied),
            (Stage::Talking { .. }, _) if self.holds(role) => self.end(End::Lost, &mut applied),
            (Stage::Talking { .. }, _) => {}
        }
        applied
    }

    /// Nobody has answered for long enough.
    pub(crate) fn ring_out(&mut self) -> Applied {
        let mut applied = Applied::default();
        if self.stage == Stage::Ringing {
            self.end(End::Unavailable, &mut applied);
        }
        applied
    }

    fn accept(&mut self, role: Role, answer: Json, now_ms: u64) -> Result<Applied, Refusal> {
        let Role::Callee(callee) = role else {
            return Err(Refusal::WrongState);
        };
        match self.stage {
            Stage::Ringing if !self.callees[callee].has_left => {}
            Stage::Talking { callee: taken, .. } if taken == callee => {
                return Ok(Applied::repeat(role, accepted()));
            }
            Stage::Ringing | Stage::Talking { .. } | Stage::Ended(_) => return Err(Refusal::Gone),
        }
        self.stage = Stage::Talking {
            callee,
            answer: answer.clone(),
            since_ms: now_ms,
            pending: None,
        };
        let mut applied = Applied {
            changed: true,
            ..Applied::default()
        };
        applied.tell(role, accepted());
        applied.tell(Role::Caller, self.accepted_with(answer));
        for other in (0..self.callees.len()).filter(|other| *other != callee) {
            if !self.callees[other].has_left {
                self.callees[other].has_left = true;
                let elsewhere = What::Hangup {
                    code: End::Cancelled.code(),
                    reason: "answered elsewhere".to_owned(),
                };
                applied.tell(Role::Callee(other), elsewhere);
            }
        }
        Ok(applied)
    }

    fn decline(&mut self, role: Role) -> Result<Applied, Refusal> {
        if role == Role::Caller {
            return Err(Refusal::WrongState);
        }
        if !self.holds(role) {
            return Ok(Applied::repeat(role, self.farewell()));
        }
        if self.stage != Stage::Ringing {
            return Err(Refusal::WrongState);
        }
        let mut applied = Applied::default();
        applied.tell(
            role,
            What::Declining {
                code: End::Declined.code(),
            },
        );
        self.end(End::Declined, &mut applied);
        Ok(applied)
    }

    fn hang_up(&mut self, role: Role) -> Applied {
        if !self.holds(role) {
            return Applied::repeat(role, self.farewell());
        }
        let end = match (&self.stage, role) {
            (Stage::Ringing, Role::Caller) => End::Cancelled,
            (Stage::Ringing, Role::Callee(_)) => End::Declined,
            (Stage::Talking { .. } | Stage::Ended(_), _) => End::HungUp,
        };
        let mut applied = Applied::default();
        applied.tell(role, What::Hangingup);
        self.end(end, &mut applied);
        applied
    }

    fn update(&mut self, role: Role, jsep: Jsep, now_ms: u64) -> Result<Applied, Refusal> {
        if !self.holds(role) {
            return Err(Refusal::Gone);
        }
        let Some(peer) = self.peers(role).next() else {
            return Err(Refusal::WrongState);
        };
        let (from, to) = (self.leg(role).clone(), self.leg(peer).number.clone());
        let Stage::Talking { pending, .. } = &mut self.stage else {
            return Err(Refusal::WrongState);
        };
        let offered_by = pending.as_ref().map(|pending| pending.by);
        let mut applied = Applied {
            changed: true,
            ..Applied::default()
        };
        applied.tell(role, What::Updating);
        match (jsep.kind, offered_by) {
            // Both sides at once: the later one waits for its own answer first.
            (JsepKind::Offer, Some(by)) if by != role => return Err(Refusal::WrongState),
            (JsepKind::Offer, _) => {
                *pending = Some(Pending {
                    by: role,
                    offer: jsep.json.clone(),
                    since_ms: now_ms,
                });
                applied.tell(
                    peer,
                    What::UpdatingCall {
                        callee: to,
                        caller: from.number,
                        caller_display_name: from.name,
                        jsep: Some(jsep.json),
                    },
                );
            }
            (JsepKind::Answer, Some(by)) if by == peer => {
                *pending = None;
                applied.tell(role, What::Updated);
                applied.tell(
                    peer,
                    What::Accepted {
                        callee: None,
                        jsep: Some(jsep.json),
                    },
                );
            }
            (JsepKind::Answer, _) => return Err(Refusal::UnexpectedAnswer),
        }
        Ok(applied)
    }

    /// Only the one who asks hears of it: a peer is told by an update, if the client makes one.
    fn pause(&self, role: Role, event: What) -> Result<Applied, Refusal> {
        match self.stage {
            Stage::Talking { .. } if self.holds(role) => Ok(Applied::repeat(role, event)),
            Stage::Ringing if self.holds(role) => Err(Refusal::WrongState),
            Stage::Ringing | Stage::Talking { .. } | Stage::Ended(_) => Err(Refusal::Gone),
        }
    }

    /// The caller's `accepted`.
    pub(super) fn accepted_with(&self, answer: Json) -> What {
        What::Accepted {
            callee: Some(self.callee.clone()),
            jsep: Some(answer),
        }
    }

    /// What is said to somebody who asks again after the end.
    fn farewell(&self) -> What {
        match self.stage {
            Stage::Ended(end) => hangup(end),
            Stage::Ringing | Stage::Talking { .. } => hangup(End::Cancelled),
        }
    }

    fn end(&mut self, end: End, applied: &mut Applied) {
        let present: Vec<Role> = self.present().collect();
        for role in present {
            // Devices that still rang hear that it rings no more, whatever the caller hears.
            let is_aside = self.stage == Stage::Ringing
                && role != Role::Caller
                && !applied.told.iter().any(|(told, _)| *told == role);
            let why = if is_aside { End::Cancelled } else { end };
            applied.tell(role, hangup(why));
        }
        self.callees.iter_mut().for_each(|leg| leg.has_left = true);
        self.caller.has_left = true;
        self.stage = Stage::Ended(end);
        applied.changed = true;
    }
}

/// To the one who accepted.
pub(super) const fn accepted() -> What {
    What::Accepted {
        callee: None,
        jsep: None,
    }
}

pub(super) fn hangup(end: End) -> What {
    What::Hangup {
        code: end.code(),
        reason: end.reason().to_owned(),
    }
}

impl Applied {
    fn repeat(role: Role, event: What) -> Self {
        Self {
            told: vec![(role, event)],
            changed: false,
        }
    }

    fn tell(&mut self, role: Role, event: What) {
        self.told.push((role, event));
    }
}
