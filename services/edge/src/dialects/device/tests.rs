//! A session's decisions, by plain values: what it is told, what it wants done, and when it ends.

use cluster::records::RecordVersion;
use cluster::{Fence, Moment, SessionId, in_process};
use serde_json::value::RawValue;

use super::*;
use crate::tenancy::{Signer, sample};

struct Session {
    device: Device,
    actions: Actions,
}

impl Session {
    fn new(requests: Rate) -> Self {
        let key = sample::key("sk_id", &["**"], &["publish"]);
        let tenancy = sample::tenancy(&[("app", &[key])]);
        let key = tenancy.key("sk_id").unwrap();
        let app = key.app.id.clone();
        let party = Party {
            app: app.clone(),
            user: "alice".parse().unwrap(),
            device: "phone".parse().unwrap(),
            number: None,
            name: None,
            lines: 2,
            session: SessionId::NONE,
            fence: Fence::NONE,
        };
        let cluster = in_process::World::new(0).enter(Vec::new());
        let limits = Limits {
            requests,
            frame_bytes: 1000,
            keepalive_interval: Duration::from_secs(30),
        };
        let signer = Signer::Key(Arc::clone(key));
        let meter = cluster.quotas.meter(&app);
        Self {
            device: Device::new(signer, Arc::new(party), stamp(), meter, limits),
            actions: Actions::default(),
        }
    }

    fn unlimited() -> Self {
        Self::new(Rate {
            per_second: 0,
            burst: 0,
        })
    }

    fn begun(knows: Vec<Moment>) -> Self {
        let mut session = Self::unlimited();
        let frame = json("state");
        session.hear(Input::Outcome(&Outcome::Begun { frame, knows }));
        assert_eq!(session.said(), ["state"]);
        session
    }

    fn hear(&mut self, input: Input<'_>) {
        let now = Now {
            instant: std::time::Instant::now(),
            ms: 0,
            unix_s: 0,
        };
        self.device.decide(input, now, &mut self.actions);
    }

    fn ask(&mut self, transaction: &str) {
        let text = format!(
            r#"{{"request":"hangup","transaction":"{transaction}","line":0,"call_id":"c"}}"#
        );
        self.hear(Input::Text(&text));
    }

    fn answer(&mut self, transaction: &str) {
        let outcome = Outcome::Answered {
            request: transaction.into(),
            verdict: Verdict::Accepted,
            frame: json("ack"),
        };
        self.hear(Input::Outcome(&outcome));
    }

    /// How many requests it wants carried out, since this was last asked.
    fn asked(&mut self) -> usize {
        let list = self.actions.list.drain(..);
        list.filter(|action| matches!(action, Action::Ask(_)))
            .count()
    }

    fn closes(&mut self) -> Option<CloseReason> {
        self.actions.list.drain(..).find_map(|action| match action {
            Action::Close(reason) => Some(reason),
            Action::Ask(_)
            | Action::Heard(_)
            | Action::Join { .. }
            | Action::Leave { .. }
            | Action::Publish { .. } => None,
        })
    }

    /// The frames it said, each a JSON string or cut to its response and code.
    fn said(&mut self) -> Vec<String> {
        let mut bytes = std::mem::take(&mut self.actions.replies);
        let mut at = 0;
        let mut said = Vec::new();
        while at < bytes.len() {
            let (header, length) = match bytes[at + 1] {
                126 => (4, u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]).into()),
                short => (2, usize::from(short)),
            };
            let payload = &mut bytes[at + header..at + header + length];
            let value: serde_json::Value = serde_json::from_slice(payload).unwrap();
            said.push(match value.as_str() {
                Some(text) => text.to_owned(),
                None => format!("{} {}", value["response"], value["code"]),
            });
            at += header + length;
        }
        said
    }
}

fn json(text: &str) -> Box<RawValue> {
    serde_json::value::to_raw_value(text).unwrap()
}

fn moment(record: &str, version: u64) -> Moment {
    Moment {
        record: record.into(),
        version: RecordVersion(version),
    }
}

fn news(text: &str, of: Option<Moment>) -> News {
    News {
        of,
        frame: json(text),
    }
}

#[test]
fn news_waits_for_the_state_and_what_the_state_has_told_is_none() {
    let mut session = Session::unlimited();
    for (text, of) in [
        ("older", Some(moment("call", 4))),
        ("as told", Some(moment("call", 5))),
        ("newer", Some(moment("call", 6))),
        ("newer too", Some(moment("call", 6))),
        ("another call", Some(moment("other", 1))),
        ("of no call", None),
    ] {
        session.hear(Input::News(&news(text, of)));
    }
    assert!(session.said().is_empty());
    let begun = Outcome::Begun {
        frame: json("state"),
        knows: vec![moment("call", 5)],
    };
    session.hear(Input::Outcome(&begun));
    let expected = ["state", "newer", "newer too", "another call", "of no call"];
    assert_eq!(session.said(), expected);
    assert_eq!(session.actions.tally.events, 4);
    session.hear(Input::News(&news("late", Some(moment("call", 5)))));
    session.hear(Input::News(&news("live", Some(moment("call", 7)))));
    assert_eq!(session.said(), ["live"]);
}

#[test]
fn too_much_news_before_the_state_ends_the_session() {
    let mut session = Session::unlimited();
    for _ in 0..NEWS_KEPT {
        session.hear(Input::News(&news("x", None)));
    }
    assert_eq!(session.closes(), None);
    session.hear(Input::News(&news("x", None)));
    assert_eq!(session.closes(), Some(CloseReason::SlowConsumer));
}

#[test]
fn a_state_that_cannot_be_had_ends_the_session() {
    let mut session = Session::unlimited();
    session.hear(Input::Outcome(&Outcome::Failed));
    assert_eq!(session.closes(), Some(CloseReason::BackendUnavailable));
}

#[test]
fn a_request_that_comes_again_is_carried_out_once() {
    let mut session = Session::begun(Vec::new());
    session.ask("t");
    session.ask("t");
    assert_eq!(session.asked(), 1);
    assert!(session.said().is_empty());
    session.answer("t");
    session.ask("t");
    assert_eq!(session.asked(), 0);
    assert_eq!(session.said(), ["ack", "ack"]);
}

#[test]
fn more_requests_without_an_answer_than_are_remembered_are_refused() {
    let mut session = Session::begun(Vec::new());
    for number in 0..100 {
        session.ask(&format!("t-{number}"));
    }
    assert_eq!(session.asked(), 32);
    assert_eq!(session.said(), vec!["\"error\" 490"; 68]);
    session.answer("t-0");
    session.ask("t-100");
    assert_eq!((session.asked(), session.said().len()), (1, 1));
}

#[test]
fn a_flood_is_refused_and_then_ends_the_session() {
    let mut session = Session::new(Rate {
        per_second: 1,
        burst: 10,
    });
    for number in 0..110 {
        session.ask(&format!("t-{number}"));
        session.answer(&format!("t-{number}"));
    }
    assert_eq!(session.asked(), 10);
    session.ask("one more");
    assert_eq!(session.closes(), Some(CloseReason::OverMessageRate));
}

#[test]
fn what_is_no_frame_ends_the_session() {
    let mut session = Session::begun(Vec::new());
    session.hear(Input::Text("[]"));
    assert_eq!(session.closes(), Some(CloseReason::NotUnderstood));
    session.hear(Input::Binary(b"{}"));
    assert_eq!(session.closes(), Some(CloseReason::NotUnderstood));
}

fn stamp() -> Stamp {
    Stamp::read("{}", None)
}
