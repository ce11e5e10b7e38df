//! What quotas promise: an app never uses more than its plan allows, over all edges, and what it used is known.

use tokio::task::JoinSet;

use super::names::{another_app, app};
use super::patience::{eventually, within};
use super::{Deployment, Edge, End};
use crate::quotas::{Allowance, Overage, Period, Quotas, SessionSlot, SlotError, Spend, Usage};

/// Noon of a day in February 2026.
const NOW_S: u64 = 1_771_070_400;

/// Exactly the allowance is given out when more want to open at once.
pub async fn sessions_never_exceed_the_limit_over_all_edges(deployment: &impl Deployment) {
    const LIMIT: usize = 10;
    let edges = [deployment.start().await, deployment.start().await];
    let mut opens = JoinSet::new();
    for _ in 0..2 * LIMIT {
        for edge in &edges {
            let quotas = edge.cluster.quotas.clone();
            opens.spawn(async move { quotas.open_session(&app(), sessions(LIMIT), NOW_S).await });
        }
    }
    let opened = within("all open", opens.join_all()).await;
    let slots: Vec<&SessionSlot> = opened
        .iter()
        .filter_map(|open| open.as_ref().ok())
        .collect();
    assert_eq!(slots.len(), LIMIT);
    assert!(
        opened
            .iter()
            .filter_map(|open| open.as_ref().err())
            .all(|error| *error == SlotError::Exhausted)
    );
    usage_becomes(&edges[0], "the sessions", |usage| {
        usage.sessions == 10 && usage.sessions_peak == 10
    })
    .await;
}

/// The slot is a guard: dropping it, on whatever edge, makes room.
pub async fn a_dropped_slot_is_free_again(deployment: &impl Deployment) {
    let edges = [deployment.start().await, deployment.start().await];
    let slot = open(&edges[0], sessions(1))
        .await
        .expect("the first slot is free");
    assert_eq!(
        open(&edges[1], sessions(1)).await.err(),
        Some(SlotError::Exhausted)
    );
    drop(slot);
    let _slot = opens_in_the_end(&edges[1], sessions(1)).await;
    assert_eq!(
        open(&edges[0], sessions(1)).await.err(),
        Some(SlotError::Exhausted)
    );
}

/// The guards of an edge that is gone may never be dropped, or too late: neither counts.
pub async fn an_ended_edge_frees_its_slots(deployment: &impl Deployment) {
    for end in End::ALL {
        let survivor = deployment.start().await;
        let ending = deployment.start().await;
        let orphan = open(&ending, sessions(1))
            .await
            .expect("the first slot is free");
        assert_eq!(
            open(&survivor, sessions(1)).await.err(),
            Some(SlotError::Exhausted)
        );
        end.befall(&ending, deployment).await;
        let slot = opens_in_the_end(&survivor, sessions(1)).await;
        drop(orphan);
        assert_eq!(
            open(&survivor, sessions(1)).await.err(),
            Some(SlotError::Exhausted),
            "freed twice"
        );
        drop(slot);
        usage_becomes(&survivor, "no session", |usage| usage.sessions == 0).await;
    }
}

/// A plan with overage refuses nobody.
pub async fn sessions_above_a_soft_limit_pass_and_are_counted(deployment: &impl Deployment) {
    let edge = deployment.start().await;
    let allowance = Allowance {
        overage: Overage::Counted,
        ..sessions(2)
    };
    let mut slots = Vec::new();
    for _ in 0..5 {
        slots.push(
            open(&edge, allowance)
                .await
                .expect("overage is let through"),
        );
    }
    usage_becomes(&edge, "three above the limit", |usage| {
        (usage.sessions, usage.sessions_overage) == (5, 3)
    })
    .await;
    slots.clear();
    usage_becomes(&edge, "what is over stays counted", |usage| {
        (usage.sessions, usage.sessions_overage) == (0, 3)
    })
    .await;
}

/// A backend may keep credit at hand on each edge, but never hands out more than there is; and a plan that is far from
/// used up refuses nobody who has a session.
pub async fn messages_never_exceed_the_limit_over_all_edges(deployment: &impl Deployment) {
    const LIMIT: usize = 5_000;
    const ATTEMPTS: usize = 2_000;
    let edges = [deployment.start().await, deployment.start().await];
    let mut slots = Vec::new();
    for edge in &edges {
        slots.push(
            open(edge, messages(LIMIT))
                .await
                .expect("sessions are not limited"),
        );
    }
    assert_eq!(
        edges[0].spend(100, messages(LIMIT)),
        100,
        "the plan had hardly been touched"
    );
    let mut spenders = JoinSet::new();
    for edge in edges.iter().chain(&edges) {
        let quotas = edge.cluster.quotas.clone();
        spenders.spawn(async move { spend(&quotas, ATTEMPTS, messages(LIMIT)) });
    }
    let taken: usize = within("all spend", spenders.join_all())
        .await
        .into_iter()
        .sum();
    assert!(taken + 100 <= LIMIT, "{taken} after the first 100");
    let attempts = u64::try_from(4 * ATTEMPTS + 100).expect("a small number");
    usage_becomes(&edges[1], "every attempt", |usage| {
        (usage.messages, usage.messages_overage) == (attempts, 0)
    })
    .await;
}

