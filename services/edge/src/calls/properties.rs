//! What holds for a call, whatever its participants do and in whatever order.

use std::collections::HashMap;

use proptest::prelude::*;
use protocol::device::{Jsep, JsepKind, Json, What};

use super::call::{Call, End, Leg, Role, Stage};
use super::transitions::{Applied, Refusal, Request};

const DEVICES: usize = 3;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    Asked(Role, Request),
    Missed(usize),
    Abandoned(Role),
    RangOut,
}

fn jsep(kind: JsepKind, sdp: &str) -> Jsep {
    let json = Json::of(&sdp);
    Jsep { kind, json }
}

fn offer(sdp: &str) -> Jsep {
    jsep(JsepKind::Offer, sdp)
}

fn answer(sdp: &str) -> Jsep {
    jsep(JsepKind::Answer, sdp)
}

fn leg(user: &str, device: &str, line: u8) -> Leg {
    Leg {
        user: user.parse().unwrap(),
        device: device.parse().unwrap(),
        line,
        number: format!("number of {user}").parse().unwrap(),
        name: None,
        has_left: false,
    }
}

/// Alice calls Bob, who has some devices.
fn call(devices: usize) -> Call {
    Call {
        id: "a".repeat(24).parse().unwrap(),
        caller: leg("alice", "phone", 0),
        callee: "1002".parse().unwrap(),
        callees: (0..devices)
            .map(|device| leg("bob", &format!("d{device}"), 1))
            .collect(),
        offer: offer("first").json,
        began_ms: 1,
        stage: Stage::Ringing,
    }
}

fn roles() -> impl Strategy<Value = Role> {
    prop_oneof![
        Just(Role::Caller),
        (0..DEVICES).prop_map(Role::Callee),
        (0..DEVICES).prop_map(Role::Callee)
    ]
}

fn requests() -> impl Strategy<Value = Request> {
    prop_oneof![
        3 => Just(Request::Accept(answer("one"))),
        1 => Just(Request::Decline),
        1 => Just(Request::HangUp),
        2 => Just(Request::Update(offer("more"))),
        2 => Just(Request::Update(answer("yes"))),
        1 => Just(Request::Hold),
        1 => Just(Request::Unhold),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (roles(), requests()).prop_map(|(role, request)| Step::Asked(role, request)),
        1 => (0..DEVICES).prop_map(Step::Missed),
        1 => roles().prop_map(Step::Abandoned),
        1 => Just(Step::RangOut),
    ];
    prop::collection::vec(step, 0..24)
}

fn take(call: &mut Call, step: &Step, now_ms: u64) -> Result<Applied, Refusal> {
    match step {
        Step::Asked(role, request) => call.apply(*role, request.clone(), now_ms),
        Step::Missed(callee) => Ok(call.miss(*callee)),
        Step::Abandoned(role) => Ok(call.abandon(*role)),
        Step::RangOut => Ok(call.ring_out()),
    }
}

fn asker(step: &Step) -> Option<Role> {
    match step {
        Step::Asked(role, _) => Some(*role),
        Step::Missed(_) | Step::Abandoned(_) | Step::RangOut => None,
    }
}

const fn is_hangup(event: &What) -> bool {
    matches!(event, What::Hangup { .. })
}

proptest! {
    #[test]
    fn whatever_happens_everybody_hears_one_end_and_one_device_answers(steps in steps()) {
        let mut call = call(DEVICES);
        let mut ends: HashMap<Role, usize> = HashMap::new();
        let mut answered = None;
        for (step, now_ms) in steps.iter().zip(2..) {
            let before = call.clone();
            let Ok(applied) = take(&mut call, step, now_ms) else {
                prop_assert_eq!(&before, &call, "a refusal changes nothing");
                continue;
            };
            prop_assert_eq!(applied.changed, before != call);
            for (role, event) in &applied.told {
                let is_repeat = !applied.changed && asker(step) == Some(*role);
                prop_assert!(is_repeat || before.holds(*role), "{:?} has left and hears {:?}", role, event);
                if is_hangup(event) && !is_repeat {
                    *ends.entry(*role).or_default() += 1;
                }
            }
            if let Stage::Talking { callee, .. } = call.stage {
                prop_assert_eq!(*answered.get_or_insert(callee), callee, "the first has it");
                prop_assert_eq!(call.present().collect::<Vec<_>>(), [Role::Caller, Role::Callee(callee)]);
            }
            if before.has_ended() {
                prop_assert_eq!(&before, &call, "the end is the end");
            }
        }
        prop_assert!(ends.values().all(|times| *times == 1), "{:?}", ends);
        if call.has_ended() {
            prop_assert!(ends.contains_key(&Role::Caller));
        }
    }

    #[test]
    fn the_same_request_again_changes_nothing_and_disturbs_nobody_else(steps in steps()) {
        let mut call = call(DEVICES);
        for step in &steps {
            let first = take(&mut call, step, 2);
            // Whoever sends the same offer or answer on another socket cannot be told from somebody who means it again.
            if matches!(step, Step::Asked(_, Request::Update(_))) {
                continue;
            }
            let before = call.clone();
            let again = take(&mut call, step, 2);
            prop_assert_eq!(&before, &call);
            if let (Ok(_), Ok(again)) = (first, again) {
                prop_assert!(!again.changed);
                prop_assert!(again.told.iter().all(|(role, _)| Some(*role) == asker(step)));
            }
        }
    }

    #[test]
    fn the_log_is_one_that_a_client_takes_up(steps in steps()) {
        let mut call = call(DEVICES);
        for step in &steps {
            let _ = take(&mut call, step, 2);
            for role in call.present().collect::<Vec<_>>() {
                let log = call.log(role);
                prop_assert!(log.is_sorted_by_key(|(at, _)| std::cmp::Reverse(*at)), "newest first");
                let (oldest, newest) = (&log.last().unwrap().1, &log[0].1);
                let is_incoming = matches!(oldest, What::IncomingCall { .. });
                prop_assert_eq!(is_incoming, role != Role::Caller, "the oldest tells the direction");
                prop_assert!(!log.iter().any(|(_, event)| is_hangup(event)));
                match &call.stage {
                    Stage::Ringing => prop_assert!(role == Role::Caller || log.len() == 1),
                    Stage::Talking { pending, .. } => {
                        let owes = pending.as_ref().is_some_and(|pending| pending.by != role);
                        let is_accepted = matches!(newest, What::Accepted { .. });
                        prop_assert_eq!(is_accepted, !owes);
                    }
                    Stage::Ended(_) => unreachable!("nobody is present after the end"),
                }
            }
        }
    }

    #[test]
    fn a_call_reads_back_as_it_was_kept(steps in steps()) {
        let mut call = call(DEVICES);
        for step in &steps {
            let _ = take(&mut call, step, 2);
        }
        let kept = serde_json::to_string(&call).unwrap();
        prop_assert_eq!(serde_json::from_str::<Call>(&kept).unwrap(), call);
    }
}

