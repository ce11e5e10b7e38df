//! What presence promises about who is in a topic: one join and one leave for each peer, and the truth at the end.

use tokio::task::JoinSet;

use super::names::{another_app, channel, channel_of};
use super::patience::{eventually, within};
use super::{Deployment, Edge, End, NAMED_MEMBERS};
use crate::presence::{Known, Naming};
use crate::topic::Topic;

/// The first session of a peer is its join and the last one's end its leave, wherever they are.
pub async fn a_peer_counts_once_over_sessions_and_edges(deployment: &impl Deployment) {
    let topic = channel("room");
    let mut edges = [deployment.start().await, deployment.start().await];
    edges[0].member(0, "observer", &topic).await;
    let sessions = [
        edges[0].member(1, "alice", &topic).await,
        edges[0].member(1, "alice", &topic).await,
        edges[1].member(0, "alice", &topic).await,
    ];
    for session in &sessions {
        session.leave(&topic);
    }
    let bob = edges[1].member(0, "bob", &topic).await;
    bob.leave(&topic);
    edges[0]
        .lane(0)
        .sees("all changes", |log| log.changes_on(&topic).len() == 5)
        .await;
    edges[0].member(1, "end", &topic).await;
    edges[0].lane(0).follows(&topic, &["end", "observer"]).await;
    let mut changes = edges[0].lane(0).log().changes_on(&topic);
    // Two edges' changes have no order between them: a leave may be on its way while bob joins on the other edge.
    changes.sort();
    assert_eq!(
        changes,
        ["+alice", "+bob", "+end", "+observer", "-alice", "-bob"]
    );
}

/// A retried join, a leave of somebody else's session and a leave too many say nothing to anybody.
pub async fn joining_and_leaving_twice_changes_nothing(deployment: &impl Deployment) {
    let topic = channel("room");
    let mut edge = deployment.start().await;
    let observer = edge.member(0, "observer", &topic).await;
    let alice = edge.member(1, "alice", &topic).await;
    let again = edge.joined(&alice, &topic, Known::Roster).await;
    let stranger = edge.session(1, "alice");
    stranger.leave(&topic);
    let unchanged = edge.joined(&observer, &topic, Known::Roster).await;
    assert_eq!(unchanged.version, again.version);
    alice.leave(&topic);
    alice.leave(&topic);
    let left = |changes: &[String]| changes == ["+observer", "+alice", "-alice"];
    edge.lane(0)
        .sees("one join and one leave", |log| {
            left(&log.changes_on(&topic))
        })
        .await;
    edge.member(1, "bob", &topic).await;
    edge.lane(0).follows(&topic, &["bob", "observer"]).await;
    assert_eq!(
        edge.lane(0).log().changes_on(&topic),
        ["+observer", "+alice", "-alice", "+bob"]
    );
}

/// A lane that missed something reads the topic again, and the roster stands in its inbox in one order with the deltas.
pub async fn a_resync_brings_the_roster_between_the_deltas(deployment: &impl Deployment) {
    let topic = channel("room");
    let mut edges = [deployment.start().await, deployment.start().await];
    edges[0].member(0, "observer", &topic).await;
    let alice = edges[1].member(0, "alice", &topic).await;
    edges[0]
        .lane(0)
        .follows(&topic, &["alice", "observer"])
        .await;
    edges[0].resync(&topic, 0);
    let version = edges[0]
        .lane(0)
        .until("the roster", |log| {
            log.roster_of(&topic).map(|roster| roster.version)
        })
        .await;
    alice.leave(&topic);
    edges[0].lane(0).follows(&topic, &["observer"]).await;
    let log = edges[0].lane(0).log();
    let roster = log.roster_of(&topic).expect("it has arrived");
    let mut names: Vec<&str> = roster.members.iter().map(|peer| peer.id.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["alice", "observer"]);
    let after = log.deltas_after_roster(&topic);
    assert_eq!(
        after,
        [version.sequence + 1],
        "the next delta follows the roster, none is missing"
    );
}

/// Of two peers that join at once the later has the earlier in its roster, the earlier hears of the later.
pub async fn simultaneous_joins_leave_nobody_unknown(deployment: &impl Deployment) {
    const ROUNDS: usize = 30;
    let mut edges = [deployment.start().await, deployment.start().await];
    for round in 0..ROUNDS {
        let topic = channel(&format!("room-{round}"));
        let mut sessions = Vec::new();
        for (number, edge) in edges.iter_mut().enumerate() {
            for lane in [0, 1] {
                let name = format!("peer-{number}-{lane}");
                sessions.push(edge.listener(lane, &name, &topic).await);
            }
        }
        let mut joins = JoinSet::new();
        for session in sessions {
            let topic = topic.clone();
            joins.spawn(async move { session.join(&topic, Known::Nothing) });
        }
        within("all join", joins.join_all()).await;
        for edge in &mut edges {
            for lane in [0, 1] {
                edge.lane(lane)
                    .follows(&topic, &["peer-0-0", "peer-0-1", "peer-1-0", "peer-1-1"])
                    .await;
            }
        }
    }
}

