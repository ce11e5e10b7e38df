//! The scripts of leases in a real Redis: attaching here, keeping and giving back in `keeping`.

mod keeping;

use std::time::{SystemTime, UNIX_EPOCH};

use super::*;
use crate::origin::LaneId;
use crate::redis::scripts::server::Server;

#[tokio::test]
async fn a_fence_is_the_time_of_redis_to_the_microsecond() {
    let redis = Server::start().await;
    let before = unix_us();
    let (fence, previous) = granted(redis.attach(claim(ALICE)).await);
    assert!((before..=unix_us()).contains(&fence.0), "{fence}");
    assert_eq!(previous, None);
    let held = Held {
        claimant: ALICE.claimant(),
        registration: ALICE.edge(),
        fence,
    };
    assert_eq!(redis.holder(&[]).await, Some(held));
    assert_eq!(redis.holder(&[ALICE.edge()]).await, None);
}

#[tokio::test]
async fn a_fence_is_above_what_is_stored_and_what_the_edge_has_seen() {
    let redis = Server::start().await;
    let ahead = Fence(unix_us() + 3_600_000_001);
    let (fence, _) = granted(
        redis
            .attach(Claim {
                floor: ahead,
                ..claim(ALICE)
            })
            .await,
    );
    assert_eq!(fence.0, ahead.0 + 1);
    let (next, previous) = granted(redis.attach(claim(BOB)).await);
    assert_eq!(next.0, ahead.0 + 2);
    assert_eq!(previous, Some(ALICE.holding(fence)));
}

#[tokio::test]
async fn a_fence_that_lua_cannot_count_is_not_granted() {
    let redis = Server::start().await;
    let (keys, args) = attach(Claim {
        floor: Fence((1 << 53) - 1),
        ..claim(ALICE)
    });
    let reply: Result<Value, _> = ATTACH.evalsha_with_reload(&redis.client, keys, args).await;
    assert!(reply.unwrap_err().details().starts_with("FENCE"));
    assert_eq!(redis.holder(&[]).await, None);
}

#[tokio::test]
async fn claiming_again_what_one_holds_renews_the_fence_alone() {
    let redis = Server::start().await;
    let mut last = Fence::NONE;
    let mut began = None;
    for _ in 0..2 * FREE_TAKEOVERS {
        let Attached::Granted {
            fence,
            since_us,
            previous: None,
        } = redis.attach(claim(ALICE)).await
        else {
            panic!("fought itself")
        };
        assert!(fence > last);
        assert_eq!(*began.get_or_insert(since_us), since_us);
        last = fence;
    }
}

#[tokio::test]
async fn the_fourth_takeover_waits_and_the_newest_waiter_gets_the_lease() {
    let redis = Server::start().await;
    redis.fight().await;
    let holder = redis.holder(&[]).await;
    let older = waits(redis.attach(claim(ALICE)).await);
    let newer = waits(redis.attach(claim(CAROL)).await);
    assert!(older.0 < newer.0);
    assert_eq!(redis.holder(&[]).await, holder);
    let back = |who, place| Claim {
        turn: Turn::Waited(place),
        ..claim(who)
    };
    assert_eq!(redis.attach(back(ALICE, older)).await, Attached::Superseded);
    let (fence, previous) = granted(redis.attach(back(CAROL, newer)).await);
    assert_eq!(previous, holder);
    assert_eq!(redis.attach(back(ALICE, older)).await, Attached::Superseded);
    assert_eq!(redis.holder(&[]).await, Some(CAROL.holding(fence)));
}

#[tokio::test]
async fn whoever_finds_the_lease_free_supersedes_whoever_waits() {
    let redis = Server::start().await;
    let (holder, fence) = redis.fight().await;
    let place = waits(redis.attach(claim(CAROL)).await);
    assert_eq!(redis.release(holder, Some(fence)).await, 1);
    granted(redis.attach(claim(ALICE)).await);
    let back = Claim {
        turn: Turn::Waited(place),
        ..claim(CAROL)
    };
    assert_eq!(redis.attach(back).await, Attached::Superseded);
}

#[tokio::test]
async fn takeovers_of_an_earlier_window_are_forgotten() {
    let redis = Server::start().await;
    redis.fight().await;
    waits(redis.attach(claim(ALICE)).await);
    let long_ago = (unix_us() - TAKEOVER_WINDOW.as_micros() as u64).to_string();
    let age = Script::from_lua(
        "return redis.call('HSET', KEYS[1], 'takeovers', ARGV[1], 'newest', ARGV[1])",
    );
    redis
        .run(&age, (vec![LEASE.into()], vec![long_ago.into()]))
        .await;
    granted(redis.attach(claim(ALICE)).await);
}

