//! What can happen: connects, answers, evictions, audits, clean-ups, and the faults of edges, messages and Redis.
//!
//! The rules are those of the scripts and of an edge; each can be taken away ([`Rules`]), to see what it is good for.

use crate::world::{
    End, Fence, Holder, Leadership, Phase, Record, Running, SESSIONS, Session, World,
};

/// How the lease is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) fencing: Fencing,
    pub(crate) clean_up: CleanUp,
    pub(crate) audits: Audits,
    pub(crate) welcome: Welcome,
    /// By how many microseconds the second Redis node's clock is behind.
    pub(crate) drift: Fence,
    /// Freezes, kills and failovers in one behaviour.
    pub(crate) faults: u8,
    /// Grants in one behaviour, to new sessions or again.
    pub(crate) grants: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fencing {
    /// max(stored + 1, the clock of Redis, what the edge has seen + 1).
    Clock,
    /// stored + 1.
    Counter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CleanUp {
    /// Removes the lease only of the session and fence that it is for.
    Compared,
    Blind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audits {
    Done,
    Omitted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Welcome {
    /// A session whose claim was beaten before its answer came does not begin.
    Checked,
    Blind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// A client connects, and its edge's attach runs in Redis.
    Connect(Session, usize, Manners),
    /// The answer reaches the edge: the session serves, and the one before it is told.
    Answer(Session),
    /// The answer is lost, and the edge asks again for the same session.
    Repeat(Session),
    /// The answer is lost for good; the client is sent away.
    LoseAnswer(Session),
    /// The client goes.
    Leave(Session),
    CleanUp(Session),
    LoseCleanUp(Session),
    /// The eviction of the first by the second arrives, and may arrive again.
    Deliver(Session, Session),
    /// The edge sees a frame of the session that serves on the other one.
    Hear(usize),
    /// The edge compares its lease with the record, and re-asserts it or learns that it is lost.
    Audit(usize),
    Replicate,
    /// The replica leads, with whatever had reached it.
    FailOver,
    /// The node that led before learns of it, and takes over the new leader's data.
    Demote,
    /// The edge's connections move to the new leader.
    Relink(usize),
    Freeze(usize),
    Lapse(usize),
    Thaw(usize),
    /// Killed and started again.
    Kill(usize),
    /// Faults end; what is on its way arrives all the same, or never.
    Heal(Mail),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Manners {
    /// Takes the lease from whoever has it.
    Evict,
    /// Only if no live session has it.
    Refuse,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mail {
    Kept,
    Lost,
}

/// Everything that might happen in `world`; some of it would change nothing.
pub(crate) fn possible(world: &World, steps: &mut Vec<Step>) {
    for (session, phase) in world.sessions.iter().enumerate() {
        if *phase == Phase::Absent {
            // Who has not come yet comes after the others.
            if !world.healed {
                connects(session, steps);
            }
            break;
        }
        possible_of_session(world, session, steps);
    }
    for edge in 0..2 {
        possible_of_edge(world, edge, steps);
    }
    match world.leadership {
        Leadership::First if world.faults_left > 0 => {
            steps.extend([Step::Replicate, Step::FailOver]);
        }
        Leadership::Both => steps.push(Step::Demote),
        Leadership::First | Leadership::Second => {}
    }
    if !world.healed {
        steps.extend([Step::Heal(Mail::Kept), Step::Heal(Mail::Lost)]);
    }
}

fn connects(session: Session, steps: &mut Vec<Step>) {
    // The first edge to be connected to is called the first one.
    for edge in 0..=usize::from(session > 0) {
        steps.push(Step::Connect(session, edge, Manners::Evict));
        steps.push(Step::Connect(session, edge, Manners::Refuse));
    }
}

fn possible_of_session(world: &World, session: Session, steps: &mut Vec<Step>) {
    match world.sessions[session] {
        Phase::Asking(..) => {
            steps.push(Step::Answer(session));
            if !world.healed {
                steps.extend([Step::Repeat(session), Step::LoseAnswer(session)]);
            }
        }
        Phase::Serving(_) if !world.healed => steps.push(Step::Leave(session)),
        Phase::Ending(..) => {
            steps.push(Step::CleanUp(session));
            if !world.healed {
                steps.push(Step::LoseCleanUp(session));
            }
        }
        Phase::Serving(_) | Phase::Absent | Phase::Ended(_) => {}
    }
    for winner in 0..SESSIONS {
        if world.evictions[session][winner].is_some() {
            steps.push(Step::Deliver(session, winner));
        }
    }
}

fn possible_of_edge(world: &World, edge: usize, steps: &mut Vec<Step>) {
    match world.edges[edge].running {
        Running::Frozen | Running::Lapsed => {
            steps.push(Step::Thaw(edge));
            if !world.healed {
                steps.push(Step::Lapse(edge));
            }
        }
        Running::Up | Running::Thawed | Running::Restarted => {
            steps.extend([Step::Hear(edge), Step::Audit(edge), Step::Relink(edge)]);
            if world.faults_left > 0 {
                steps.extend([Step::Freeze(edge), Step::Kill(edge)]);
            }
        }
    }
}

impl Rules {
    /// The world after `step`; nothing if it cannot happen or changes nothing.
    pub(crate) fn after(&self, world: &World, step: Step) -> Option<World> {
        let mut next = *world;
        self.take(&mut next, step)?;
        next.forget();
        (next != *world).then_some(next)
    }

    fn take(&self, world: &mut World, step: Step) -> Option<()> {
        match step {
            Step::Connect(session, edge, manners) => {
                world.doors[session] = edge;
                self.attach(world, session, manners)
            }
            Step::Repeat(session) => self.repeat(world, session),
            Step::Answer(session) => self.answer(world, session),
            Step::LoseAnswer(session) => world.lose_answer(session),
            Step::Leave(session) => world.leave(session),
            Step::CleanUp(session) => self.clean_up(world, session),
            Step::LoseCleanUp(session) => world.lose_clean_up(session),
            Step::Deliver(session, winner) => world.deliver(session, winner),
            Step::Hear(edge) => world.hear_of_others(edge),
            Step::Audit(edge) => match self.audits {
                Audits::Done => world.audit(edge),
                Audits::Omitted => None,
            },
            Step::Replicate => world.replicate(),
            Step::FailOver => world.fail_over(),
            Step::Demote => world.demote(),
            Step::Relink(edge) => world.relink(edge),
            Step::Freeze(edge) => world.fault(edge, Running::Frozen),
            Step::Kill(edge) => world.fault(edge, Running::Restarted),
            Step::Lapse(edge) => world.advance(edge, &[Running::Frozen], Running::Lapsed),
            Step::Thaw(edge) => {
                world.advance(edge, &[Running::Frozen, Running::Lapsed], Running::Thawed)
            }
            Step::Heal(mail) => {
                world.healed = true;
                world.faults_left = 0;
                if mail == Mail::Lost {
                    world.evictions = Default::default();
                }
                Some(())
            }
        }
    }

    /// The attach script.
    fn attach(&self, world: &mut World, session: Session, manners: Manners) -> Option<()> {
        let edge = world.doors[session];
        let node = world.works_on(edge)?;
        let previous = match world.nodes[node].holder {
            Holder::Held(holder) if holder != session && !world.is_dead(holder) => Some(holder),
            Holder::Held(_) | Holder::Nobody | Holder::Left(_) => None,
        };
        if manners == Manners::Refuse && previous.is_some() {
            world.sessions[session] = Phase::Ended(End::Refused);
            return Some(());
        }
        if world.history.grants == self.grants {
            return None;
        }
        let fence = self.next_fence(world, edge, node);
        self.remember(world, fence, session);
        world.nodes[node] = Record {
            fence,
            holder: Holder::Held(session),
        };
        world.sessions[session] = Phase::Asking(fence, previous);
        Some(())
    }

    fn next_fence(&self, world: &World, edge: usize, node: usize) -> Fence {
        let after_stored = world.nodes[node].fence + 1;
        // A script takes longer than a microsecond, so no two on one clock see the same one.
        let now = world.history.grants + 1;
        let clock = if node == 0 { now + self.drift } else { now };
        let floor = world.edges[edge].seen.map_or(0, |(fence, ..)| fence);
        match self.fencing {
            Fencing::Clock => after_stored.max(clock).max(floor + 1),
            Fencing::Counter => after_stored,
        }
    }

    fn remember(&self, world: &mut World, fence: Fence, session: Session) {
        let claim = world.claim(fence, session);
        let before = world.sessions[session];
        let history = &mut world.history;
        let apart = if self.drift == 0 {
            history.earlier.max(history.last)
        } else {
            history.earlier
        };
        history.untimely |= history.grants > 0 && fence <= apart;
        history.repeated |= matches!(before, Phase::Asking(earlier, _) if earlier == fence);
        history.earlier = history.earlier.max(history.last);
        history.last = fence;
        history.grants += 1;
        history.greatest = history.greatest.max(Some(claim));
    }

    /// Where clocks step back, the very same claim may be granted twice, to the same session: harmless,
    /// but no subject of the property; so the step exists only where clocks agree.
    fn repeat(&self, world: &mut World, session: Session) -> Option<()> {
        let Phase::Asking(..) = world.sessions[session] else {
            return None;
        };
        if self.drift > 0 {
            return None;
        }
        self.attach(world, session, Manners::Evict)
    }

    fn answer(&self, world: &mut World, session: Session) -> Option<()> {
        let Phase::Asking(fence, previous) = world.sessions[session] else {
            return None;
        };
        let edge = world.doors[session];
        let own = world.claim(fence, session);
        if !world.edges[edge].works() {
            return None;
        }
        let beaten = world.edges[edge].seen.is_some_and(|seen| own < seen);
        if beaten && self.welcome == Welcome::Checked {
            world.sessions[session] = Phase::Ending(End::TakenOver, Some(fence));
            return Some(());
        }
        world.sessions[session] = Phase::Serving(fence);
        world.see(edge, own);
        if let Some(previous) = previous
            && world.doors[previous] != edge
            && world.is_there(previous)
        {
            world.evictions[previous][session] = Some(fence);
        }
        Some(())
    }

    fn clean_up(&self, world: &mut World, session: Session) -> Option<()> {
        let Phase::Ending(end, fence) = world.sessions[session] else {
            return None;
        };
        let record = &mut world.nodes[world.works_on(world.doors[session])?];
        let own = record.holder == Holder::Held(session)
            && fence.is_none_or(|fence| fence == record.fence);
        if (own || self.clean_up == CleanUp::Blind)
            && let Holder::Held(holder) = record.holder
        {
            world.history.wronged |= !own;
            record.holder = Holder::Left(holder);
        }
        world.sessions[session] = Phase::Ended(end);
        Some(())
    }
}

impl World {
    /// Drops what nothing can depend on any more: it would only tell equal states apart.
    fn forget(&mut self) {
        let is_over = |phase: Phase| matches!(phase, Phase::Absent | Phase::Ended(_));
        let (sessions, doors) = (self.sessions, self.doors);
        for session in (0..SESSIONS).filter(|session| is_over(sessions[*session])) {
            self.evictions[session] = Default::default();
        }
        for edge in 0..2 {
            // An edge remembers of a device only while it has a session of it.
            if (0..SESSIONS).all(|session| doors[session] != edge || is_over(sessions[session])) {
                self.edges[edge].seen = None;
            }
        }
        match self.leadership {
            Leadership::First if self.faults_left == 0 => self.nodes[1] = Record::default(),
            Leadership::Second => self.nodes[0] = Record::default(),
            Leadership::First | Leadership::Both => {}
        }
    }

    /// The node that the edge's scripts run on, if the edge runs.
    fn works_on(&self, edge: usize) -> Option<usize> {
        self.edges[edge].works().then(|| self.node_of(edge))?
    }

    /// The edge hears of a claim: what it serves below it ends.
    fn see(&mut self, edge: usize, claim: (Fence, bool, Session)) {
        let seen = self.edges[edge].seen.map_or(claim, |seen| seen.max(claim));
        self.edges[edge].seen = Some(seen);
        let beaten: Vec<_> = self
            .serving()
            .filter(|(session, fence)| {
                self.doors[*session] == edge && self.claim(*fence, *session) < claim
            })
            .collect();
        for (session, fence) in beaten {
            self.sessions[session] = Phase::Ending(End::TakenOver, Some(fence));
        }
    }

    fn lose_answer(&mut self, session: Session) -> Option<()> {
        let Phase::Asking(..) = self.sessions[session] else {
            return None;
        };
        self.sessions[session] = Phase::Ending(End::Left, None);
        Some(())
    }

    fn leave(&mut self, session: Session) -> Option<()> {
        let Phase::Serving(fence) = self.sessions[session] else {
            return None;
        };
        if !self.edges[self.doors[session]].works() {
            return None;
        }
        self.sessions[session] = Phase::Ending(End::Left, Some(fence));
        Some(())
    }

    fn lose_clean_up(&mut self, session: Session) -> Option<()> {
        let Phase::Ending(end, _) = self.sessions[session] else {
            return None;
        };
        self.sessions[session] = Phase::Ended(end);
        Some(())
    }

    fn deliver(&mut self, session: Session, winner: Session) -> Option<()> {
        let fence = self.evictions[session][winner]?;
        let edge = self.doors[session];
        if !self.edges[edge].works() {
            return None;
        }
        self.see(edge, self.claim(fence, winner));
        Some(())
    }

    fn hear_of_others(&mut self, edge: usize) -> Option<()> {
        if self.edges.iter().any(|edge| !edge.works()) {
            return None;
        }
        let heard = self
            .serving()
            .filter(|(session, _)| self.doors[*session] != edge)
            .map(|(session, fence)| self.claim(fence, session))
            .max()?;
        self.see(edge, heard);
        Some(())
    }

    /// The audit script, for whatever the edge serves.
    fn audit(&mut self, edge: usize) -> Option<()> {
        let node = self.works_on(edge)?;
        let (session, fence) = self
            .serving()
            .find(|(session, _)| self.doors[*session] == edge)?;
        let own = self.claim(fence, session);
        match self.stored(node) {
            Some(stored) if stored > own => self.see(edge, stored),
            Some(_) | None => {
                self.nodes[node] = Record {
                    fence,
                    holder: Holder::Held(session),
                };
            }
        }
        Some(())
    }

    fn replicate(&mut self) -> Option<()> {
        if self.leadership != Leadership::First || self.faults_left == 0 {
            return None;
        }
        self.nodes[1] = self.nodes[0];
        Some(())
    }

    fn fail_over(&mut self) -> Option<()> {
        if self.leadership != Leadership::First {
            return None;
        }
        self.faults_left = self.faults_left.checked_sub(1)?;
        self.leadership = Leadership::Both;
        Some(())
    }

    fn demote(&mut self) -> Option<()> {
        if self.leadership != Leadership::Both {
            return None;
        }
        self.leadership = Leadership::Second;
        Some(())
    }

    fn relink(&mut self, edge: usize) -> Option<()> {
        if !self.edges[edge].works() || self.leadership == Leadership::First {
            return None;
        }
        self.edges[edge].link = 1;
        Some(())
    }

    fn advance(&mut self, edge: usize, from: &[Running], to: Running) -> Option<()> {
        if !from.contains(&self.edges[edge].running) {
            return None;
        }
        self.edges[edge].running = to;
        Some(())
    }

    fn fault(&mut self, edge: usize, to: Running) -> Option<()> {
        if self.edges[edge].running != Running::Up {
            return None;
        }
        self.faults_left = self.faults_left.checked_sub(1)?;
        self.edges[edge].running = to;
        if to == Running::Restarted {
            self.edges[edge].seen = None;
            self.edges[edge].link = self.leader();
            for session in 0..SESSIONS {
                let is_gone = matches!(self.sessions[session], Phase::Absent | Phase::Ended(_));
                if self.doors[session] == edge && !is_gone {
                    self.sessions[session] = Phase::Ended(End::Crashed);
                }
            }
        }
        Some(())
    }
}
