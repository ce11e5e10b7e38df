//! The driver against the floor, on real sockets but without processes or pinned cores.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use super::counters::Counters;
use super::crowd::{self, Crowd};
use super::floor::Floor;
use super::pace::Pace;
use super::pairs::{self, Pairs};
use super::stage::{Part, Stage};
use super::wire::Answer;
use crate::DEADLINE;
use crate::redis::RedisServer;

const ADDRESSES: u8 = 2;

/// A floor on a thread that ends with the test process.
fn floor() -> SocketAddr {
    let floor = Floor::open(|| 0).unwrap();
    let address = floor.address().unwrap();
    thread::spawn(move || floor.serve());
    address
}

/// Two floors that a Redis joins.
fn joined(redis: SocketAddr) -> [SocketAddr; 2] {
    [0, 1].map(|place| {
        let mut floor = Floor::open(|| 0).unwrap();
        floor.join(redis, place).unwrap();
        let address = floor.address().unwrap();
        thread::spawn(move || floor.serve());
        address
    })
}

fn played(floors: &[SocketAddr], parts: Vec<Box<dyn Part>>) -> Stage {
    let mut stage = Stage::new(floors, ADDRESSES, parts).unwrap();
    stage.gather(8, DEADLINE).unwrap();
    stage.begin();
    stage.play(Duration::from_millis(50)).unwrap();
    stage.settle(DEADLINE).unwrap();
    stage
}

#[test]
fn a_fan_out_in_a_window_arrives_whole_in_one_write_per_receiver_and_batch() {
    let floor = floor();
    let crowd = Crowd::new(20, 128, crowd::Drive::Window(4));
    let outcome = played(&[floor], vec![Box::new(crowd)]).outcome().unwrap();
    assert!(outcome.tally.is_clean(), "{:?}", outcome.tally);
    assert!(outcome.units > 0 && outcome.units.is_multiple_of(80));
    let counters = Counters::fetch(floor).unwrap();
    assert_eq!(counters.deliveries, outcome.units);
    assert_eq!(counters.writes, counters.writes_due);
}

#[test]
fn pairs_answer_each_other_beside_a_fan_out() {
    let pairs = Pairs::new(3, Answer::Silence, pairs::Drive::Window(1));
    let crowd = Crowd::new(5, 128, crowd::Drive::Paced(Pace::per_second(500.0)));
    let outcome = played(&[floor()], vec![Box::new(pairs), Box::new(crowd)])
        .outcome()
        .unwrap();
    assert!(outcome.tally.is_clean(), "{:?}", outcome.tally);
    assert!(outcome.units > 0);
    assert_eq!(outcome.latency.len(), outcome.units);
}

#[test]
fn acks_that_a_server_owes_are_missed() {
    let pairs = Pairs::new(1, Answer::Ack, pairs::Drive::Window(1));
    let mut stage = Stage::new(&[floor()], ADDRESSES, vec![Box::new(pairs)]).unwrap();
    stage.gather(8, DEADLINE).unwrap();
    stage.play(Duration::from_millis(20)).unwrap();
    // The floor acknowledges no directs, so nothing is worth waiting for.
    stage.settle(Duration::from_millis(20)).unwrap();
    assert!(stage.outcome().unwrap().tally.unanswered > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn floors_that_are_joined_bring_everything_across_in_one_write_per_receiver_and_batch() {
    let redis = RedisServer::start().await;
    let floors = joined(redis.address());
    let crowd = Crowd::new(20, 128, crowd::Drive::Window(64));
    let pairs = Pairs::new(3, Answer::Silence, pairs::Drive::Window(8));
    let outcome = played(&floors, vec![Box::new(crowd), Box::new(pairs)])
        .outcome()
        .unwrap();
    assert!(outcome.tally.is_clean(), "{:?}", outcome.tally);
    assert!(outcome.units > 0 && outcome.units.is_multiple_of(64 * 20));
    let [near, far] = floors.map(|floor| Counters::fetch(floor).unwrap());
    assert!(far.deliveries >= outcome.units);
    // Answers of the far ends, and nothing that has not crossed.
    assert!(near.deliveries > 0 && near.deliveries < far.deliveries);
    for counters in [near, far] {
        assert_eq!(counters.writes, counters.writes_due);
    }
    let published = redis.command_stats().await.calls("publish");
    assert!(published > 0 && published < near.deliveries + far.deliveries);
}
