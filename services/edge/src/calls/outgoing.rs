//! Placing a call: whom a number means, at which devices it rings, and telling them (spec device §3.5).
//!
//! Lines are claimed before the call is written, so that whoever reads the call finds it on the lines that it names. A call
//! that cannot ring is written too, ended: the caller may ask twice, and is told the same.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use cluster::Unavailable;
use cluster::records::RecordVersion;
use protocol::device::{About, CallId, ErrorCode, Json, Number, What};
use protocol::{AppId, DeviceId, PeerId};
use tokio::task::JoinSet;

use super::ask::{WRONG_LINE, unix_ms};
use super::attach::OnLine;
use super::board::{Board, Denied, Replies};
use super::call::{Call, End, Leg, Role, Stage};
use super::device::Device;
use super::numbers::Entry;
use super::push::PushToken;
use super::store::{Read, StoreError, attempts};
use super::tell::{event, moment};
use super::transitions::hangup;
use super::wake::WakeUp;
use super::who::{Who, lease_key, topic};

/// Devices of one user that a call rings at: those that came last.
const DEVICES_MAX: usize = 16;
/// The line that a missed call is told on: it was on none, and clients want a number.
const MISSED_LINE: u8 = 0;

/// The devices of a callee.
#[derive(Debug, Default)]
struct Gathered {
    /// Where it rings, and how each is reached.
    ringing: Vec<(Leg, Reach)>,
    /// Without a free line.
    busy: Vec<Leg>,
}

/// How a device is reached.
#[derive(Clone, Debug)]
pub(super) struct Reach {
    is_attached: bool,
    push: Vec<PushToken>,
}

/// A device that is being told.
type Telling = Pin<Box<dyn Future<Output = Result<usize, Unavailable>> + Send>>;

impl Board {
    /// Places a call. Returns it if it rings.
    pub(super) async fn place(
        &self,
        who: &Who,
        line: u8,
        id: &CallId,
        number: Number,
        offer: Json,
        replies: &mut Replies<'_>,
    ) -> Result<Option<CallId>, Denied> {
        let store = &self.0.store;
        if let Some(read) = store.call(&who.app, id).await? {
            return placed_before(who, line, &read.value, replies);
        }
        self.claim_own(who, line, id).await?;
        let holder = self.0.numbers.holder(&who.app, &number);
        let holder = holder.await.map_err(StoreError::from)?;
        let gathered = match &holder {
            Some(entry) => self.gather(who, entry, &number, id).await?,
            None => Gathered::default(),
        };
        let stage = match (
            &holder,
            gathered.ringing.is_empty(),
            gathered.busy.is_empty(),
        ) {
            (None, ..) => Stage::Ended(End::Unknown),
            (Some(_), false, _) => Stage::Ringing,
            (Some(_), true, false) => Stage::Ended(End::Busy),
            (Some(_), true, true) => Stage::Ended(End::Unavailable),
        };
        let (callees, reaches): (Vec<_>, Vec<_>) = gathered.ringing.into_iter().unzip();
        let call = Call {
            id: id.clone(),
            caller: who.leg(line),
            callee: number,
            callees,
            offer,
            began_ms: unix_ms(),
            stage,
        };
        let Some(version) = store.create_call(&who.app, &call).await? else {
            // The same request over another socket, or somebody else's call.
            let read = store.call(&who.app, id).await?;
            let read = read.ok_or(StoreError::Unavailable)?;
            return placed_before(who, line, &read.value, replies);
        };
        self.0.metrics.placed.inc();
        self.announce(&who.app, &call, version);
        let about = About::call(line, id.clone());
        replies.ack();
        replies.say(&event(about.clone(), What::Calling));
        if let Stage::Ended(end) = call.stage {
            self.count_end(&call);
            replies.say(&event(about, hangup(end)));
            self.tell_missed(&who.app, &call, gathered.busy).await;
            return Ok(None);
        }
        if self.0.folds {
            self.ring_folded(who.app.clone(), id.clone(), reaches);
        } else {
            self.ring(who.app.clone(), call, version, reaches).await;
        }
        Ok(Some(id.clone()))
    }

