//! The lease, checked in every order of events that two edges, three sessions and a failing Redis can produce.
//!
//! - `world`: what there is; `steps`: what can happen; `properties`: what must hold.
//!
//! The rules of the design hold in all of them. Each rule taken away breaks one, which shows that the model can see it.

mod properties;
mod steps;
mod world;

use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model};

use properties::{COMPARED, FENCED, SETTLED, TIMELY, UNIQUE};
use steps::{Audits, CleanUp, Fencing, Rules, Welcome};

/// The lease as it is meant.
const DESIGN: Rules = Rules {
    fencing: Fencing::Clock,
    clean_up: CleanUp::Compared,
    audits: Audits::Done,
    welcome: Welcome::Checked,
    drift: 0,
    faults: 1,
    grants: 3,
};

#[test]
fn the_design_holds_in_every_order_of_events() {
    holds("three sessions, one fault", DESIGN);
}

#[test]
fn the_design_holds_when_the_new_primarys_clock_is_behind() {
    let drift = Rules { drift: 1, ..DESIGN };
    holds("three sessions, one fault, a clock behind", drift);
}

#[test]
fn the_design_holds_when_edges_and_redis_fail_together() {
    let faults = Rules {
        drift: 1,
        grants: 2,
        faults: 2,
        ..DESIGN
    };
    holds("two sessions, two faults, a clock behind", faults);
}

#[test]
fn a_plain_counter_is_no_fence() {
    let counter = Rules {
        fencing: Fencing::Counter,
        ..DESIGN
    };
    fails("counter", counter, UNIQUE);
    fails("counter", counter, TIMELY);
}

#[test]
fn a_clean_up_that_compares_nothing_removes_the_newer_lease() {
    fails(
        "blind clean-up",
        Rules {
            clean_up: CleanUp::Blind,
            ..DESIGN
        },
        COMPARED,
    );
}

#[test]
fn without_audits_a_lost_eviction_leaves_two_sessions() {
    fails(
        "no audit",
        Rules {
            audits: Audits::Omitted,
            ..DESIGN
        },
        SETTLED,
    );
}

#[test]
fn a_welcome_that_ignores_what_was_heard_meanwhile_serves_the_older() {
    fails(
        "blind welcome",
        Rules {
            welcome: Welcome::Blind,
            ..DESIGN
        },
        FENCED,
    );
}

/// Walks the whole state space.
fn holds(name: &str, rules: Rules) {
    let began = Instant::now();
    let checker = rules.checker().threads(2).spawn_bfs().join();
    println!(
        "{name}: {} states, {} of them unique, depth {}, {:.1?}",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth(),
        began.elapsed()
    );
    checker.assert_properties();
}

/// Walks until the counter-example is found.
#[track_caller]
fn fails(name: &str, rules: Rules, property: &'static str) {
    let checker = rules
        .checker()
        .finish_when(HasDiscoveries::AllOf([property].into()))
        .spawn_bfs()
        .join();
    let path = checker.discovery(property);
    let path = path.unwrap_or_else(|| panic!("{name}: nothing contradicts \"{property}\""));
    println!("{name}, against \"{property}\": {:?}", path.into_actions());
}
