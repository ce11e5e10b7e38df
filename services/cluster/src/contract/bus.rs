//! What the bus promises: order, exactly once while nothing is lost, and no stranger's envelopes.

use tokio::task::JoinSet;

use super::names::{
    account, another_app, app, channel, channel_of, peer_id, peer_inbox, room, room_id,
};
use super::patience::{eventually, within};
use super::{Deployment, Edge, End, LANES};
use crate::answer::Answer;
use crate::envelope::{Moment, News, Payload};
use crate::receipts::{GATHER_TIMEOUT, Receipts};
use crate::records::RecordVersion;
use crate::topic::Topic;

/// What one session publishes on one topic reaches each listening lane in that order, whoever else publishes meanwhile.
pub async fn each_session_is_heard_in_its_order_on_each_topic(deployment: &impl Deployment) {
    const MESSAGES: usize = 50;
    let topics = [channel("one"), channel("two")];
    let mut edges = [deployment.start().await, deployment.start().await];
    let mut publishers = Vec::new();
    for (number, edge) in edges.iter_mut().enumerate() {
        for lane in 0..LANES {
            let name = format!("publisher-{number}-{lane}");
            let session = edge.listener(lane, &name, &topics[0]).await;
            edge.subscribed(&session, &topics[1]).await;
            publishers.push((name, session));
        }
    }
    let names: Vec<String> = publishers.iter().map(|(name, _)| name.clone()).collect();
    let mut tasks = JoinSet::new();
    for (name, session) in publishers {
        let topics = topics.clone();
        tasks.spawn(async move {
            for message in 0..MESSAGES {
                for topic in &topics {
                    session.publish(topic, &format!("{name}: {message}"));
                }
                tokio::task::yield_now().await;
            }
        });
    }
    within("all publish", tasks.join_all()).await;
    for edge in &mut edges {
        for lane in 0..LANES {
            for topic in &topics {
                let all = MESSAGES * names.len();
                edge.lane(lane)
                    .sees("every message", |log| log.messages_on(topic).len() == all)
                    .await;
                let heard = edge.lane(lane).log().messages_on(topic);
                for name in &names {
                    let of_name: Vec<&String> =
                        heard.iter().filter(|text| text.starts_with(name)).collect();
                    let sent: Vec<String> = (0..MESSAGES)
                        .map(|message| format!("{name}: {message}"))
                        .collect();
                    assert!(
                        of_name.into_iter().eq(&sent),
                        "{name} is heard in another order"
                    );
                }
            }
        }
    }
}

/// Each lane gets one copy, however many sessions of it subscribed and however often.
pub async fn every_listening_lane_hears_an_envelope_exactly_once(deployment: &impl Deployment) {
    let topic = channel("room");
    let mut edges = [deployment.start().await, deployment.start().await];
    for edge in &mut edges {
        for lane in 0..LANES {
            let first = edge.listener(lane, "first", &topic).await;
            edge.listener(lane, "second", &topic).await;
            edge.subscribed(&first, &topic).await;
        }
    }
    let publisher = edges[0].session(0, "publisher");
    publisher.publish(&topic, "hello");
    publisher.publish(&topic, "end");
    for edge in &mut edges {
        for lane in 0..LANES {
            edge.lane(lane).hears(&topic, "end").await;
            assert_eq!(edge.lane(lane).log().messages_on(&topic), ["hello", "end"]);
        }
    }
}

/// An ended route queues nothing more; ending it twice is harmless; the other lanes go on; the lane may come back.
pub async fn nothing_arrives_after_unsubscribe(deployment: &impl Deployment) {
    let (topic, other) = (channel("room"), channel("other"));
    let mut edge = deployment.start().await;
    let leaver = edge.listener(0, "leaver", &topic).await;
    edge.subscribed(&leaver, &other).await;
    let stayer = edge.listener(1, "stayer", &topic).await;
    edge.published(&stayer, &topic, "before").await;
    edge.lane(0).hears(&topic, "before").await;
    leaver.unsubscribe(&topic);
    leaver.unsubscribe(&topic);
    edge.published(&stayer, &topic, "after").await;
    edge.lane(1).hears(&topic, "after").await;
    edge.published(&stayer, &other, "end").await;
    edge.lane(0).hears(&other, "end").await;
    assert_eq!(edge.lane(0).log().messages(), ["before", "end"]);
    edge.subscribed(&leaver, &topic).await;
    edge.published(&stayer, &topic, "again").await;
    edge.lane(0).hears(&topic, "again").await;
    assert_eq!(edge.lane(0).log().messages_on(&topic), ["before", "again"]);
}

