//! What is asked of a call that exists (spec device §3.1).

use cluster::records::RecordVersion;
use protocol::AppId;
use protocol::device::{About, CallAsk, CallId, ErrorCode, Json, What};

use super::board::{Board, Denied, Replies};
use super::call::{Call, Role, Stage};
use super::fold::IsLast;
use super::store::{Read, StoreError, attempts};
use super::tell::event;
use super::transitions::{Applied, Refusal, Request};
use super::who::Who;
use crate::lane::unix_now;

/// The end of candidates: a `null` breaks the client (spec device §3.3).
const COMPLETED: &str = r#"{"completed":true}"#;

impl Board {
    /// Executes a request of a call. Returns the call if the device is in it still.
    pub(super) async fn ask(
        &self,
        who: &Who,
        line: u8,
        id: &CallId,
        ask: CallAsk,
        replies: &mut Replies<'_>,
    ) -> Result<Option<CallId>, Denied> {
        let request = match ask {
            CallAsk::Outgoing { number, jsep } => {
                return self.place(who, line, id, number, jsep.json, replies).await;
            }
            CallAsk::PeerMessage { kind, data } => {
                self.pass_message(who, line, id, kind, data, replies)
                    .await?;
                return Ok(None);
            }
            CallAsk::Accept { jsep } => Request::Accept(jsep),
            CallAsk::Decline => Request::Decline,
            CallAsk::Hangup => Request::HangUp,
            CallAsk::Update { jsep } => Request::Update(jsep),
            CallAsk::Hold { .. } => Request::Hold,
            CallAsk::Unhold => Request::Unhold,
        };
        self.change(who, line, id, request, replies).await
    }

    /// A candidate for the other side of the call on a line; `None` ends them.
    pub(super) async fn trickle(
        &self,
        who: &Who,
        line: u8,
        candidate: Option<Json>,
        replies: &mut Replies<'_>,
    ) -> Result<(), Denied> {
        let device = self
            .0
            .store
            .device(&who.app, &who.user, &who.device)
            .await?;
        let id = device.and_then(|read| read.value.hold(line).map(|hold| hold.call.clone()));
        let id = id.ok_or(WRONG_LINE)?;
        let (read, role) = self.of(who, line, &id).await?;
        if !read.value.holds(role) {
            return Err(GONE);
        }
        let is_last = if candidate.is_none() {
            IsLast::Yes
        } else {
            IsLast::No
        };
        let candidate = candidate.unwrap_or_else(completed);
        // Kept before it is told: whoever connects in between finds it in one place or in both.
        let store = &self.0.store;
        match store.add_candidate(&who.app, &id, role, &candidate).await {
            // What is too large to be kept reaches whoever is there.
            Ok(()) | Err(StoreError::Full) => {}
            Err(error @ StoreError::Unavailable) => return Err(error.into()),
        }
        replies.ack();
        if role == Role::Caller && self.0.held.keeps(&who.app, &id, is_last) {
            return Ok(());
        }
        for peer in read.value.peers(role).collect::<Vec<_>>() {
            let leg = read.value.leg(peer);
            let what = What::IceTrickle {
                candidate: candidate.clone(),
            };
            let event = event(About::line(leg.line), what);
            self.send(&who.app, leg, event, None).await;
        }
        Ok(())
    }

    /// Changes a call that nobody in particular asked about, and tells everybody in it.
    pub(super) async fn intervene(
        &self,
        app: &AppId,
        id: &CallId,
        change: impl Fn(&mut Call) -> Applied + Send + Sync,
    ) -> Result<(), StoreError> {
        for _ in attempts() {
            let Some(Read { mut value, version }) = self.0.store.call(app, id).await? else {
                return Ok(());
            };
            let applied = change(&mut value);
            if !applied.changed {
                return Ok(());
            }
            if let Some(version) = self.0.store.replace_call(app, &value, version).await? {
                self.count_end(&value);
                self.announce(app, &value, version);
                self.spread(app, &value, version, applied.told, None).await;
                return Ok(());
            }
        }
        Err(StoreError::Unavailable)
    }

