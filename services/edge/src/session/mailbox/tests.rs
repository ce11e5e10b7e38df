//! The mailbox on a wire of memory.

use std::time::Duration;

use bytes::Bytes;
use protocol::realtime::limits::SNAPSHOT_DELAY;

use super::super::memory::Memory;
use super::*;

const BOUND: usize = 1_000;

fn topic(name: &str) -> Topic {
    Topic::channel(&"app".parse().unwrap(), name.parse().unwrap())
}

fn wire(room: Option<usize>) -> Wire {
    Wire::Memory(Memory {
        writes: Vec::new(),
        room,
    })
}

fn written(wire: &Wire) -> (String, usize) {
    let Wire::Memory(memory) = wire else {
        panic!("a memory wire")
    };
    (
        String::from_utf8(memory.written()).unwrap(),
        memory.writes.len(),
    )
}

fn give_room(wire: &mut Wire, bytes: usize) {
    let Wire::Memory(memory) = wire else {
        panic!("a memory wire")
    };
    memory.room = Some(bytes);
}

fn shared(text: &'static str) -> Segment {
    Segment::Shared(Bytes::from_static(text.as_bytes()))
}

fn say(mailbox: &mut Mailbox, text: &'static str) {
    mailbox.append(shared(text), Content::Other, BOUND).unwrap();
}

/// What the lane does when gates are due.
fn open_due(mailbox: &mut Mailbox, now: Instant) {
    while let Some(topic) = mailbox.due_topic(now) {
        mailbox.open_gate(format!("<{topic:?}>").into_bytes());
    }
}

#[test]
fn everything_that_waits_leaves_in_one_write_and_leaves_no_heap() {
    let (mut mailbox, mut wire) = (Mailbox::default(), wire(None));
    for text in ["a", "b", "c"] {
        say(&mut mailbox, text);
    }
    assert_eq!(mailbox.flush(&mut wire).unwrap(), Flushed::All);
    assert_eq!(written(&wire), ("abc".into(), 1));
    assert!(mailbox.is_empty());
}

#[test]
fn what_the_wire_does_not_take_stays_in_order() {
    let (mut mailbox, mut wire) = (Mailbox::default(), wire(Some(4)));
    say(&mut mailbox, "abc");
    say(&mut mailbox, "def");
    assert_eq!(mailbox.flush(&mut wire).unwrap(), Flushed::Backlog);
    say(&mut mailbox, "ghi");
    give_room(&mut wire, 100);
    assert_eq!(mailbox.flush(&mut wire).unwrap(), Flushed::All);
    assert_eq!(written(&wire).0, "abcdefghi");
}

#[test]
fn the_bound_counts_what_waits_and_frees_with_what_leaves() {
    let (mut mailbox, mut wire) = (Mailbox::default(), wire(Some(0)));
    say(&mut mailbox, "0123456789");
    let more = || Segment::Own(vec![b'x'; BOUND - 9]);
    assert!(mailbox.append(more(), Content::Other, BOUND).is_err());
    give_room(&mut wire, 1);
    mailbox.flush(&mut wire).unwrap();
    assert!(mailbox.append(more(), Content::Other, BOUND).is_ok());
}

#[test]
fn acks_and_gates_are_bounded_too() {
    let mut mailbox = Mailbox::default();
    let room = topic("room");
    let subscribes = (0..1_000)
        .take_while(|_| {
            mailbox.append_ahead(b"<ack>", BOUND).is_ok()
                && mailbox.close_gate(&room, BOUND).is_ok()
        })
        .count();
    assert!((10..20).contains(&subscribes), "{subscribes}");
    assert!(mailbox.size_bytes() <= BOUND);
}

#[test]
fn what_waits_behind_a_gate_alone_has_more_room_but_not_without_end() {
    let mut mailbox = Mailbox::default();
    mailbox.close_gate(&topic("room"), BOUND).unwrap();
    let frame = || Segment::Own(vec![b'x'; BOUND]);
    let taken = (0..10)
        .take_while(|_| mailbox.append(frame(), Content::Other, BOUND).is_ok())
        .count();
    assert_eq!(taken, GATED_FACTOR - 1);
}

