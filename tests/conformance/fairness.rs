//! An edge that has more to do than it can: nobody is blamed for its delay, and nobody waits for ever.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::json;
use testkit::{Client, Door, EdgeConfig, RawFrame, RawSocket, TestEdge, Token};
use tokio::task::JoinSet;

// Whatever piled up while the edge could not run comes in one turn and is more than a mailbox holds. That says nothing
// about the readers: they are only slow if their sockets refuse.
#[tokio::test]
async fn readers_keep_their_sessions_when_the_edge_is_late() {
    let edge = EdgeConfig::demo().set("lanes", 1).start().await;
    let mut clients = Vec::new();
    for number in 0..LATE_CLIENTS {
        let mut client = Client::connect_token(&edge, &without_presence(number)).await;
        client
            .accepted(json!({"type": "subscribe", "channel": "room"}))
            .await;
        clients.push(client);
    }
    let payload = "x".repeat(30_000);
    edge.freeze().await;
    for client in &mut clients {
        client
            .send(&json!({"type": "publish", "channel": "room", "data": payload, "requestId": "p"}))
            .await;
    }
    edge.thaw().await;
    join_all(clients.iter_mut().map(async |client| {
        let (mut acks, mut messages) = (0, 0);
        while acks < 1 || messages < LATE_CLIENTS - 1 {
            let frame = client.next_frame().await;
            match frame["type"].as_str() {
                Some("ack") => acks += 1,
                Some("message") => messages += 1,
                other => panic!("unexpected {other:?}: {frame}"),
            }
        }
        client.expect_quiet().await;
    }))
    .await;
}

