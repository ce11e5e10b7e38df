//! The scripts against the in-process backend: whatever is asked of both, they say the same.

use std::cell::Cell;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::lease::{ATTACH, Attached, Claim, Claimant, HOLDER, Manners, RELEASE};
use super::quota::{AppKeys, CLOSE_SESSION, OPEN_SESSION, Opened, USAGE};
use super::server::Server;
use super::{lease, quota};
use crate::Cluster;
use crate::in_process::World;
use crate::leases::{Attach, Fence, Holder, LeaseKey, Place, Turn};
use crate::origin::{Incarnation, LaneId, SessionId};
use crate::quotas::{Allowance, Overage, Period, SessionSlot, SlotError};

#[derive(Clone, Debug)]
enum Step {
    /// A session of an edge attaches.
    Attach(usize, u64),
    /// The n-th of those that were told to wait comes back.
    Return(usize),
    /// The n-th grant is given back, by whom it was made to.
    Release(usize),
    /// An edge ends, another one takes its place.
    End(usize),
    Open(usize),
    /// The n-th slot that is still held.
    Close(usize),
}

#[test]
fn leases_and_sessions_are_judged_as_in_process() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let redis = runtime.block_on(Server::start());
    let cases = Cell::new(0);
    let steps = proptest::collection::vec(step(), 1..40);
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 64,
        ..ProptestConfig::default()
    });
    let run = runner.run(
        &(steps, 1_u64..6, any::<bool>()),
        |(steps, most, is_soft)| {
            cases.set(cases.get() + 1);
            let overage = if is_soft {
                Overage::Counted
            } else {
                Overage::Refused
            };
            let allowance = Allowance {
                sessions: Some(most),
                overage,
                ..Allowance::default()
            };
            let mut pair = Pair::new(&redis, cases.get(), allowance);
            runtime.block_on(async {
                for step in &steps {
                    pair.take(step).await;
                }
            });
            Ok(())
        },
    );
    if let Err(failed) = run {
        panic!("{failed}");
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0_usize..2, 1_u64..4).prop_map(|(edge, session)| Step::Attach(edge, session)),
        4 => (0_usize..8).prop_map(Step::Return),
        4 => (0_usize..8).prop_map(Step::Release),
        1 => (0_usize..2).prop_map(Step::End),
        6 => (0_usize..2).prop_map(Step::Open),
        4 => (0_usize..8).prop_map(Step::Close),
    ]
}

/// Both backends, and what was granted by either so far. The keys in Redis are the case's own.
struct Pair<'a> {
    redis: &'a Server,
    case: usize,
    world: Arc<World>,
    edges: [Cluster; 2],
    dead: Vec<Incarnation>,
    allowance: Allowance,
    /// Who waits, with the place that each backend gave.
    waiting: Vec<(usize, Claimant, [Place; 2])>,
    grants: Vec<Grant>,
    slots: Vec<(usize, SessionSlot)>,
}

/// One claim, with the fence of each backend.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Grant {
    claimant: Claimant,
    fences: [Fence; 2],
}

impl<'a> Pair<'a> {
    fn new(redis: &'a Server, case: usize, allowance: Allowance) -> Self {
        let world = World::new(0);
        Self {
            redis,
            case,
            edges: [world.enter(Vec::new()), world.enter(Vec::new())],
            world,
            dead: Vec::new(),
            allowance,
            waiting: Vec::new(),
            grants: Vec::new(),
            slots: Vec::new(),
        }
    }

    async fn take(&mut self, step: &Step) {
        match *step {
            Step::Attach(edge, session) => {
                let claimant = Claimant {
                    incarnation: self.edges[edge].incarnation,
                    session: SessionId::new(LaneId(0), session),
                };
                self.attach(edge, claimant, [Turn::First; 2]).await;
            }
            Step::Return(nth) if nth < self.waiting.len() => {
                let (edge, claimant, places) = self.waiting.remove(nth);
                self.attach(edge, claimant, places.map(Turn::Waited)).await;
            }
            Step::Release(nth) if nth < self.grants.len() => self.release(self.grants[nth]).await,
            Step::End(edge) => self.end(edge).await,
            Step::Open(edge) => self.open(edge).await,
            Step::Close(nth) if nth < self.slots.len() => self.close(nth).await,
            Step::Return(_) | Step::Release(_) | Step::Close(_) => {}
        }
        self.compare().await;
    }