/// Attempts are counted, not successes.
pub async fn refused_messages_are_counted_too(deployment: &impl Deployment) {
    let edge = deployment.start().await;
    let _slot = open(&edge, messages(5))
        .await
        .expect("sessions are not limited");
    assert!(edge.spend(8, messages(5)) <= 5);
    assert_eq!(edge.spend(2, messages(5)), 0);
    usage_becomes(&edge, "ten attempts", |usage| usage.messages == 10).await;
}

/// A plan with overage refuses no message.
pub async fn messages_above_a_soft_limit_pass_and_are_counted(deployment: &impl Deployment) {
    let edge = deployment.start().await;
    let allowance = Allowance {
        overage: Overage::Counted,
        ..messages(5)
    };
    let _slot = open(&edge, allowance)
        .await
        .expect("sessions are not limited");
    assert_eq!(edge.spend(8, allowance), 8);
    usage_becomes(&edge, "three above the limit", |usage| {
        (usage.messages, usage.messages_overage) == (8, 3)
    })
    .await;
}

/// With the month the counts of the month end; sessions that are open stay open.
pub async fn a_new_period_starts_from_nothing_but_open_sessions(deployment: &impl Deployment) {
    let edge = deployment.start().await;
    let allowance = Allowance {
        sessions: Some(1),
        messages: Some(5),
        overage: Overage::Counted,
    };
    let slot = open(&edge, allowance)
        .await
        .expect("overage is let through");
    drop(open(&edge, allowance).await);
    assert_eq!(edge.spend(8, allowance), 8);
    usage_becomes(&edge, "the first month", |usage| {
        (
            usage.messages,
            usage.messages_overage,
            usage.sessions_peak,
            usage.sessions_overage,
        ) == (8, 3, 2, 1)
            && usage.sessions == 1
    })
    .await;
    let next_s = Period::containing(NOW_S).end_s;
    let usage = edge
        .cluster
        .quotas
        .usage(&app(), next_s)
        .await
        .expect("the backend answers");
    let fresh = Usage {
        period: Period::containing(next_s),
        sessions: 1,
        sessions_peak: 1,
        sessions_overage: 0,
        messages: 0,
        messages_overage: 0,
    };
    assert_eq!(usage, fresh);
    drop(slot);
}

/// One tenant's use never costs another one anything.
pub async fn apps_use_up_only_their_own(deployment: &impl Deployment) {
    let edge = deployment.start().await;
    let plan = Allowance {
        messages: Some(100),
        ..sessions(1)
    };
    let _slot = open(&edge, plan).await.expect("the first slot is free");
    let theirs = edge
        .cluster
        .quotas
        .open_session(&another_app(), sessions(1), NOW_S)
        .await;
    assert!(theirs.is_ok());
    assert_eq!(edge.spend(3, plan), 3);
    let usage = edge
        .cluster
        .quotas
        .usage(&another_app(), NOW_S)
        .await
        .expect("the backend answers");
    assert_eq!((usage.sessions, usage.messages), (1, 0));
}

impl Edge {
    /// How many of `attempts` passed.
    fn spend(&self, attempts: usize, allowance: Allowance) -> usize {
        spend(&self.cluster.quotas, attempts, allowance)
    }
}

fn spend(quotas: &Quotas, attempts: usize, allowance: Allowance) -> usize {
    let meter = quotas.meter(&app());
    (0..attempts)
        .filter(|_| meter.spend(allowance, NOW_S) == Spend::Taken)
        .count()
}

async fn open(edge: &Edge, allowance: Allowance) -> Result<SessionSlot, SlotError> {
    edge.cluster
        .quotas
        .open_session(&app(), allowance, NOW_S)
        .await
}

async fn opens_in_the_end(edge: &Edge, allowance: Allowance) -> SessionSlot {
    eventually("a slot is free", async || open(edge, allowance).await.ok()).await
}

async fn usage_becomes(edge: &Edge, what: &str, wanted: impl Fn(&Usage) -> bool) {
    eventually(what, async || {
        let usage = edge
            .cluster
            .quotas
            .usage(&app(), NOW_S)
            .await
            .expect("the backend answers");
        wanted(&usage).then_some(())
    })
    .await;
}

fn sessions(limit: usize) -> Allowance {
    Allowance {
        sessions: Some(limit as u64),
        ..Allowance::default()
    }
}

fn messages(limit: usize) -> Allowance {
    Allowance {
        messages: Some(limit as u64),
        ..Allowance::default()
    }
}
