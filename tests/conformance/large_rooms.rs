//! Rooms whose snapshots are larger than a mailbox: whoever reads gets them whole, whoever does not costs nothing.

use serde_json::{Value, json};
use testkit::{Client, Door, EdgeConfig, RawFrame, RawSocket, TestEdge, Token};

// The snapshot alone is more than the mailbox holds, and the ack of the publish waits behind it. What only the edge holds
// back is no sign of a slow reader.
#[tokio::test]
async fn a_newcomer_to_a_large_room_may_publish_in_the_same_write_as_it_subscribes() {
    let edge = TestEdge::demo().await;
    let mut members = Vec::new();
    for number in 0..300 {
        members.push(member(&edge, number, 3_900, &rooms(1)).await);
    }
    let door = Door::token(&Token::peer("newcomer").sign());
    let mut newcomer = RawSocket::welcomed(&edge, &door).await;
    let frames = [
        json!({"type": "subscribe", "channel": "room-0", "requestId": "subscribe"}),
        json!({"type": "publish", "channel": "room-0", "data": "hello", "requestId": "publish"}),
    ];
    let bytes = frames.map(|frame| RawFrame::text(&frame.to_string()).to_bytes());
    newcomer.write(&bytes.concat()).await;
    let mut acks = Vec::new();
    let mut seen = 0;
    while acks.len() < 2 || seen < members.len() {
        let frame = newcomer.text().await;
        match frame["type"].as_str() {
            Some("ack") => acks.push(frame["requestId"].clone()),
            Some("presence") => seen += joined(&frame),
            other => panic!("unexpected {other:?}: {frame}"),
        }
    }
    assert_eq!(acks, ["subscribe", "publish"]);
    assert_eq!(seen, members.len());
    for member in &mut members {
        assert_eq!(member.expect_type("message").await["data"], "hello");
    }
}

// A client that comes back replays all its channels at once (spec realtime §7.4). Together their snapshots are several
// times a mailbox, which the client has no part in.
#[tokio::test]
async fn a_hundred_channels_of_fifty_members_are_replayed_in_one_burst() {
    let edge = TestEdge::demo().await;
    let rooms = rooms(100);
    let mut members = Vec::new();
    for number in 0..50 {
        members.push(member(&edge, number, 1_200, &rooms).await);
    }
    let mut newcomer = Client::connect_peer(&edge, "newcomer").await;
    let mut burst: Vec<Value> = rooms.iter().map(|room| subscribe(room, room)).collect();
    burst.push(
        json!({"type": "publish", "channel": "room-7", "data": "back", "requestId": "publish"}),
    );
    newcomer.send_all(&burst).await;
    members[0].direct("newcomer", "welcome back").await;

    let (mut acked, mut shown, mut directs) = (Vec::new(), Vec::new(), 0);
    while acked.len() < 101 || shown.len() < 100 || directs < 1 {
        let frame = newcomer.next_frame().await;
        match frame["type"].as_str() {
            Some("ack") => acked.push(frame["requestId"].clone()),
            Some("presence") => {
                let room = &frame["channel"];
                assert_eq!(joined(&frame), members.len(), "{room}");
                assert!(acked.contains(room), "{room} was shown before its ack");
                shown.push(room.clone());
            }
            Some("direct") => directs += 1,
            other => panic!("unexpected {other:?}: {frame}"),
        }
    }
    newcomer.expect_quiet().await;
    let message = members[0].expect_type("message").await;
    assert_eq!(message["data"], "back");
}

// Each subscribe is a few dozen bytes and asks for a snapshot of 600 KB. Made before they can be written, the snapshots of
// a single client would take all memory of the edge.
#[tokio::test]
async fn a_client_that_subscribes_without_end_and_never_reads_takes_no_memory() {
    let config = EdgeConfig::demo().limit("messages_per_second", 0);
    let edge = config.start().await;
    let mut members = Vec::new();
    for number in 0..200 {
        members.push(member(&edge, number, 3_000, &rooms(1)).await);
    }
    let door = Door::token(&Token::peer("deaf").sign());
    let mut deaf = RawSocket::welcomed(&edge, &door).await;
    let before = edge.peak_resident_bytes();
    let again = RawFrame::text(&subscribe("room-0", "again").to_string());
    let [alice, bob] = &mut members[..2] else {
        unreachable!("there are two hundred members");
    };
    let others = async {
        for number in 0..50 {
            alice.publish("room-0", number).await;
            assert_eq!(bob.expect_type("message").await["data"], number);
        }
    };
    let again = again.to_bytes().repeat(1_000);
    tokio::join!(deaf.write_until_hung_up(&again), others);
    let grown = edge.peak_resident_bytes() - before;
    assert!(grown < 20 << 20, "the edge took {} KiB more", grown >> 10);
    members[0].publish("room-0", "after").await;
    assert_eq!(members[1].expect_type("message").await["data"], "after");
}

/// A member with so much metadata in all these rooms. It is told nothing of the others, so that a room costs its size
/// and not the square of it.
async fn member(edge: &TestEdge, number: u32, metadata_bytes: usize, rooms: &[String]) -> Client {
    let token = Token::peer(&format!("member-{number}"))
        .claim("permissions", json!(["subscribe", "publish", "send"]))
        .claim("peerMetadata", json!({"about": "x".repeat(metadata_bytes)}));
    let mut member = Client::connect_token(edge, &token.sign()).await;
    let subscribes: Vec<Value> = rooms.iter().map(|room| subscribe(room, room)).collect();
    member.send_all(&subscribes).await;
    for room in rooms {
        assert_eq!(member.expect_type("ack").await["requestId"], room.as_str());
    }
    member
}

fn rooms(count: u32) -> Vec<String> {
    (0..count).map(|number| format!("room-{number}")).collect()
}

fn subscribe(channel: &str, request: &str) -> Value {
    json!({"type": "subscribe", "channel": channel, "requestId": request})
}

/// How many a presence frame says are there.
fn joined(frame: &Value) -> usize {
    frame["joined"].as_array().map_or(0, Vec::len)
}
