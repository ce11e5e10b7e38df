//! The suite against the checklist of the specification: no item without a test.

use testkit::Checklist;

#[test]
fn every_checklist_number_has_a_test() {
    let checklist = Checklist {
        suite: "rooms",
        last: 65,
        // The real browser call, which `tests/room/node` makes.
        elsewhere: &[59],
    };
    checklist.assert_complete();
}
