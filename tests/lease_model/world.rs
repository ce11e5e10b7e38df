//! The world of the model: two edges, two Redis nodes, one device, a few sessions that want it.
//!
//! Owns what there is in one state; what can happen to it is in `steps`, what must hold of it in `properties`. Whatever
//! is here only grows or advances ([`World::rank`]), so no behaviour runs in a circle and each ends in a quiet state.

/// A fence as the model counts it: the microseconds of Redis, one for each grant that was ever made.
pub(crate) type Fence = u8;

/// A session; the numbers are in the order of their connects.
pub(crate) type Session = usize;

/// What orders grants: the fence, then the name of the session. Names of one edge's sessions ascend, names of different
/// edges' do not: the favoured edge's are the larger.
pub(crate) type Claim = (Fence, bool, Session);

/// Sessions that ever connect.
pub(crate) const SESSIONS: usize = 3;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct World {
    /// Whose session names are the larger in a tie.
    pub(crate) favoured: usize,
    /// Redis: first the node that leads at the start, then its replica.
    pub(crate) nodes: [Record; 2],
    pub(crate) leadership: Leadership,
    pub(crate) edges: [Edge; 2],
    pub(crate) sessions: [Phase; SESSIONS],
    /// Which edge a session connected to, once it has.
    pub(crate) doors: [usize; SESSIONS],
    /// Evictions that were sent: whom they are for, who won, and its fence. Each may arrive late, often, or never.
    pub(crate) evictions: [[Option<Fence>; SESSIONS]; SESSIONS],
    pub(crate) history: History,
    /// Edges may still be frozen and killed, and Redis fail over, this many times.
    pub(crate) faults_left: u8,
    /// No fault happens any more and nobody new connects.
    pub(crate) healed: bool,
}

/// What there is to remember of all grants that were ever made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct History {
    pub(crate) grants: u8,
    pub(crate) greatest: Option<Claim>,
    pub(crate) last: Fence,
    /// The highest of those before the last.
    pub(crate) earlier: Fence,
    /// A session was granted the same fence twice.
    pub(crate) repeated: bool,
    /// A fence was not above one of an earlier time, in spite of what the clocks are apart.
    pub(crate) untimely: bool,
    /// A clean-up removed somebody else's lease.
    pub(crate) wronged: bool,
}

/// The lease as one Redis node knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Record {
    /// Stays when the holder is gone, as long as an older session may still believe in its own.
    pub(crate) fence: Fence,
    pub(crate) holder: Holder,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    #[default]
    Nobody,
    /// Released; the claim that was given up.
    Left(Session),
    Held(Session),
}

/// Which Redis node may be written to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Leadership {
    #[default]
    First,
    /// The replica was promoted, and the first node does not know it yet: two worlds.
    Both,
    Second,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Edge {
    pub(crate) running: Running,
    /// The Redis node it is connected to.
    pub(crate) link: usize,
    /// The greatest claim on the device that it ever heard of.
    pub(crate) seen: Option<Claim>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Running {
    #[default]
    Up,
    Frozen,
    /// Frozen so long that its liveness key is gone.
    Lapsed,
    /// Up again after a freeze.
    Thawed,
    /// Killed and started again, knowing nothing.
    Restarted,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    #[default]
    Absent,
    /// The attach was granted in Redis; its answer is on the way to the edge.
    Asking(Fence, Option<Session>),
    Serving(Fence),
    /// Over for its client; its clean-up has not happened yet. The fence is unknown if the answer was lost.
    Ending(End, Option<Fence>),
    Ended(End),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum End {
    Refused,
    TakenOver,
    /// The client went away, or was sent away because nobody knew whether it had the lease.
    Left,
    Crashed,
}

impl Edge {
    pub(crate) fn works(&self) -> bool {
        match self.running {
            Running::Up | Running::Thawed | Running::Restarted => true,
            Running::Frozen | Running::Lapsed => false,
        }
    }
}

impl World {
    pub(crate) fn claim(&self, fence: Fence, session: Session) -> Claim {
        (fence, self.doors[session] == self.favoured, session)
    }

    /// The claim that a node holds on to, be it alive or given up.
    pub(crate) fn stored(&self, node: usize) -> Option<Claim> {
        let record = self.nodes[node];
        match record.holder {
            Holder::Nobody => None,
            Holder::Left(session) | Holder::Held(session) => {
                Some(self.claim(record.fence, session))
            }
        }
    }

    /// The node that the edge's scripts run on, if that one can be written to.
    pub(crate) fn node_of(&self, edge: usize) -> Option<usize> {
        let link = self.edges[edge].link;
        match (self.leadership, link) {
            (Leadership::First | Leadership::Both, 0)
            | (Leadership::Both | Leadership::Second, 1) => Some(link),
            (Leadership::First | Leadership::Second, _) | (Leadership::Both, _) => None,
        }
    }

    /// The node that is right in the end.
    pub(crate) fn leader(&self) -> usize {
        match self.leadership {
            Leadership::First => 0,
            Leadership::Both | Leadership::Second => 1,
        }
    }

    pub(crate) fn serving(&self) -> impl Iterator<Item = (Session, Fence)> + '_ {
        self.sessions
            .iter()
            .enumerate()
            .filter_map(|(session, phase)| match phase {
                Phase::Serving(fence) => Some((session, *fence)),
                Phase::Absent | Phase::Asking(..) | Phase::Ending(..) | Phase::Ended(_) => None,
            })
    }

    /// Whether the session can still come to serve or does.
    pub(crate) fn is_there(&self, session: Session) -> bool {
        match self.sessions[session] {
            Phase::Asking(..) | Phase::Serving(_) => true,
            Phase::Absent | Phase::Ending(..) | Phase::Ended(_) => false,
        }
    }

    /// Whether the others may take the session for gone: its edge was killed, or is silent for too long.
    pub(crate) fn is_dead(&self, session: Session) -> bool {
        self.sessions[session] == Phase::Ended(End::Crashed)
            || self.edges[self.doors[session]].running == Running::Lapsed
    }
}

impl World {
    /// Grows with every step; what may begin again from nothing weighs less than what made it do so.
    pub(crate) fn rank(&self) -> usize {
        let phases: usize = self.sessions.iter().map(|phase| phase.rank()).sum();
        let runs: usize = self.edges.iter().map(|edge| edge.running as usize).sum();
        let faults = usize::from(self.healed) + usize::from(u8::MAX - self.faults_left);
        let once =
            faults + phases + runs + usize::from(self.history.grants) + self.leadership as usize;
        let links: usize = self.edges.iter().map(|edge| edge.link).sum();
        let heard = self.edges.iter().map(|edge| claim_rank(edge.seen));
        let stored = (0..2).map(|node| {
            let given_up = matches!(self.nodes[node].holder, Holder::Left(_));
            claim_rank(self.stored(node)) + usize::from(given_up)
        });
        let growing = heard.chain(stored).sum::<usize>() + links;
        once * 10_000 + growing
    }
}

impl Phase {
    fn rank(self) -> usize {
        match self {
            Self::Absent => 0,
            Self::Asking(..) => 1,
            Self::Serving(_) => 2,
            Self::Ending(..) => 3,
            Self::Ended(_) => 4,
        }
    }
}

fn claim_rank(claim: Option<Claim>) -> usize {
    claim.map_or(0, |(fence, favoured, session)| {
        usize::from(fence) * 20 + usize::from(favoured) * 10 + session * 2 + 1
    })
}
