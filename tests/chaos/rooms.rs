//! Many clients in rooms of a few, one of whom speaks; afterwards it is counted who heard what.

use std::{
    collections::BTreeSet,
    fmt,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Recorder, TestCluster};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// The rooms, and what was said in them.
#[derive(Debug)]
pub(crate) struct Rooms {
    rooms: Vec<Room>,
}

#[derive(Debug)]
struct Room {
    name: String,
    /// The first one speaks.
    members: Vec<Member>,
    said: Vec<Instant>,
}

#[derive(Debug)]
struct Member {
    edge: usize,
    recorder: Recorder,
}

/// What the clients counted.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) said: usize,
    pub(crate) acked: usize,
    pub(crate) refused: usize,
    pub(crate) unanswered: usize,
    /// Deliveries that acknowledged messages owed.
    pub(crate) owed: usize,
    pub(crate) lost: usize,
    pub(crate) doubled: usize,
    pub(crate) overtaken: usize,
    pub(crate) closed: usize,
}

impl Rooms {
    /// Connects `clients` in rooms of `size`, members spread over the edges in turn.
    pub(crate) async fn open(cluster: &TestCluster, clients: usize, size: usize) -> Self {
        let edges = cluster.edges().count();
        let mut rooms = Vec::new();
        for number in 0..clients / size {
            let name = format!("room-{number}");
            let arrivals = (0..size).map(async |seat| {
                let edge = (number + seat) % edges;
                let mut client = cluster.peer(edge, &format!("{number}-{seat}")).await;
                client
                    .accepted(json!({"type": "subscribe", "channel": name}))
                    .await;
                let recorder = Recorder::of(client);
                Member { edge, recorder }
            });
            let members = join_all(arrivals).await;
            rooms.push(Room {
                name,
                members,
                said: Vec::new(),
            });
        }
        Self { rooms }
    }

    /// Speaks in the rooms in turn, once every `pace` over all of them, until the end.
    pub(crate) async fn speak(&mut self, pace: Duration, mut end: watch::Receiver<bool>) {
        let mut ticks = interval(pace);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut turn = 0;
        loop {
            tokio::select! {
                _ = end.wait_for(|end| *end) => break,
                _ = ticks.tick() => {}
            }
            let count = self.rooms.len();
            let room = &mut self.rooms[turn % count];
            turn += 1;
            let number = room.said.len();
            room.said.push(Instant::now());
            let frame = json!({"type": "publish", "channel": room.name, "data": number, "requestId": number.to_string()});
            room.members[0].recorder.send(frame).await;
        }
    }

    /// When somebody on this edge first heard something from another edge that was said after `since`.
    pub(crate) fn back_on(&self, edge: usize, since: Instant) -> Option<Instant> {
        let mut first: Option<Instant> = None;
        for room in self
            .rooms
            .iter()
            .filter(|room| room.members[0].edge != edge)
        {
            for member in room.listeners().filter(|member| member.edge == edge) {
                for (at, number) in member.messages() {
                    if room.said.get(number).is_some_and(|said| *said >= since) {
                        first = Some(first.map_or(at, |first| first.min(at)));
                    }
                }
            }
        }
        first
    }

    /// What edges with listeners did not hear of all that was said since.
    pub(crate) fn missed(&self, since: Instant) -> Missed {
        let mut missed = Missed::default();
        for room in &self.rooms {
            let (said, acked, _) = room.answers(since);
            let edges: BTreeSet<usize> = room.listeners().map(|member| member.edge).collect();
            for edge in edges {
                let here = room.listeners().filter(|member| member.edge == edge);
                let heard: BTreeSet<usize> = here
                    .flat_map(|member| member.messages().map(|(_, number)| number))
                    .collect();
                for number in said.difference(&heard) {
                    match acked.contains(number) {
                        true => missed.acked += 1,
                        false => missed.refused += 1,
                    }
                }
            }
        }
        missed
    }

    /// The account of everything that was said since.
    pub(crate) fn account(&self, since: Instant) -> Account {
        let mut account = Account::default();
        for room in &self.rooms {
            room.add_to(&mut account, since);
        }
        account
    }
}

/// Messages that did not reach an edge, each as often as there are edges that it did not reach.
#[derive(Debug, Default)]
pub(crate) struct Missed {
    pub(crate) acked: usize,
    pub(crate) refused: usize,
}

impl Room {
    fn listeners(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().skip(1)
    }

    fn was_said(&self, number: usize, since: Instant) -> bool {
        self.said.get(number).is_some_and(|said| *said >= since)
    }

    /// What was said since: all of it, what was acknowledged, and what was refused.
    fn answers(&self, since: Instant) -> (BTreeSet<usize>, BTreeSet<usize>, BTreeSet<usize>) {
        let counts = |number: &usize| self.was_said(*number, since);
        let said: BTreeSet<usize> = (0..self.said.len()).filter(counts).collect();
        let (mut acked, mut refused) = (BTreeSet::new(), BTreeSet::new());
        for frame in self.members[0].recorder.heard() {
            let Some(number) = frame.frame["requestId"]
                .as_str()
                .and_then(|id| id.parse().ok())
            else {
                continue;
            };
            let answers = if frame.frame["type"] == "ack" {
                &mut acked
            } else {
                &mut refused
            };
            answers.insert(number);
        }
        acked.retain(counts);
        refused.retain(counts);
        (said, acked, refused)
    }

    fn add_to(&self, account: &mut Account, since: Instant) {
        let (said, acked, refused) = self.answers(since);
        account.said += said.len();
        account.acked += acked.len();
        account.refused += refused.len();
        account.unanswered += said.len() - acked.union(&refused).count();
        for member in &self.members {
            account.closed += usize::from(member.recorder.closed().is_some());
        }
        for member in self.listeners() {
            let heard: Vec<usize> = member
                .messages()
                .map(|(_, number)| number)
                .filter(|number| self.was_said(*number, since))
                .collect();
            let distinct: BTreeSet<usize> = heard.iter().copied().collect();
            account.owed += acked.len();
            account.lost += acked.difference(&distinct).count();
            account.doubled += heard.len() - distinct.len();
            account.overtaken += heard.windows(2).filter(|pair| pair[1] < pair[0]).count();
        }
    }
}

impl Member {
    fn messages(&self) -> impl Iterator<Item = (Instant, usize)> {
        let heard = self.recorder.heard().into_iter();
        let messages = heard.filter(|heard| heard.frame["type"] == "message");
        messages.filter_map(|heard| Some((heard.at, number(&heard.frame["data"])?)))
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            said,
            acked,
            refused,
            unanswered,
            owed,
            lost,
            doubled,
            overtaken,
            closed,
        } = self;
        write!(
            f,
            "{said} said, {acked} acked, {refused} refused, {unanswered} unanswered, {lost} of {owed} deliveries \
             lost, {doubled} doubled, {overtaken} overtaken, {closed} closed"
        )
    }
}

fn number(data: &Value) -> Option<usize> {
    data.as_u64()
        .and_then(|number| usize::try_from(number).ok())
}
