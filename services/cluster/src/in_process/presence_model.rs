//! Presence against a plain set: whatever joins, leaves and ends in whatever order, every lane's roster is the truth.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use proptest::prelude::*;

use super::World;
use crate::Cluster;
use crate::answer::Ticket;
use crate::contract::Follower;
use crate::inbox::Inbox;
use crate::origin::{LaneId, SessionId};
use crate::peer::Peer;
use crate::presence::Known;
use crate::pressure::Pressure;
use crate::topic::Topic;

const EDGES: usize = 3;
const LANES: u8 = 2;
const SEATS: u64 = 3;
/// Fewer than seats, so that most peers sit on several lanes and edges at once.
const PEERS: [&str; 4] = ["alice", "bob", "carol", "dave"];

#[derive(Clone, Debug)]
enum Step {
    Join(Seat),
    Leave(Seat),
    /// The edge is gone; another one takes its place.
    EndEdge(usize),
}

/// Where a session can be; its peer follows from the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Seat {
    edge: usize,
    lane: u8,
    number: u64,
}

/// The system, and what should be true of it.
struct Model {
    world: Arc<World>,
    topic: Topic,
    edges: Vec<ModelEdge>,
    taken: BTreeSet<Seat>,
}

struct ModelEdge {
    cluster: Cluster,
    inboxes: Vec<Inbox>,
    /// A lane follows while one of its seats is taken, as a hub does.
    following: BTreeMap<u8, Follower>,
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_lane_follows_the_truth(steps in prop::collection::vec(step(), 1..80)) {
        let mut model = Model::new();
        for step in steps {
            model.take(&step);
            model.check();
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let seat = || {
        (0..EDGES, 0..LANES, 0..SEATS).prop_map(|(edge, lane, number)| Seat { edge, lane, number })
    };
    prop_oneof![
        6 => seat().prop_map(Step::Join),
        4 => seat().prop_map(Step::Leave),
        1 => (0..EDGES).prop_map(Step::EndEdge),
    ]
}

impl Seat {
    fn session(self) -> SessionId {
        SessionId::new(LaneId(self.lane), self.number)
    }

    fn peer(self) -> &'static str {
        let index = self.edge + usize::from(self.lane) + usize::try_from(self.number).unwrap();
        PEERS[index % PEERS.len()]
    }
}

impl Model {
    fn new() -> Self {
        let world = World::new(0);
        let topic = Topic::channel(&"app".parse().unwrap(), "room".parse().unwrap());
        let edges = (0..EDGES).map(|_| ModelEdge::enter(&world)).collect();
        Self {
            world,
            topic,
            edges,
            taken: BTreeSet::new(),
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Join(seat) => {
                self.edges[seat.edge].join(&self.topic, seat);
                self.taken.insert(seat);
            }
            Step::Leave(seat) => {
                self.taken.remove(&seat);
                let lane_is_empty = !self
                    .taken
                    .iter()
                    .any(|other| (other.edge, other.lane) == (seat.edge, seat.lane));
                self.edges[seat.edge].leave(&self.topic, seat);
                if lane_is_empty {
                    self.edges[seat.edge].unfollow(&self.topic, seat.lane);
                }
            }
            Step::EndEdge(edge) => {
                self.taken.retain(|seat| seat.edge != edge);
                self.edges[edge] = ModelEdge::enter(&self.world);
            }
        }
    }

    fn check(&mut self) {
        let truth: BTreeSet<&str> = self.taken.iter().map(|seat| seat.peer()).collect();
        let truth: Vec<&str> = truth.into_iter().collect();
        for edge in &mut self.edges {
            edge.listen();
            for (lane, follower) in &edge.following {
                assert!(
                    follower.knows(&truth),
                    "lane {lane} knows {follower:?}, the truth is {truth:?}"
                );
            }
        }
    }
}

impl ModelEdge {
    fn enter(world: &Arc<World>) -> Self {
        let inboxes: Vec<Inbox> = (0..LANES)
            .map(|lane| Inbox::new(LaneId(lane), 1 << 20, Pressure::default()))
            .collect();
        let cluster = world.enter(inboxes.iter().map(Inbox::handle).collect());
        Self {
            cluster,
            inboxes,
            following: BTreeMap::new(),
        }
    }

    fn join(&mut self, topic: &Topic, seat: Seat) {
        let ticket = Ticket {
            session: seat.session(),
            request: None,
        };
        let known = if self.following.contains_key(&seat.lane) {
            Known::Roster
        } else {
            self.cluster
                .bus
                .subscribe(topic, LaneId(seat.lane), ticket.clone());
            self.following
                .insert(seat.lane, Follower::new(topic.clone()));
            Known::Nothing
        };
        let peer = Arc::new(Peer {
            id: seat.peer().parse().unwrap(),
            metadata: None,
        });
        self.cluster.presence.join(topic, &peer, known, ticket);
    }

    fn leave(&self, topic: &Topic, seat: Seat) {
        self.cluster
            .presence
            .leave(topic, &seat.peer().parse().unwrap(), seat.session());
    }

    fn unfollow(&mut self, topic: &Topic, lane: u8) {
        self.cluster.bus.unsubscribe(topic, LaneId(lane));
        self.following.remove(&lane);
    }

    fn listen(&mut self) {
        for (lane, inbox) in (0..).zip(&self.inboxes) {
            let mut arrivals = VecDeque::new();
            assert_eq!(inbox.take(&mut arrivals), 0, "nothing is dropped");
            // What still came before the route ended is for nobody.
            if let Some(follower) = self.following.get_mut(&lane) {
                arrivals.iter().for_each(|arrival| follower.hear(arrival));
            }
        }
    }
}