#[tokio::test]
async fn a_newcomer_with_manners_is_refused_by_a_living_holder_only() {
    let redis = Server::start().await;
    let polite = |who| Claim {
        manners: Manners::Refuse,
        ..claim(who)
    };
    let (fence, _) = granted(redis.attach(polite(ALICE)).await);
    let Attached::Refused { holder, since_us } = redis.attach(polite(BOB)).await else {
        panic!("not refused")
    };
    assert_eq!((holder, since_us), (ALICE.holding(fence), fence.0));
    let dead = [ALICE.edge()];
    let (_, previous) = granted(
        redis
            .attach(Claim {
                dead: &dead,
                ..polite(BOB)
            })
            .await,
    );
    assert_eq!(previous, None);
}

#[tokio::test]
async fn dead_holders_are_taken_over_from_without_a_fight() {
    let redis = Server::start().await;
    for _ in 0..2 * FREE_TAKEOVERS {
        for (who, dead) in [(ALICE, BOB), (BOB, ALICE)] {
            let (_, previous) = granted(
                redis
                    .attach(Claim {
                        dead: &[dead.edge()],
                        ..claim(who)
                    })
                    .await,
            );
            assert_eq!(previous, None);
        }
    }
}

#[test]
fn replies_that_say_something_else_are_no_answer() {
    let texts = |texts: &[&str]| Value::Array(texts.iter().map(|text| (*text).into()).collect());
    for odd in [
        Value::Null,
        texts(&[]),
        texts(&["granted"]),
        texts(&["granted", "1", "x"]),
        texts(&["granted", "1", "1", "abc", "1", "1"]),
        texts(&["wait"]),
        texts(&["maybe"]),
    ] {
        assert_eq!(parse_attach(odd.clone()), Err(BadReply), "{odd:?}");
    }
    assert_eq!(parse_audit(Value::Null), Err(BadReply));
}

/// A session of an edge of its own.
#[derive(Clone, Copy)]
pub(super) struct Person(pub(super) u64);

const LEASE: &str = "sw:{p7}:lease:0123";
const ALICE: Person = Person(1);
const BOB: Person = Person(2);
const CAROL: Person = Person(3);

impl Person {
    pub(super) fn claimant(self) -> Claimant {
        Claimant {
            incarnation: self.edge(),
            session: SessionId::new(LaneId(0), 1),
        }
    }

    pub(super) fn edge(self) -> Incarnation {
        Incarnation::from_u64(self.0)
    }

    fn holding(self, fence: Fence) -> Held {
        Held {
            claimant: self.claimant(),
            registration: self.edge(),
            fence,
        }
    }

    fn believed(self, fence: Fence) -> Believed {
        Believed {
            lease: LEASE.into(),
            claimant: self.claimant(),
            fence,
            since_us: fence.0,
        }
    }
}

fn claim(who: Person) -> Claim<'static> {
    Claim {
        lease: LEASE.into(),
        takeovers: "takeovers".into(),
        claimant: who.claimant(),
        registration: who.edge(),
        region: "eu",
        floor: Fence::NONE,
        manners: Manners::Evict,
        turn: Turn::First,
        dead: &[],
    }
}

fn lost(fence: Fence, winner: Person) -> Audited {
    let lost = Lost {
        place: 0,
        fence,
        winner: winner.claimant(),
    };
    Audited {
        lost: vec![lost],
        ousted: vec![],
    }
}

impl Server {
    pub(super) async fn attach(&self, claim: Claim<'_>) -> Attached {
        parse_attach(self.run(&ATTACH, attach(claim)).await).unwrap()
    }

    async fn release(&self, who: Person, fence: Option<Fence>) -> u64 {
        let call = release(&[(LEASE.into(), who.claimant(), fence)]);
        self.run(&RELEASE, call).await.as_u64().unwrap()
    }

    async fn audit(&self, who: Person, fence: Fence) -> Audited {
        let call = audit(who.edge(), "eu", &[who.believed(fence)]);
        parse_audit(self.run(&AUDIT, call).await).unwrap()
    }

    async fn holder(&self, dead: &[Incarnation]) -> Option<Held> {
        parse_holder(self.run(&HOLDER, holder(LEASE.into())).await, dead).unwrap()
    }

    /// Uses up the free takeovers; returns who holds the lease in the end.
    async fn fight(&self) -> (Person, Fence) {
        let mut last = None;
        for turn in 0..=FREE_TAKEOVERS {
            let who = [ALICE, BOB][turn % 2];
            last = Some((who, granted(self.attach(claim(who)).await).0));
        }
        last.unwrap()
    }
}

#[track_caller]
fn granted(attached: Attached) -> (Fence, Option<Held>) {
    let Attached::Granted {
        fence, previous, ..
    } = attached
    else {
        panic!("{attached:?}")
    };
    (fence, previous)
}

#[track_caller]
fn waits(attached: Attached) -> Place {
    let Attached::Wait(place) = attached else {
        panic!("{attached:?}")
    };
    place
}

fn unix_us() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_micros() as u64
}
