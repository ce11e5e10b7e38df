//! The suite against the checklist of the specification: no item without a test.

use testkit::Checklist;

#[test]
fn every_checklist_number_has_a_test() {
    let checklist = Checklist {
        suite: "conformance",
        last: 94,
        // What one edge alone cannot show. It is tested with several edges.
        elsewhere: &[36, 37, 51],
    };
    checklist.assert_complete();
}