/// However many of a peer's sessions go at once, the others hear of one leave.
pub async fn simultaneous_leaves_end_a_membership_once(deployment: &impl Deployment) {
    const ROUNDS: usize = 30;
    let mut edges = [deployment.start().await, deployment.start().await];
    for round in 0..ROUNDS {
        let topic = channel(&format!("room-{round}"));
        edges[0].member(0, "observer", &topic).await;
        let mut sessions = Vec::new();
        for edge in &mut edges {
            for _ in 0..3 {
                sessions.push(edge.member(1, "alice", &topic).await);
            }
        }
        let mut leaves = JoinSet::new();
        for session in sessions {
            let topic = topic.clone();
            leaves.spawn(async move { session.leave(&topic) });
        }
        within("all leave", leaves.join_all()).await;
        let all = ["+observer", "+alice", "-alice", "+end"];
        edges[0]
            .lane(0)
            .sees("alice's leave", |log| log.changes_on(&topic).len() == 3)
            .await;
        edges[1].member(0, "end", &topic).await;
        edges[0].lane(0).follows(&topic, &["end", "observer"]).await;
        assert_eq!(edges[0].lane(0).log().changes_on(&topic), all);
    }
}

/// Members that live on elsewhere stay; the others leave once, whatever number of sessions they had on the edge.
pub async fn an_edges_end_is_one_leave_of_each_member_nobody_else_holds(
    deployment: &impl Deployment,
) {
    for end in End::ALL {
        let topic = channel(&format!("{end:?}"));
        let mut witness = deployment.start().await;
        let mut ending = deployment.start().await;
        witness.member(0, "observer", &topic).await;
        witness.member(1, "held-by-both", &topic).await;
        ending.member(0, "held-by-both", &topic).await;
        ending.member(0, "bob", &topic).await;
        ending.member(1, "bob", &topic).await;
        ending.member(1, "carol", &topic).await;
        end.befall(&ending, deployment).await;
        witness
            .lane(0)
            .follows(&topic, &["held-by-both", "observer"])
            .await;
        witness
            .roster_becomes(&topic, &["held-by-both", "observer"])
            .await;
        witness.member(1, "dave", &topic).await;
        witness
            .lane(0)
            .follows(&topic, &["dave", "held-by-both", "observer"])
            .await;
        let changes = witness.lane(0).log().changes_on(&topic);
        let left: Vec<&String> = changes
            .iter()
            .filter(|change| change.starts_with('-'))
            .collect();
        assert_eq!(left, ["-bob", "-carol"], "after the edge was {end:?}");
    }
}

/// Above the limit a topic counts, and it names again only well below it, so one peer that comes and goes flips nothing.
/// Whoever asks still gets everybody.
pub async fn a_large_topic_stops_naming_and_starts_again_below_nine_tenths(
    deployment: &impl Deployment,
) {
    let topic = channel("crowd");
    let mut edge = deployment.start().await;
    let mut sessions = vec![edge.member(0, "peer-0", &topic).await];
    for number in 1..=NAMED_MEMBERS {
        sessions.push(edge.session(0, &format!("peer-{number}")));
    }
    for session in &sessions[1..NAMED_MEMBERS] {
        edge.joined(session, &topic, Known::Roster).await;
    }
    assert_eq!(
        latest_naming(&mut edge, &topic, NAMED_MEMBERS).await,
        Naming::Named,
        "at the limit"
    );
    let joined = edge
        .joined(&sessions[NAMED_MEMBERS], &topic, Known::Nothing)
        .await;
    assert_eq!(
        joined.roster.map(|roster| roster.naming),
        Some(Naming::Counted),
        "above the limit"
    );
    let deltas = NAMED_MEMBERS + 1;
    assert_eq!(
        latest_naming(&mut edge, &topic, deltas).await,
        Naming::Counted
    );
    let roster = edge
        .cluster
        .presence
        .roster(&topic)
        .await
        .expect("the backend answers");
    assert_eq!(
        (roster.members.len(), roster.naming),
        (NAMED_MEMBERS + 1, Naming::Counted)
    );
    // A backend may tell several changes in one delta, so what counts is how many are left.
    let nine_tenths = NAMED_MEMBERS - NAMED_MEMBERS / 10;
    while sessions.len() > nine_tenths {
        sessions
            .pop()
            .into_iter()
            .for_each(|session| session.leave(&topic));
    }
    assert_eq!(
        naming_at(&edge, &topic, nine_tenths).await,
        Naming::Counted,
        "at nine tenths"
    );
    sessions
        .pop()
        .into_iter()
        .for_each(|session| session.leave(&topic));
    assert_eq!(
        naming_at(&edge, &topic, nine_tenths - 1).await,
        Naming::Named,
        "below nine tenths"
    );
    edge.lane(0)
        .sees("the news of it", |log| {
            log.deltas_on(&topic)
                .last()
                .is_some_and(|delta| delta.naming == Naming::Named)
        })
        .await;
}

/// How the topic stands when it has come down to `members`.
async fn naming_at(edge: &Edge, topic: &Topic, members: usize) -> Naming {
    eventually(&format!("{members} members"), async || {
        let roster = edge.cluster.presence.roster(topic).await;
        let roster = roster.expect("the backend answers");
        (roster.members.len() == members).then_some(roster.naming)
    })
    .await
}

/// Members belong to one topic of one app.
pub async fn topics_and_apps_do_not_share_members(deployment: &impl Deployment) {
    let topics = [
        channel("room"),
        channel("other"),
        channel_of(&another_app(), "room"),
    ];
    let mut edge = deployment.start().await;
    for (topic, name) in topics.iter().zip(["alice", "bob", "carol"]) {
        edge.member(0, name, topic).await;
    }
    for (topic, name) in topics.iter().zip(["alice", "bob", "carol"]) {
        edge.roster_becomes(topic, &[name]).await;
        edge.lane(0).follows(topic, &[name]).await;
    }
}

/// What the `deltas`-th delta says.
async fn latest_naming(edge: &mut Edge, topic: &Topic, deltas: usize) -> Naming {
    edge.lane(0)
        .until(&format!("delta {deltas}"), |log| {
            log.deltas_on(topic)
                .get(deltas - 1)
                .map(|delta| delta.naming)
        })
        .await
}
