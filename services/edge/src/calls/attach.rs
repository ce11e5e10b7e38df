//! What a device finds at its connect: its lines, with the calls on them.

use cluster::Moment;
use cluster::records::RecordsError;
use protocol::device::{About, CallId, Event, LineState, What};
use protocol::{AppId, DeviceId, PeerId};

use super::Party;
use super::ask::unix_ms;
use super::attendant::Attendant;
use super::board::Board;
use super::call::{Call, Role};
use super::device::Hold;
use super::store::{Read, StoreError};
use super::tell::{event, moment};
use super::who::Who;

/// What a device finds.
#[derive(Debug)]
pub(super) struct Found {
    /// Its lines.
    pub(super) lines: Vec<Option<LineState>>,
    /// Which states of its calls the lines speak of.
    pub(super) knows: Vec<Moment>,
    /// What follows the state: what the other sides have said meanwhile.
    pub(super) missed: Vec<Event>,
    /// Who serves the session from now on.
    pub(super) attendant: Attendant,
}

impl Board {
    /// Takes note of a device that has a session now, whose topic is heard already.
    ///
    /// # Errors
    /// The shared state could not be read or changed.
    pub(super) async fn attach(&self, party: &Party) -> Result<Found, StoreError> {
        let (number, name) = (party.number.as_ref(), party.name.as_deref());
        let numbers = &self.0.numbers;
        let shown = numbers.introduce(&party.app, &party.user, number, name);
        let shown = shown.await?;
        let who = Who {
            app: party.app.clone(),
            user: party.user.clone(),
            device: party.device.clone(),
            number: shown.number,
            name: shown.name,
        };
        let (now_ms, store) = (unix_ms(), &self.0.store);
        let known = store.device(&who.app, &who.user, &who.device).await?;
        let known = known.map(|read| read.value).unwrap_or_default();
        let mut found = Vec::new();
        let mut over = Vec::new();
        for (line, hold) in known.holds() {
            match self
                .on_line(&who.app, &who.user, &who.device, line, hold)
                .await?
            {
                OnLine::Live(read, role) => found.push((line, *read, role)),
                OnLine::Free => over.push(hold.clone()),
                OnLine::Claimed => {}
            }
        }
        let noted = store.change_device(&who.app, &who.user, &who.device, |device| {
            for place in &mut device.lines {
                if place.as_ref().is_some_and(|hold| over.contains(hold)) {
                    *place = None;
                }
            }
            device.resize(party.lines);
            // Another value each time, so that whoever cleans up after an earlier session finds a newer version.
            device.attached_ms = now_ms.max(device.attached_ms + 1);
        });
        let noted = noted.await?;
        let count = noted.lines.len();

        let mut found_here = Found {
            lines: vec![None; count],
            knows: Vec::new(),
            missed: Vec::new(),
            attendant: Attendant::new(self.clone(), who.clone(), noted.attached_ms, party.fence),
        };
        for (line, read, role) in found {
            let Read {
                value: call,
                version,
            } = read;
            found_here.knows.push(moment(&call.id, version));
            found_here
                .missed
                .extend(self.candidates_for(&who, &call, role).await?);
            found_here.lines[usize::from(line)] = Some(line_state(&call, role));
            found_here.attendant.watch(call.id);
        }
        let seen = self.watched_by(found_here.attendant.who()).await?;
        found_here.missed.extend(seen);
        Ok(found_here)
    }

    /// What the other sides of a call have trickled so far.
    async fn candidates_for(
        &self,
        who: &Who,
        call: &Call,
        role: Role,
    ) -> Result<Vec<Event>, StoreError> {
        let mut events = Vec::new();
        for peer in call.peers(role).collect::<Vec<_>>() {
            let candidates = self.0.store.candidates(&who.app, &call.id, peer).await?;
            let line = call.leg(role).line;
            events.extend(candidates.into_iter().map(|candidate| {
                let what = What::IceTrickle { candidate };
                event(About::line(line), what)
            }));
        }
        Ok(events)
    }

    /// What has become of the call on a line.
    pub(super) async fn on_line(
        &self,
        app: &AppId,
        user: &PeerId,
        device: &DeviceId,
        line: u8,
        hold: &Hold,
    ) -> Result<OnLine, StoreError> {
        let now_ms = unix_ms();
        let Some(read) = self.0.store.call(app, &hold.call).await? else {
            return Ok(if hold.is_young(now_ms) {
                OnLine::Claimed
            } else {
                OnLine::Free
            });
        };
        let role = read.value.role_of(user, device);
        let role =
            role.filter(|role| read.value.holds(*role) && read.value.leg(*role).line == line);
        let Some(role) = role else {
            return Ok(OnLine::Free);
        };
        if self.is_overdue(&read.value, now_ms) {
            // Whoever should have ended it is gone.
            self.intervene(app, &hold.call, Call::ring_out).await?;
            return Ok(OnLine::Free);
        }
        Ok(OnLine::Live(Box::new(read), role))
    }
}

/// What a line's call is.
pub(super) enum OnLine {
    /// It goes on, and the device is in it.
    Live(Box<Read<Call>>, Role),
    /// It is about to be placed.
    Claimed,
    /// Over.
    Free,
}

fn line_state(call: &Call, role: Role) -> LineState {
    let about = About::call(call.leg(role).line, call.id.clone());
    let entries = call.log(role).into_iter();
    LineState {
        call_id: call.id.clone(),
        call_logs: entries
            .map(|(at_ms, what)| event(about.clone(), what).to_log(at_ms))
            .collect(),
    }
}

/// The calls that a line may point to, without their places.
pub(super) fn ids<'a>(holds: impl Iterator<Item = (u8, &'a Hold)>) -> Vec<CallId> {
    holds.map(|(_, hold)| hold.call.clone()).collect()
}

impl From<RecordsError> for super::board::Denied {
    fn from(error: RecordsError) -> Self {
        StoreError::from(error).into()
    }
}