    async fn attach(&mut self, edge: usize, claimant: Claimant, turns: [Turn; 2]) {
        let leases = &self.edges[edge].leases;
        let session = claimant.session;
        let here = leases
            .attach(&lease_key(), session, Fence::NONE, turns[0])
            .await
            .unwrap();
        let call = lease::attach(Claim {
            lease: self.lease().into(),
            takeovers: format!("{}:takeovers", self.lease()).into(),
            claimant,
            registration: claimant.incarnation,
            region: "",
            floor: Fence::NONE,
            manners: Manners::Evict,
            turn: turns[1],
            dead: &self.dead,
        });
        let there = lease::parse_attach(self.redis.run(&ATTACH, call).await).unwrap();
        match (here, there) {
            (
                Attach::Granted { fence, previous },
                Attached::Granted {
                    fence: other_fence,
                    previous: other_previous,
                    ..
                },
            ) => {
                self.same_holder(previous, other_previous.map(Holder::from));
                self.grants.push(Grant {
                    claimant,
                    fences: [fence, other_fence],
                });
            }
            (Attach::Wait(place), Attached::Wait(other_place)) => {
                self.waiting.push((edge, claimant, [place, other_place]));
            }
            (Attach::Superseded, Attached::Superseded) => {}
            (here, there) => panic!("in process {here:?}, in redis {there:?}"),
        }
    }

    async fn release(&mut self, grant: Grant) {
        let edge = self
            .edges
            .iter()
            .find(|edge| edge.incarnation == grant.claimant.incarnation);
        let Some(edge) = edge else {
            return;
        };
        edge.leases
            .release(&lease_key(), grant.claimant.session, grant.fences[0]);
        let call = lease::release(&[(self.lease().into(), grant.claimant, Some(grant.fences[1]))]);
        self.redis.run(&RELEASE, call).await;
    }

    async fn end(&mut self, edge: usize) {
        let next = self.world.enter(Vec::new());
        let ended = std::mem::replace(&mut self.edges[edge], next);
        self.dead.push(ended.incarnation);
        self.waiting.retain(|(of, ..)| *of != edge);
        // Their guards drop in process; in Redis the next to open sees that their edge is dead.
        self.slots.retain(|(of, _)| *of != edge);
        ended.withdraw().await;
    }

    async fn open(&mut self, edge: usize) {
        let quotas = &self.edges[edge].quotas;
        let here = quotas.open_session(&app(), self.allowance, NOW_S).await;
        let incarnation = self.edges[edge].incarnation;
        let call = quota::open_session(self.keys(), incarnation, self.allowance, &self.dead);
        let there = quota::parse_open_session(self.redis.run(&OPEN_SESSION, call).await).unwrap();
        match (here, there) {
            (Ok(slot), Opened::Opened(_)) => self.slots.push((edge, slot)),
            (Err(SlotError::Exhausted), Opened::Exhausted(_)) => {}
            (here, there) => panic!("in process {here:?}, in redis {there:?}"),
        }
    }

    async fn close(&mut self, nth: usize) {
        let (edge, slot) = self.slots.remove(nth);
        drop(slot);
        let call = quota::close_session(self.keys(), self.edges[edge].incarnation);
        self.redis.run(&CLOSE_SESSION, call).await;
    }

    async fn compare(&self) {
        let here = self.edges[0].leases.holder(&lease_key()).await.unwrap();
        let reply = self
            .redis
            .run(&HOLDER, lease::holder(self.lease().into()))
            .await;
        let there = lease::parse_holder(reply, &self.dead).unwrap();
        self.same_holder(here, there.map(Holder::from));
        let usage = self.edges[0].quotas.usage(&app(), NOW_S).await.unwrap();
        let reply = self
            .redis
            .run(&USAGE, quota::usage(self.keys(), &self.dead))
            .await;
        let period = Period::containing(NOW_S);
        assert_eq!(quota::parse_usage(reply, period).unwrap(), usage);
    }

    /// Fences differ, so they are compared by the grant that they came with.
    fn same_holder(&self, here: Option<Holder>, there: Option<Holder>) {
        let grant = |holder: Holder, backend: usize| {
            let is_of = |grant: &&Grant| grant.fences[backend] == holder.fence;
            let grant = self
                .grants
                .iter()
                .find(is_of)
                .expect("a holder was granted the lease");
            assert_eq!(grant.claimant.incarnation, holder.incarnation);
            assert_eq!(grant.claimant.session, holder.session);
            *grant
        };
        assert_eq!(
            here.map(|holder| grant(holder, 0)),
            there.map(|holder| grant(holder, 1))
        );
    }

    fn lease(&self) -> String {
        format!("sw:{{p0}}:lease:{}", self.case)
    }

    fn keys(&self) -> AppKeys {
        AppKeys {
            sessions: format!("sw:{{q{}}}:sessions", self.case).into(),
            used: format!("sw:{{q{}}}:used", self.case).into(),
        }
    }
}

/// Noon of a day in February 2026.
const NOW_S: u64 = 1_771_070_400;

fn app() -> protocol::AppId {
    "app".parse().unwrap()
}

fn lease_key() -> LeaseKey {
    LeaseKey {
        app: app(),
        dialect: "realtime",
        peer: "alice".parse().unwrap(),
        device: None,
        room: None,
    }
}