    async fn change(
        &self,
        who: &Who,
        line: u8,
        id: &CallId,
        request: Request,
        replies: &mut Replies<'_>,
    ) -> Result<Option<CallId>, Denied> {
        let now_ms = unix_ms();
        for _ in attempts() {
            let (mut read, role) = self.of(who, line, id).await?;
            let applied = read.value.apply(role, request.clone(), now_ms)?;
            let version = if applied.changed {
                let replaced = self
                    .0
                    .store
                    .replace_call(&who.app, &read.value, read.version);
                replaced.await?
            } else {
                Some(read.version)
            };
            if let Some(version) = version {
                let has_changed = applied.changed;
                self.answer(who, role, &read.value, version, applied, replies)
                    .await;
                if has_changed {
                    self.count_end(&read.value);
                    self.announce(&who.app, &read.value, version);
                }
                return Ok(read.value.holds(role).then(|| id.clone()));
            }
        }
        Err(StoreError::Unavailable.into())
    }

    /// The one who asked first, at once after the change, then the others.
    async fn answer(
        &self,
        who: &Who,
        role: Role,
        call: &Call,
        version: RecordVersion,
        applied: Applied,
        replies: &mut Replies<'_>,
    ) {
        replies.ack();
        let own = applied.told.iter().filter(|(told, _)| *told == role);
        for (_, what) in own {
            let about = About::call(call.leg(role).line, call.id.clone());
            replies.say(&event(about, what.clone()));
        }
        self.spread(&who.app, call, version, applied.told, Some(role))
            .await;
    }

    async fn pass_message(
        &self,
        who: &Who,
        line: u8,
        id: &CallId,
        kind: Json,
        data: Json,
        replies: &mut Replies<'_>,
    ) -> Result<(), Denied> {
        let (read, role) = self.of(who, line, id).await?;
        if !read.value.holds(role) {
            return Err(GONE);
        }
        replies.ack();
        for peer in read.value.peers(role).collect::<Vec<_>>() {
            let leg = read.value.leg(peer);
            let what = What::PeerMessage {
                sender: who.number.clone(),
                kind: kind.clone(),
                data: data.clone(),
            };
            let event = event(About::call(leg.line, id.clone()), what);
            self.send(&who.app, leg, event, None).await;
        }
        Ok(())
    }

    /// A call, and the device's place in it.
    async fn of(&self, who: &Who, line: u8, id: &CallId) -> Result<(Read<Call>, Role), Denied> {
        let read = self.0.store.call(&who.app, id).await?.ok_or(GONE)?;
        let role = read
            .value
            .role_of(&who.user, &who.device)
            .ok_or(WRONG_LINE)?;
        if read.value.leg(role).line != line {
            return Err(WRONG_LINE);
        }
        Ok((read, role))
    }

    /// Counts a call that has just ended.
    pub(super) fn count_end(&self, call: &Call) {
        if let Stage::Ended(end) = call.stage {
            self.0.metrics.ended.count(end.into());
        }
    }
}

pub(super) const WRONG_LINE: Denied = Denied {
    code: ErrorCode::WrongLine,
    reason: "call request on wrong line",
};

pub(super) const GONE: Denied = Denied {
    code: ErrorCode::CallGone,
    reason: "the call has ended",
};

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        let reason = match refusal {
            Refusal::Gone => "the call has ended, or another device has answered it",
            Refusal::WrongState => "not possible at this point of the call",
            Refusal::UnexpectedAnswer => "an answer without an offer",
        };
        Self {
            code: refusal.code(),
            reason,
        }
    }
}

fn completed() -> Json {
    serde_json::from_str(COMPLETED).expect("it is JSON")
}

/// Unix time, in milliseconds.
pub(super) fn unix_ms() -> u64 {
    u64::try_from(unix_now().as_millis()).unwrap_or(u64::MAX)
}
