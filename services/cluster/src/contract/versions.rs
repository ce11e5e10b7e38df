//! What presence promises about versions: one history per topic, told to everybody without a gap.

use std::collections::BTreeSet;

use super::Deployment;
use super::names::channel;
use crate::answer::{Answer, Joined};
use crate::envelope::Payload;
use crate::inbox::Arrival;
use crate::presence::{Known, Version};

/// The newcomer's lane has its delta before the answer, and roster and answer are of the delta's version.
pub async fn a_join_is_heard_before_it_is_answered(deployment: &impl Deployment) {
    let topic = channel("room");
    let mut edge = deployment.start().await;
    let alice = edge.listener(0, "alice", &topic).await;
    let joined = edge.joined(&alice, &topic, Known::Nothing).await;
    let mut heard = edge
        .lane(0)
        .log()
        .arrivals()
        .iter()
        .filter_map(|arrival| match arrival {
            Arrival::Envelope(_, envelope) => match &envelope.payload {
                Payload::Presence(delta) => Some(("delta", delta.version)),
                Payload::Message(_)
                | Payload::Kick
                | Payload::Expel(_)
                | Payload::End
                | Payload::Push(_)
                | Payload::News(_) => None,
            },
            Arrival::Answer(_, Answer::Joined(_, Ok(joined))) => Some(("answer", joined.version)),
            Arrival::Answer(..) | Arrival::Evict(_) | Arrival::Outcome(..) => None,
        });
    assert_eq!(heard.next(), Some(("delta", joined.version)));
    assert_eq!(heard.next(), Some(("answer", joined.version)));
    assert_eq!(roster_of(&joined), ["alice"]);
}

/// Whoever counts versions knows whether something was missed.
pub async fn versions_rise_by_one_with_every_delta(deployment: &impl Deployment) {
    const ROUNDS: usize = 10;
    let topic = channel("room");
    let mut edges = [deployment.start().await, deployment.start().await];
    let observer = edges[0].listener(0, "observer", &topic).await;
    let start = edges[0]
        .joined(&observer, &topic, Known::Nothing)
        .await
        .version;
    for round in 0..ROUNDS {
        let edge = &mut edges[round % 2];
        let member = edge.member(1, &format!("member-{round}"), &topic).await;
        member.leave(&topic);
    }
    let all = 1 + 2 * ROUNDS;
    edges[0]
        .lane(0)
        .sees("every delta", |log| log.deltas_on(&topic).len() == all)
        .await;
    let versions: Vec<Version> = edges[0]
        .lane(0)
        .log()
        .deltas_on(&topic)
        .iter()
        .map(|delta| delta.version)
        .collect();
    let expected: Vec<Version> = (start.sequence..)
        .take(all)
        .map(|sequence| Version {
            epoch: start.epoch,
            sequence,
        })
        .collect();
    assert_eq!(versions, expected);
}

/// The answer to a later join of a lane does not grow with the topic; its version is one that the lane has reached.
pub async fn the_roster_is_told_only_to_a_lane_that_knows_nothing(deployment: &impl Deployment) {
    let topic = channel("room");
    let mut edges = [deployment.start().await, deployment.start().await];
    edges[0].member(0, "alice", &topic).await;
    let bob = edges[1].listener(0, "bob", &topic).await;
    let joined = edges[1].joined(&bob, &topic, Known::Nothing).await;
    assert_eq!(roster_of(&joined), ["alice", "bob"]);
    let carol = edges[1].listener(0, "carol", &topic).await;
    let joined = edges[1].joined(&carol, &topic, Known::Roster).await;
    assert!(joined.roster.is_none());
    edges[1]
        .lane(0)
        .follows(&topic, &["alice", "bob", "carol"])
        .await;
    edges[0]
        .lane(0)
        .follows(&topic, &["alice", "bob", "carol"])
        .await;
}

/// A lane that comes back to a topic that had been empty cannot take the new history for the old one.
pub async fn an_emptied_topic_never_repeats_a_version(deployment: &impl Deployment) {
    const ROUNDS: usize = 20;
    let topic = channel("room");
    let mut edge = deployment.start().await;
    let mut seen: Vec<Version> = Vec::new();
    for _ in 0..ROUNDS {
        let alice = edge.listener(0, "alice", &topic).await;
        let version = edge.joined(&alice, &topic, Known::Nothing).await.version;
        assert!(
            !seen.contains(&version),
            "{version:?} stood for two histories"
        );
        seen.push(version);
        alice.unsubscribe(&topic);
        alice.leave(&topic);
        edge.roster_becomes(&topic, &[]).await;
    }
    let epochs: BTreeSet<u64> = seen.iter().map(|version| version.epoch).collect();
    assert_eq!(
        epochs.len(),
        ROUNDS,
        "a topic that nobody hears and nobody is in begins another epoch"
    );
}

fn roster_of(joined: &Joined) -> Vec<String> {
    let Some(roster) = &joined.roster else {
        panic!("no roster in {joined:?}")
    };
    assert_eq!(roster.version, joined.version);
    let mut names: Vec<String> = roster
        .members
        .iter()
        .map(|peer| peer.id.to_string())
        .collect();
    names.sort();
    names
}