/// Whoever departs while others speak hears all that they are told was taken, and then that it has departed.
pub async fn what_was_taken_before_a_departure_arrives_before_its_answer(
    deployment: &impl Deployment,
) {
    const ROUNDS: usize = 20;
    const MESSAGES: usize = 30;
    let topic = peer_inbox("bob");
    let mut edges = [deployment.start().await, deployment.start().await];
    let alice = edges[0].session(0, "alice");
    let bob = edges[1].session(1, "bob");
    for round in 0..ROUNDS {
        edges[1].subscribed(&bob, &topic).await;
        let texts = (0..MESSAGES).map(|message| format!("{round}: {message}"));
        let mut said = Vec::new();
        let mut departure = None;
        for (message, text) in texts.enumerate() {
            said.push((alice.publish(&topic, &text), text));
            // Apart, so that some are on their way when the route ends.
            tokio::task::yield_now().await;
            if message == round {
                departure = Some(bob.depart(&topic));
            }
        }
        let departure = departure.expect("there are more messages than rounds");
        let answer = edges[1].lane(1).answer(&departure).await;
        assert!(matches!(answer, Answer::Departed(from) if from == topic));
        let heard = edges[1].lane(1).log().messages_on(&topic);
        for (ticket, text) in said {
            let answer = edges[0].lane(0).answer(&ticket).await;
            if matches!(answer, Answer::Published(_, Ok(1..))) {
                assert!(heard.contains(&text), "{text:?} was taken and lost");
            }
        }
    }
}

/// The same channel name in another app is another topic.
pub async fn another_app_never_hears(deployment: &impl Deployment) {
    let (ours, theirs) = (channel("room"), channel_of(&another_app(), "room"));
    let mut edges = [deployment.start().await, deployment.start().await];
    let publisher = edges[0].listener(0, "publisher", &ours).await;
    edges[1].listener(0, "stranger", &theirs).await;
    edges[0].published(&publisher, &ours, "secret").await;
    edges[0].lane(0).hears(&ours, "secret").await;
    edges[0].published(&publisher, &theirs, "end").await;
    edges[1].lane(0).hears(&theirs, "end").await;
    assert_eq!(edges[1].lane(0).log().messages(), ["end"]);
}

/// A channel may be called like a peer.
pub async fn a_channel_and_a_peer_of_one_name_never_meet(deployment: &impl Deployment) {
    let (alice_channel, alice_peer) = (channel("alice"), peer_inbox("alice"));
    let mut edge = deployment.start().await;
    edge.listener(0, "alice", &alice_peer).await;
    let publisher = edge.listener(1, "publisher", &alice_channel).await;
    edge.published(&publisher, &alice_channel, "to the channel")
        .await;
    edge.lane(1).hears(&alice_channel, "to the channel").await;
    edge.published(&publisher, &alice_peer, "to the peer").await;
    edge.lane(0).hears(&alice_peer, "to the peer").await;
    assert_eq!(edge.lane(0).log().messages(), ["to the peer"]);
    assert_eq!(edge.lane(1).log().messages(), ["to the channel"]);
}