// Writing to a large channel never ends while its publishers go on. A lane that looked at its door only with nothing
// left to write would let newcomers wait until their handshake times out.
#[tokio::test]
async fn newcomers_are_welcomed_while_a_large_channel_is_as_busy_as_can_be() {
    let config = EdgeConfig::demo()
        .set("lanes", 1)
        .limit("messages_per_second", 0);
    let edge = config.start().await;
    let heard = Arc::new(AtomicU32::new(0));
    let mut pairs = Vec::new();
    // Nobody of these has to read: what comes in a few seconds fits into the kernel's buffers.
    let mut subscribers = Vec::new();
    for number in 0..SUBSCRIBERS {
        subscribers.push(subscriber(&edge, number).await);
        if number % (SUBSCRIBERS / STREAMS) == 0 {
            let publisher = Client::connect_peer(&edge, "publisher").await;
            let token = without_presence(SUBSCRIBERS + number);
            let mut pacer = Client::connect_token(&edge, &token).await;
            pacer
                .accepted(json!({"type": "subscribe", "channel": "room"}))
                .await;
            pairs.push((number, publisher, pacer));
        }
    }
    // Each stream goes on when its own message is back. As their readers are spread over the channel, one of them is
    // always told while the edge has still many others to write to, so there is never nothing left.
    let mut streams = JoinSet::new();
    for (number, mut publisher, mut pacer) in pairs {
        let heard = Arc::clone(&heard);
        streams.spawn(async move {
            loop {
                let message = json!({"type": "publish", "channel": "room", "data": number});
                publisher.send(&message).await;
                while pacer.expect_type("message").await["data"] != number {}
                heard.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    // Newcomers until the channel has been busy among them.
    let mut slowest = Duration::ZERO;
    let mut newcomers = 0;
    while newcomers < NEWCOMERS || heard.load(Ordering::Relaxed) <= STREAMS {
        let start = Instant::now();
        Client::connect_key(&edge, "pk_live_demo").await;
        slowest = slowest.max(start.elapsed());
        newcomers += 1;
    }
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    assert!(streams.try_join_next().is_none(), "a stream has ended");
}

// A large fan-out is worked off bit by bit, and small messages go in between. They must not overtake it on their way to
// the same client.
#[tokio::test]
async fn a_direct_does_not_overtake_the_fan_out_that_its_sender_sent_before() {
    let config = EdgeConfig::demo()
        .set("lanes", 1)
        .limit("messages_per_second", 0);
    let edge = config.start().await;
    let mut members = Vec::new();
    for number in 0..MEMBERS {
        members.push(subscriber(&edge, number).await);
    }
    let mut sender = Client::connect_peer(&edge, "sender").await;
    // Both in one write, so that they reach the lane together.
    for round in 0..ROUNDS {
        let mut frames = Vec::new();
        frames.push(json!({"type": "publish", "channel": "room", "data": round}));
        for number in (0..MEMBERS).step_by(DIRECTS_STEP) {
            frames.push(json!({"type": "send", "to": format!("peer-{number}"), "data": round}));
        }
        sender.send_all(&frames).await;
    }
    for (number, member) in (0..MEMBERS).zip(&mut members) {
        for round in 0..ROUNDS {
            let message = member.text().await;
            assert_eq!(
                (&message["type"], &message["data"]),
                (&json!("message"), &json!(round))
            );
            if number.is_multiple_of(DIRECTS_STEP as u32) {
                let direct = member.text().await;
                assert_eq!(
                    (&direct["type"], &direct["data"]),
                    (&json!("direct"), &json!(round))
                );
            }
        }
    }
}

// Members leave as soon as the first of them has heard a message, which is then on its way to the others. Who leaves hears it
// before the ack of the unsubscribe or not at all.
#[tokio::test]
async fn nothing_of_a_fan_out_under_way_comes_after_the_ack_of_who_leaves() {
    let edge = EdgeConfig::demo().set("lanes", 1).start().await;
    let mut members = Vec::new();
    for number in 0..MEMBERS {
        members.push(subscriber(&edge, number).await);
    }
    let mut sender = Client::connect_peer(&edge, "sender").await;
    sender
        .send(&json!({"type": "publish", "channel": "room", "data": 1}))
        .await;
    let (first, others) = members.split_first_mut().expect("there are members");
    assert_eq!(first.text().await["type"], "message");
    let leave = json!({"type": "unsubscribe", "channel": "room", "requestId": "u"});
    for member in &mut *others {
        member.send(&RawFrame::text(&leave.to_string())).await;
    }
    for member in others {
        let mut frame = member.text().await;
        if frame["type"] == "message" {
            frame = member.text().await;
        }
        assert_eq!(frame["type"], "ack", "{frame}");
        let ping = json!({"type": "ping", "requestId": "p"});
        member.send(&RawFrame::text(&ping.to_string())).await;
        assert_eq!(
            member.text().await["type"],
            "pong",
            "nothing comes after the ack"
        );
    }
}

/// A member of the large channel, its ack read.
async fn subscriber(edge: &TestEdge, number: u32) -> RawSocket {
    let door = Door::token(&without_presence(number));
    let mut raw = RawSocket::welcomed(edge, &door).await;
    let subscribe = json!({"type": "subscribe", "channel": "room", "requestId": "s"});
    raw.send(&RawFrame::text(&subscribe.to_string())).await;
    assert_eq!(raw.text().await["type"], "ack");
    raw
}

/// A token of a peer that is told nothing of other peers: these tests are about messages alone.
fn without_presence(number: u32) -> String {
    Token::peer(&format!("peer-{number}"))
        .claim("permissions", json!(["subscribe", "publish"]))
        .sign()
}

/// So many that their messages of 30 KB together are more than a mailbox of 1 MiB.
const LATE_CLIENTS: u32 = 50;

/// More than a lane can write to in the time that a stream needs for its next message.
const SUBSCRIBERS: u32 = 1_000;

/// So many that the edge has written to an eighth of the channel only when the next message comes.
const STREAMS: u32 = 8;

/// So many that some of them come amid the large channel's messages.
const NEWCOMERS: u32 = 30;

/// More than a fan-out that is written at once.
const MEMBERS: u32 = 300;
const ROUNDS: u32 = 20;
/// Every so many members gets a direct in each round.
const DIRECTS_STEP: usize = 29;