#[test]
fn a_direct_behind_dropped_presence_stays_behind_the_snapshot() {
    let (mut mailbox, mut wire) = (Mailbox::default(), wire(None));
    let (room, other) = (topic("room"), topic("other"));
    let now = Instant::now();
    mailbox.close_gate(&other, BOUND).unwrap();
    mailbox
        .append(shared("<bob joins>"), Content::Presence(&room), BOUND)
        .unwrap();
    say(&mut mailbox, "<direct from bob>");
    mailbox.close_gate(&room, BOUND).unwrap();
    mailbox.answer_gate(&room, now + SNAPSHOT_DELAY);
    mailbox.void_gate(&other);
    open_due(&mut mailbox, now + SNAPSHOT_DELAY);
    mailbox.flush(&mut wire).unwrap();
    assert_eq!(written(&wire).0, format!("<{room:?}><direct from bob>"));
}

#[test]
fn a_gate_lets_the_ack_pass_and_holds_the_rest_until_its_time() {
    let (mut mailbox, mut wire) = (Mailbox::default(), wire(None));
    let room = topic("room");
    let now = Instant::now();
    mailbox.close_gate(&room, BOUND).unwrap();
    say(&mut mailbox, "<message>");
    assert_eq!(mailbox.gate_due(), None, "the join is not answered");
    mailbox.append_ahead(b"<ack>", BOUND).unwrap();
    mailbox.answer_gate(&room, now + SNAPSHOT_DELAY);
    mailbox.flush(&mut wire).unwrap();
    assert_eq!(written(&wire).0, "<ack>");

    let due = mailbox.gate_due().unwrap();
    assert_eq!(due, now + SNAPSHOT_DELAY);
    assert_eq!(mailbox.due_topic(due - Duration::from_nanos(1)), None);
    assert_eq!(mailbox.due_topic(due), Some(room));
    mailbox.open_gate(b"<snapshot>".to_vec());
    mailbox.flush(&mut wire).unwrap();
    assert_eq!(written(&wire), ("<ack><snapshot><message>".into(), 2));
    assert!(mailbox.is_empty());
}

#[test]
fn many_gates_open_together() {
    let (mut mailbox, mut wire) = (Mailbox::default(), wire(None));
    let topics: Vec<Topic> = (0..100).map(|n| topic(&format!("room-{n}"))).collect();
    let bound = 100 * BOUND;
    topics
        .iter()
        .for_each(|topic| mailbox.close_gate(topic, bound).unwrap());
    let now = Instant::now();
    for topic in &topics {
        mailbox.append_ahead(b"a", bound).unwrap();
        mailbox.answer_gate(topic, now + SNAPSHOT_DELAY);
    }
    mailbox.flush(&mut wire).unwrap();
    assert_eq!(written(&wire).0, "a".repeat(100));
    open_due(&mut mailbox, now + SNAPSHOT_DELAY);
    mailbox.flush(&mut wire).unwrap();
    let snapshots: String = topics.iter().map(|topic| format!("<{topic:?}>")).collect();
    assert_eq!(written(&wire).0, "a".repeat(100) + &snapshots);
    assert!(mailbox.is_empty());
}