/// What everybody hears, as `role: event` with the codes.
fn heard(applied: &Applied) -> Vec<String> {
    let say = |(role, event): &(Role, What)| {
        let who = match role {
            Role::Caller => "caller".to_owned(),
            Role::Callee(callee) => callee.to_string(),
        };
        let what = if let What::Hangup { code, .. } = event {
            format!("hangup {code}")
        } else if let What::Declining { code } = event {
            format!("declining {code}")
        } else if let What::Accepted { jsep: Some(_), .. } = event {
            "accepted with jsep".to_owned()
        } else {
            let text = format!("{event:?}");
            text.split(' ').next().unwrap().to_lowercase()
        };
        format!("{who}: {what}")
    };
    applied.told.iter().map(say).collect()
}

fn ask(call: &mut Call, role: Role, request: Request) -> Vec<String> {
    heard(&call.apply(role, request, 2).unwrap())
}

#[test]
fn a_call_from_ring_to_end() {
    let mut call = call(2);
    let accept = Request::Accept(answer("one"));
    assert_eq!(
        ask(&mut call, Role::Callee(1), accept.clone()),
        ["1: accepted", "caller: accepted with jsep", "0: hangup 487"]
    );
    assert_eq!(
        call.apply(Role::Callee(0), accept, 3),
        Err(Refusal::Gone),
        "the second is too late"
    );
    let offered = Request::Update(offer("video"));
    assert_eq!(
        ask(&mut call, Role::Caller, offered.clone()),
        ["caller: updating", "1: updatingcall"]
    );
    assert_eq!(
        call.apply(Role::Callee(1), offered, 3),
        Err(Refusal::WrongState)
    );
    let answered = Request::Update(answer("video"));
    assert_eq!(
        ask(&mut call, Role::Callee(1), answered.clone()),
        ["1: updating", "1: updated", "caller: accepted with jsep"]
    );
    assert_eq!(
        call.apply(Role::Callee(1), answered, 3),
        Err(Refusal::UnexpectedAnswer)
    );
    assert_eq!(
        ask(&mut call, Role::Callee(1), Request::Hold),
        ["1: holding"]
    );
    assert_eq!(
        ask(&mut call, Role::Callee(1), Request::HangUp),
        ["1: hangingup", "caller: hangup 200", "1: hangup 200"]
    );
    assert_eq!(
        ask(&mut call, Role::Callee(1), Request::HangUp),
        ["1: hangup 200"]
    );
}

#[test]
fn whoever_declines_declines_for_all_devices() {
    let mut declined = call(2);
    assert_eq!(
        ask(&mut declined, Role::Callee(0), Request::Decline),
        [
            "0: declining 486",
            "caller: hangup 486",
            "0: hangup 486",
            "1: hangup 487"
        ]
    );
    let mut cancelled = call(2);
    assert_eq!(
        ask(&mut cancelled, Role::Caller, Request::HangUp),
        [
            "caller: hangingup",
            "caller: hangup 487",
            "0: hangup 487",
            "1: hangup 487"
        ]
    );
}

#[test]
fn the_last_device_that_cannot_be_reached_ends_the_call() {
    let mut call = call(2);
    assert_eq!(heard(&call.miss(0)), [""; 0]);
    assert_eq!(heard(&call.miss(1)), ["caller: hangup 480"]);
    assert_eq!(call.stage, Stage::Ended(End::Unavailable));
}

#[test]
fn who_does_not_come_back_ends_an_answered_call() {
    let mut call = call(2);
    ask(&mut call, Role::Callee(0), Request::Accept(answer("one")));
    assert_eq!(heard(&call.abandon(Role::Callee(1))), [""; 0]);
    assert_eq!(
        heard(&call.abandon(Role::Callee(0))),
        ["caller: hangup 480", "0: hangup 480"]
    );
}