/// An account may be called like a peer, and a room like another app's.
pub async fn a_room_an_account_and_a_peer_never_meet(deployment: &impl Deployment) {
    let topics = [
        room(0),
        room(1),
        account("alice"),
        peer_inbox("alice"),
        Topic::room(&another_app(), room_id(0)),
    ];
    let mut edges = [deployment.start().await, deployment.start().await];
    for topic in &topics {
        edges[1].listener(0, "listener", topic).await;
    }
    let publisher = edges[0].session(0, "publisher");
    for (number, topic) in topics.iter().enumerate() {
        edges[0]
            .published(&publisher, topic, &number.to_string())
            .await;
    }
    for (number, topic) in topics.iter().enumerate() {
        edges[1].lane(0).hears(topic, &number.to_string()).await;
        assert_eq!(
            edges[1].lane(0).log().messages_on(topic),
            [number.to_string()]
        );
    }
}

/// A target, an expulsion, the end and a push reach the other edges as what they are.
pub async fn whatever_is_said_in_a_room_crosses_as_it_was_said(deployment: &impl Deployment) {
    let topic = room(0);
    let mut edges = [deployment.start().await, deployment.start().await];
    edges[1].listener(0, "bob", &topic).await;
    let alice = edges[0].session(0, "alice");
    alice.send(&topic, "for bob", &peer_id("bob"));
    let bus = &edges[0].cluster.bus;
    let push = serde_json::value::to_raw_value("pushed").expect("text is JSON");
    for payload in [
        Payload::Expel(peer_id("eve")),
        Payload::Push(push),
        Payload::End,
    ] {
        within("asked", bus.ask(&topic, payload))
            .await
            .expect("the backend answers");
    }
    edges[0].published(&alice, &topic, "end").await;
    edges[1].lane(0).hears(&topic, "end").await;
    // Only what one session says has an order.
    let mut said = edges[1].lane(0).log().said_on(&topic);
    said.sort_unstable();
    assert_eq!(
        said,
        [
            "\"end\" to all",
            "\"for bob\" to bob",
            "end",
            "expel eve",
            "push \"pushed\""
        ]
    );
}

/// What a device is told reaches the lanes that listen to it as it was told; the count says whether there is any.
pub async fn news_of_a_device_is_told_to_its_session_and_counted(deployment: &impl Deployment) {
    let device =
        |name: &str| Topic::device(&app(), peer_id("alice"), name.parse().expect("a name"));
    let (phone, tablet) = (device("phone"), device("tablet"));
    let mut edges = [deployment.start().await, deployment.start().await];
    edges[1].listener(0, "alice", &phone).await;
    let news = |version: Option<u64>| News {
        of: version.map(|version| Moment {
            record: "call".into(),
            version: RecordVersion(version),
        }),
        frame: serde_json::value::to_raw_value("ringing").expect("text is JSON"),
    };
    for told in [news(Some(3)), news(None)] {
        let heard = within("told", edges[0].cluster.bus.tell(&phone, told)).await;
        assert_eq!(heard.expect("the backend answers"), 1);
    }
    let nobody = within("told", edges[0].cluster.bus.tell(&tablet, news(None))).await;
    assert_eq!(nobody.expect("the backend answers"), 0);
    let expected = [news(Some(3)), news(None)].map(|news| format!("news {news:?}"));
    let lane = edges[1].lane(0);
    lane.sees("the news", |log| log.said_on(&phone).len() == 2)
        .await;
    assert_eq!(lane.log().said_on(&phone), expected);
}

/// The count of a publish on a peer's topic says whether anybody holds the peer, on whichever edge.
pub async fn a_direct_to_nobody_is_taken_by_nobody(deployment: &impl Deployment) {
    let topic = peer_inbox("bob");
    let mut edges = [deployment.start().await, deployment.start().await];
    let alice = edges[0].session(0, "alice");
    assert_eq!(edges[0].published(&alice, &topic, "too early").await, 0);
    let bob = edges[1].listener(1, "bob", &topic).await;
    assert!(edges[0].published(&alice, &topic, "in time").await >= 1);
    edges[1].lane(1).hears(&topic, "in time").await;
    assert_eq!(edges[1].lane(1).log().messages(), ["in time"]);
    bob.unsubscribe(&topic);
    taken_by_nobody(&mut edges[0], "bob").await;
}