#[test]
fn a_new_snapshot_replaces_queued_presence_of_its_topic_alone() {
    let (mut mailbox, mut wire) = (Mailbox::default(), wire(None));
    let (room, other) = (topic("room"), topic("other"));
    let now = Instant::now();
    mailbox.close_gate(&other, BOUND).unwrap();
    mailbox
        .append(shared("<old>"), Content::Presence(&room), BOUND)
        .unwrap();
    mailbox
        .append(shared("<kept>"), Content::Presence(&other), BOUND)
        .unwrap();
    mailbox.close_gate(&room, BOUND).unwrap();
    mailbox.answer_gate(&room, now + SNAPSHOT_DELAY);
    mailbox.void_gate(&other);
    open_due(&mut mailbox, now + SNAPSHOT_DELAY);
    mailbox
        .append(shared("<new>"), Content::Presence(&room), BOUND)
        .unwrap();
    mailbox.flush(&mut wire).unwrap();
    assert_eq!(written(&wire).0, format!("<{room:?}><kept><new>"));
    assert!(mailbox.is_empty());
}

#[test]
fn a_gate_without_a_snapshot_lets_everything_through_in_order() {
    let (mut mailbox, mut wire) = (Mailbox::default(), wire(Some(0)));
    let room = topic("room");
    say(&mut mailbox, "<before>");
    mailbox.close_gate(&room, BOUND).unwrap();
    say(&mut mailbox, "<behind>");
    assert_eq!(mailbox.flush(&mut wire).unwrap(), Flushed::Backlog);
    mailbox.void_gate(&room);
    give_room(&mut wire, 100);
    mailbox.flush(&mut wire).unwrap();
    assert_eq!(written(&wire).0, "<before><behind>");
    assert!(mailbox.is_empty());
}

#[test]
fn whoever_leaves_before_the_snapshot_gets_none() {
    let (mut mailbox, mut wire) = (Mailbox::default(), wire(None));
    let room = topic("room");
    mailbox.close_gate(&room, BOUND).unwrap();
    mailbox.append_ahead(b"<ack>", BOUND).unwrap();
    mailbox.answer_gate(&room, Instant::now() + SNAPSHOT_DELAY);
    say(&mut mailbox, "<ack of the unsubscribe>");
    mailbox.void_due_gates(&room);
    mailbox.flush(&mut wire).unwrap();
    assert_eq!(written(&wire).0, "<ack><ack of the unsubscribe>");
    assert!(mailbox.is_empty());
}

#[test]
fn a_close_finishes_the_frame_that_has_begun_and_forgets_the_rest() {
    let (mut mailbox, mut wire) = (Mailbox::default(), wire(Some(2)));
    say(&mut mailbox, "abc");
    say(&mut mailbox, "def");
    mailbox.close_gate(&topic("room"), BOUND).unwrap();
    say(&mut mailbox, "ghi");
    mailbox.flush(&mut wire).unwrap();
    assert_eq!(
        mailbox.close_with(b"!".to_vec(), Backlog::Discard),
        6 + GATE_BYTES
    );
    give_room(&mut wire, 100);
    assert_eq!(mailbox.flush(&mut wire).unwrap(), Flushed::All);
    assert_eq!(written(&wire).0, "abc!");
    assert!(mailbox.is_empty());
}

#[test]
fn no_close_comes_without_the_response_to_the_upgrade() {
    let (mut mailbox, mut wire) = (Mailbox::beginning_with(b"HTTP ".to_vec()), wire(None));
    say(&mut mailbox, "abc");
    assert_eq!(mailbox.close_with(b"!".to_vec(), Backlog::Discard), 3);
    mailbox.flush(&mut wire).unwrap();
    assert_eq!(written(&wire).0, "HTTP !");
    assert!(mailbox.is_empty());
}

#[test]
fn a_polite_close_keeps_the_backlog_and_passes_the_gate() {
    let (mut mailbox, mut wire) = (Mailbox::default(), wire(Some(0)));
    say(&mut mailbox, "abc");
    mailbox.close_gate(&topic("room"), BOUND).unwrap();
    say(&mut mailbox, "def");
    assert_eq!(
        mailbox.close_with(b"!".to_vec(), Backlog::Keep),
        3 + GATE_BYTES
    );
    give_room(&mut wire, 100);
    mailbox.flush(&mut wire).unwrap();
    assert_eq!(written(&wire).0, "abc!");
    assert!(mailbox.is_empty());
}
