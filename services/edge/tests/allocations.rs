//! What a delivery allocates: nothing, beyond the frames that all receivers share.

use std::alloc::System;

use edge::workbench::{Workbench, client_frame};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Rounds before anything is counted: queues and tables have then grown as far as they do.
const WARM_UP: usize = 50;
const ROUNDS: usize = 200;

/// What a message may take to be taken in, published and answered, however many hear it: topic, envelope, data, frame.
const PER_MESSAGE: usize = 16;

// One test, since the count is the whole process's.
#[test]
fn nothing_is_allocated_per_delivery() {
    let few = per_round(&mut crowd(200), PUBLISH, 1);
    let many = per_round(&mut crowd(2_000), PUBLISH, 1);
    assert_eq!(few, many, "ten times the listeners, no more allocations");
    assert!(many <= PER_MESSAGE, "{many} for one message to 2,000");

    let (few, many) = (
        per_round(&mut crowd(10), PUBLISH, 64),
        per_round(&mut crowd(100), PUBLISH, 64),
    );
    assert_eq!(few, many, "the same in a batch");
    assert!(many <= 64 * PER_MESSAGE, "{many} for 64 messages to 100");

    let mut pair = Workbench::new(2);
    for (name, said) in [("direct", SEND), ("acknowledged direct", SEND_ACKED)] {
        let allocations = per_round(&mut pair, said, 1);
        println!("{name}: {allocations} allocations");
        assert!(allocations <= PER_MESSAGE, "{allocations} for one {name}");
    }
}

const PUBLISH: &str = r#"{"type":"publish","channel":"room","data":"hello"}"#;
const SEND: &str = r#"{"type":"send","to":"peer-1","data":"hello"}"#;
const SEND_ACKED: &str = r#"{"type":"send","to":"peer-1","data":"hello","requestId":"q"}"#;

/// A session that publishes, and so many that listen.
fn crowd(listeners: usize) -> Workbench {
    let mut bench = Workbench::new(1 + listeners);
    let subscribe = client_frame(r#"{"type":"subscribe","channel":"room"}"#);
    for session in 1..=listeners {
        bench.say(session, &subscribe);
        bench.settle();
    }
    bench
}

/// Allocations in one round, in which the first session says something so many times in one write. Growing counts too.
fn per_round(bench: &mut Workbench, text: &str, times: usize) -> usize {
    let said = client_frame(text).repeat(times);
    let mut play = |rounds| {
        for _ in 0..rounds {
            bench.say(0, &said);
            bench.settle();
        }
    };
    play(WARM_UP);
    let before = ALLOCATOR.stats();
    play(ROUNDS);
    let after = ALLOCATOR.stats();
    let all =
        (after.allocations + after.reallocations) - (before.allocations + before.reallocations);
    all.div_ceil(ROUNDS)
}