    /// Takes the line that the caller names.
    async fn claim_own(&self, who: &Who, line: u8, id: &CallId) -> Result<(), Denied> {
        for _ in attempts() {
            let store = &self.0.store;
            let read = store.device(&who.app, &who.user, &who.device).await?;
            let Read { mut value, version } = read.ok_or(WRONG_LINE)?;
            if usize::from(line) >= value.lines.len() {
                return Err(WRONG_LINE);
            }
            if !self
                .is_free(&who.app, &who.user, &who.device, &value, line, id)
                .await?
            {
                return Err(Denied {
                    code: ErrorCode::WrongLine,
                    reason: "another call is on this line",
                });
            }
            value.occupy(line, id, unix_ms());
            let replaced =
                store.replace_device(&who.app, &who.user, &who.device, &value, Some(version));
            if replaced.await? {
                return Ok(());
            }
        }
        Err(StoreError::Unavailable.into())
    }

    /// Takes a line of every device of the callee that can be reached.
    async fn gather(
        &self,
        who: &Who,
        entry: &Entry,
        number: &Number,
        id: &CallId,
    ) -> Result<Gathered, StoreError> {
        let store = &self.0.store;
        let mut devices = store.devices(&who.app, &entry.user).await?;
        devices.retain(|(device, _)| entry.user != who.user || *device != who.device);
        devices.sort_by_key(|(_, read)| std::cmp::Reverse(read.value.attached_ms));
        devices.truncate(DEVICES_MAX);
        let mut gathered = Gathered::default();
        for (device, read) in devices {
            let key = lease_key(&who.app, &entry.user, &device);
            let is_attached = self.0.leases.holder(&key).await?.is_some();
            let push = self.0.wake.usable(&read.value.push);
            if !is_attached && push.is_empty() {
                // Left by an edge that could not clean up; it may be back before this is done, and then stays.
                self.forget_if_idle(&who.app, &entry.user, &device, read)
                    .await;
                continue;
            }
            let mut leg = Leg {
                user: entry.user.clone(),
                device,
                line: MISSED_LINE,
                number: number.clone(),
                name: entry.name.clone(),
                has_left: false,
            };
            match self.claim_any(&who.app, &leg, read, id).await? {
                Some(line) => {
                    leg.line = line;
                    gathered.ringing.push((leg, Reach { is_attached, push }));
                }
                None => gathered.busy.push(leg),
            }
        }
        Ok(gathered)
    }

    /// Takes the first free line of a device; `None` if there is none.
    async fn claim_any(
        &self,
        app: &AppId,
        leg: &Leg,
        mut read: Read<Device>,
        id: &CallId,
    ) -> Result<Option<u8>, StoreError> {
        for _ in attempts() {
            let Some(line) = self.free_line(app, leg, &read.value, id).await? else {
                return Ok(None);
            };
            read.value.occupy(line, id, unix_ms());
            let (value, version) = (&read.value, Some(read.version));
            let store = &self.0.store;
            if store
                .replace_device(app, &leg.user, &leg.device, value, version)
                .await?
            {
                return Ok(Some(line));
            }
            match store.device(app, &leg.user, &leg.device).await? {
                Some(newer) => read = newer,
                None => return Ok(None),
            }
        }
        Err(StoreError::Unavailable)
    }