/// One answer for each request, also when a client uses one id twice in different sessions.
pub async fn every_publish_is_answered_once_with_its_own_ticket(deployment: &impl Deployment) {
    const MESSAGES: usize = 20;
    let topic = channel("room");
    let mut edge = deployment.start().await;
    let sessions = [edge.session(0, "alice"), edge.session(0, "bob")];
    let mut tickets = Vec::new();
    for message in 0..MESSAGES {
        for session in &sessions {
            tickets.push(session.publish(&topic, &message.to_string()));
        }
    }
    for ticket in &tickets {
        edge.lane(0).answer(ticket).await;
    }
    for ticket in &tickets {
        assert_eq!(
            edge.lane(0).log().answers_to(ticket).count(),
            1,
            "{ticket:?}"
        );
    }
}

/// Sessions reached are added up over lanes and edges, and nobody waits for a lane that does not listen.
pub async fn an_ask_adds_up_what_the_lanes_report(deployment: &impl Deployment) {
    let topic = peer_inbox("bob");
    let mut edges = [deployment.start().await, deployment.start().await];
    edges[0].listener(0, "bob", &topic).await;
    edges[1].listener(0, "bob", &topic).await;
    let asker = deployment.start().await;
    let [near, far] = &mut edges;
    let (receipts, (), ()) = tokio::join!(
        asker.cluster.bus.ask(&topic, Payload::Kick),
        report(near, 1),
        report(far, 2)
    );
    assert_eq!(
        receipts,
        Ok(Receipts {
            sessions: 3,
            missing: 0
        })
    );
    let nobody = asker
        .cluster
        .bus
        .ask(&peer_inbox("nobody"), Payload::Kick)
        .await;
    assert_eq!(
        nobody,
        Ok(Receipts {
            sessions: 0,
            missing: 0
        })
    );
}

/// A lane that hangs must not let the answer claim completeness, nor hang it.
pub async fn a_report_that_never_comes_is_told_as_missing(deployment: &impl Deployment) {
    let topic = peer_inbox("bob");
    let mut edges = [deployment.start().await, deployment.start().await];
    edges[0].listener(0, "bob", &topic).await;
    edges[1].listener(0, "bob", &topic).await;
    let asked = tokio::time::Instant::now();
    let (near, far) = edges.split_at_mut(1);
    let (receipts, (), ()) = tokio::join!(
        far[0].cluster.bus.ask(&topic, Payload::Kick),
        report(&mut near[0], 1),
        async {}
    );
    assert_eq!(
        receipts,
        Ok(Receipts {
            sessions: 1,
            missing: 1
        })
    );
    // An edge passes its lanes' reports on before the asker's time is over.
    assert!(
        asked.elapsed() >= GATHER_TIMEOUT / 2,
        "gave up before the time was over"
    );
}

/// A peer that was held only by an edge that is gone is held by nobody.
pub async fn an_ended_edge_takes_nothing(deployment: &impl Deployment) {
    for end in End::ALL {
        let mut witness = deployment.start().await;
        let mut ending = deployment.start().await;
        ending.listener(0, "bob", &peer_inbox("bob")).await;
        end.befall(&ending, deployment).await;
        taken_by_nobody(&mut witness, "bob").await;
    }
}

/// Reports, as the first lane of `edge`, the first gathering that reaches it.
async fn report(edge: &mut Edge, sessions: u64) {
    let topic = peer_inbox("bob");
    let receipt = edge
        .lane(0)
        .until("an envelope to report", |log| {
            log.receipts_on(&topic).first().copied()
        })
        .await;
    edge.cluster.bus.report(receipt, sessions);
}

/// Waits until a direct to `peer` reaches nobody: ending a route may take its time on the way to other edges, and while it
/// is not known whether an edge is gone or only cut off, a backend may say that it does not know.
async fn taken_by_nobody(edge: &mut Edge, peer: &str) {
    let (session, topic) = (edge.session(0, "prober"), peer_inbox(peer));
    eventually("nobody takes a direct", async || {
        let ticket = session.publish(&topic, "anybody?");
        let answer = edge.lane_of(&session).answer(&ticket).await;
        matches!(answer, Answer::Published(_, Ok(0))).then_some(())
    })
    .await;
}
