//! The suite against the checklist of the specification: no item without a test.

use testkit::Checklist;

#[test]
fn every_checklist_number_has_a_test() {
    let checklist = Checklist {
        suite: "device",
        last: 56,
        elsewhere: &[],
    };
    checklist.assert_complete();
}