    async fn free_line(
        &self,
        app: &AppId,
        leg: &Leg,
        device: &Device,
        id: &CallId,
    ) -> Result<Option<u8>, StoreError> {
        for line in 0..u8::try_from(device.lines.len()).unwrap_or(u8::MAX) {
            if self
                .is_free(app, &leg.user, &leg.device, device, line, id)
                .await?
            {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }

    async fn is_free(
        &self,
        app: &AppId,
        user: &PeerId,
        device: &DeviceId,
        known: &Device,
        line: u8,
        id: &CallId,
    ) -> Result<bool, StoreError> {
        match known.hold(line) {
            None => Ok(true),
            // An earlier attempt at this very call.
            Some(hold) if hold.call == *id => Ok(true),
            Some(hold) => {
                let found = self.on_line(app, user, device, line, hold).await?;
                Ok(matches!(found, OnLine::Free))
            }
        }
    }

    /// Tells every device that it rings, and the caller as soon as one has heard it.
    pub(super) async fn ring(
        &self,
        app: AppId,
        call: Call,
        version: RecordVersion,
        reaches: Vec<Reach>,
    ) {
        let mut reached = JoinSet::new();
        let what = call.incoming();
        for (callee, reach) in reaches.iter().enumerate() {
            let leg = &call.callees[callee];
            let about = About::call(leg.line, call.id.clone());
            let event = event(about, what.clone());
            if reach.is_attached {
                let telling = self.tell(
                    topic(&app, &leg.user, &leg.device),
                    &event,
                    Some(moment(&call.id, version)),
                );
                let mut telling: Telling = Box::pin(telling);
                // Polled once here, and so put in line before the candidates that the caller sends next.
                let first = poll_fn(|context| Poll::Ready(telling.as_mut().poll(context))).await;
                match first {
                    Poll::Ready(told) => reached.spawn(async move { (callee, told) }),
                    Poll::Pending => reached.spawn(async move { (callee, telling.await) }),
                };
            } else {
                reached.spawn(async move { (callee, Ok(0)) });
            }
        }
        let board = self.clone();
        let follow = async move {
            let mut rings = false;
            while let Some(Ok((callee, told))) = reached.join_next().await {
                let is_awake = told.is_ok_and(|edges| edges > 0);
                let push = &reaches[callee].push;
                // Also a device whose session nobody heard from just now: it may be one whose edge has died.
                let is_woken = !is_awake && !push.is_empty();
                if is_woken {
                    board.wake_up(&app, &call, callee, push).await;
                }
                if (is_awake || is_woken) && !rings {
                    rings = true;
                    let about = About::call(call.caller.line, call.id.clone());
                    let ringing = event(about, What::Ringing);
                    let of = Some(moment(&call.id, version));
                    board.send(&app, &call.caller, ringing, of).await;
                }
            }
        };
        self.0.tasks.spawn(follow);
    }

    async fn wake_up(&self, app: &AppId, call: &Call, callee: usize, push: &[PushToken]) {
        let role = Role::Callee(callee);
        match self.0.store.begin_wake(app, &call.id, role).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                return tracing::warn!(%error, call = %call.id, "a device could not be woken");
            }
        }
        let leg = call.leg(role);
        let sdp = call.offer.as_str();
        self.0.wake.send(WakeUp {
            app: app.clone(),
            user: leg.user.clone(),
            device: leg.device.clone(),
            tokens: push.to_vec(),
            call: call.id.clone(),
            caller: call.caller.number.clone(),
            caller_name: call.caller.name.clone(),
            has_video: sdp.contains("m=video"),
        });
    }

    async fn tell_missed(&self, app: &AppId, call: &Call, busy: Vec<Leg>) {
        for leg in busy {
            let what = What::MissedCall {
                callee: call.callee.clone(),
                caller: call.caller.number.clone(),
                caller_display_name: call.caller.name.clone(),
            };
            let about = About::call(MISSED_LINE, call.id.clone());
            self.send(app, &leg, event(about, what), None).await;
        }
    }
}

/// The request was made before, perhaps over another socket.
fn placed_before(
    who: &Who,
    line: u8,
    call: &Call,
    replies: &mut Replies<'_>,
) -> Result<Option<CallId>, Denied> {
    if call.role_of(&who.user, &who.device) != Some(Role::Caller) || call.caller.line != line {
        return Err(Denied {
            code: ErrorCode::InvalidElement,
            reason: "another call has this call_id",
        });
    }
    replies.ack();
    let Stage::Ended(end) = call.stage else {
        return Ok(Some(call.id.clone()));
    };
    let about = About::call(line, call.id.clone());
    replies.say(&event(about, hangup(end)));
    Ok(None)
}
