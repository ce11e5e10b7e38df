//! Keys over time, against an endpoint on this machine.

use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus::Registry;
use tokio::time::timeout;

use super::*;
use crate::issuers::sample::{Behaviour, Stub, jwks, quick, source};
use crate::issuers::{KeyMissing, Pace};
use crate::metrics::Metrics;

/// Rings that are kept fresh until this is dropped.
struct Kept {
    registry: Registry,
    rings: Arc<std::sync::Mutex<Vec<Arc<KeyRing>>>>,
    version: watch::Sender<u64>,
    cancel: CancellationToken,
    tasks: JoinSet<()>,
}

impl Kept {
    fn start(rings: Vec<Arc<KeyRing>>) -> Self {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).unwrap().issuers;
        let rings = Arc::new(std::sync::Mutex::new(rings));
        let version = watch::Sender::new(0);
        let cancel = CancellationToken::new();
        let listed = Arc::clone(&rings);
        let mut tasks = JoinSet::new();
        tasks.spawn(keep_fresh(
            move || listed.lock().unwrap().clone(),
            version.subscribe(),
            metrics,
            cancel.clone(),
        ));
        Self {
            registry,
            rings,
            version,
            cancel,
            tasks,
        }
    }

    fn replace(&self, rings: Vec<Arc<KeyRing>>) {
        *self.rings.lock().unwrap() = rings;
        self.version.send_modify(|version| *version += 1);
    }

    /// The number that a metric has, summed over its series or of the one series.
    fn metric(&self, name: &str, outcome: Option<&str>) -> f64 {
        let families = self.registry.gather();
        let family = families
            .iter()
            .find(|family| family.name() == name)
            .unwrap();
        let is_asked = |metric: &&prometheus::proto::Metric| {
            let labels = metric.get_label();
            outcome.is_none_or(|outcome| labels.iter().any(|label| label.value() == outcome))
        };
        let number = |metric: &prometheus::proto::Metric| {
            metric.get_counter().get_value() + metric.get_gauge().get_value()
        };
        family
            .get_metric()
            .iter()
            .filter(is_asked)
            .map(number)
            .sum()
    }
}

fn ring(stub: &Stub, pace: Pace) -> Arc<KeyRing> {
    Arc::new(KeyRing::fetched(source(&stub.url(), pace)))
}

fn find(ring: &KeyRing, kid: &str) -> Result<(), KeyMissing> {
    ring.find(Some(kid), Instant::now()).map(drop)
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let in_time = timeout(Duration::from_secs(30), wait).await;
    assert!(in_time.is_ok(), "{what}");
}

/// As a login does it.
async fn log_in(ring: &KeyRing, kid: &str) -> Result<(), KeyMissing> {
    let seen = ring.fetches_ended();
    let first = find(ring, kid);
    if first.is_err() && ring.freshened(seen, Instant::now()).await {
        return find(ring, kid);
    }
    first
}

#[tokio::test]
async fn a_cold_edge_fetches_once_however_many_log_in() {
    let stub = Stub::start(Behaviour::Keys(jwks(&["a"]))).await;
    let ring = ring(
        &stub,
        Pace {
            cool_down: Duration::from_secs(10),
            ..quick()
        },
    );
    let kept = Kept::start(vec![Arc::clone(&ring)]);
    let mut logins = JoinSet::new();
    for _ in 0..2_000 {
        let ring = Arc::clone(&ring);
        logins.spawn(async move { log_in(&ring, "a").await });
    }
    for outcome in logins.join_all().await {
        assert_eq!(outcome, Ok(()));
    }
    assert_eq!(stub.requests(), 1);
    assert_eq!(
        kept.metric("switchboard_issuer_fetches_total", Some("ok")),
        1.0
    );
    assert_eq!(kept.metric("switchboard_issuers_stale", None), 0.0);
}

#[tokio::test]
async fn after_a_rotation_the_first_login_brings_the_new_key_for_all() {
    let stub = Stub::start(Behaviour::Keys(jwks(&["a"]))).await;
    let ring = ring(&stub, quick());
    let _kept = Kept::start(vec![Arc::clone(&ring)]);
    until("the first keys are there", || find(&ring, "a").is_ok()).await;
    until("the cool-down is over", || {
        ring.rested_at(Instant::now()) <= Instant::now()
    })
    .await;
    stub.behave(Behaviour::Keys(jwks(&["b"])));
    let mut logins = JoinSet::new();
    for _ in 0..2_000 {
        let ring = Arc::clone(&ring);
        logins.spawn(async move { log_in(&ring, "b").await });
    }
    for outcome in logins.join_all().await {
        assert_eq!(outcome, Ok(()));
    }
    assert_eq!(stub.requests(), 2);
    assert_eq!(find(&ring, "a"), Err(KeyMissing::Unknown));
}

#[tokio::test]
async fn whatever_the_endpoint_does_the_old_keys_keep_working() {
    let stub = Stub::start(Behaviour::Keys(jwks(&["a"]))).await;
    let pace = Pace {
        refresh: Duration::from_millis(20),
        cool_down: Duration::from_millis(10),
        timeout: Duration::from_millis(100),
        ..quick()
    };
    let ring = ring(&stub, pace);
    let kept = Kept::start(vec![Arc::clone(&ring)]);
    until("the first keys are there", || find(&ring, "a").is_ok()).await;
    let error = "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    for (behaviour, outcome) in [
        (Behaviour::Silence, "timeout"),
        (Behaviour::Raw(error.to_owned()), "status"),
        (Behaviour::Keys("<html>".to_owned()), "garbage"),
        (Behaviour::Keys("{\"keys\":[]}".to_owned()), "garbage"),
        (Behaviour::Flood, "too_large"),
        (Behaviour::Raw(String::new()), "unreachable"),
    ] {
        let count = || kept.metric("switchboard_issuer_fetches_total", Some(outcome));
        let before = count();
        stub.behave(behaviour.clone());
        until(outcome, || {
            assert_eq!(find(&ring, "a"), Ok(()));
            count() > before
        })
        .await;
        assert_eq!(kept.metric("switchboard_issuers_stale", None), 1.0);
    }
    stub.behave(Behaviour::Keys(jwks(&["a", "b"])));
    until("it recovers by itself", || find(&ring, "b").is_ok()).await;
    until("and is not stale", || {
        kept.metric("switchboard_issuers_stale", None) == 0.0
    })
    .await;
}

#[tokio::test]
async fn a_flood_of_unknown_names_fetches_no_more_than_the_cool_down_allows() {
    let stub = Stub::start(Behaviour::Keys(jwks(&["a"]))).await;
    let pace = Pace {
        cool_down: Duration::from_millis(500),
        ..quick()
    };
    let ring = ring(&stub, pace);
    let _kept = Kept::start(vec![Arc::clone(&ring)]);
    let began = Instant::now();
    until("the first keys are there", || find(&ring, "a").is_ok()).await;
    let mut guess = 0_u32;
    while guess < 20_000 || stub.requests() < 3 {
        for _ in 0..100 {
            guess += 1;
            assert!(find(&ring, &guess.to_string()).is_err());
        }
        assert_eq!(find(&ring, "a"), Ok(()));
        tokio::task::yield_now().await;
    }
    let requests = u128::from(stub.requests());
    let allowed = 1 + began.elapsed().as_millis() / pace.cool_down.as_millis();
    assert!(requests <= allowed, "{requests} of {allowed}");
}

#[tokio::test]
async fn a_slow_issuer_holds_up_no_other() {
    let (slow, good) = (
        Stub::start(Behaviour::Silence).await,
        Stub::start(Behaviour::Keys(jwks(&["a"]))).await,
    );
    let patient = Pace {
        timeout: Duration::from_secs(600),
        ..quick()
    };
    let (stuck, fine) = (ring(&slow, patient), ring(&good, quick()));
    let _kept = Kept::start(vec![Arc::clone(&stuck), Arc::clone(&fine)]);
    until("the slow one is being asked", || slow.requests() == 1).await;
    until("the other one is there", || find(&fine, "a").is_ok()).await;
    assert_eq!(find(&stuck, "a"), Err(KeyMissing::NotFetched));
}

#[tokio::test]
async fn rings_follow_the_configuration_and_those_that_stay_are_not_asked_again() {
    let (one, two) = (
        Stub::start(Behaviour::Keys(jwks(&["a"]))).await,
        Stub::start(Behaviour::Keys("garbage".to_owned())).await,
    );
    let (stays, goes) = (ring(&one, quick()), ring(&two, quick()));
    let mut kept = Kept::start(vec![Arc::clone(&stays), goes]);
    until("one is there", || find(&stays, "a").is_ok()).await;
    let stale = |kept: &Kept| kept.metric("switchboard_issuers_stale", None);
    until("the other is stale", || stale(&kept) == 1.0).await;
    kept.replace(vec![Arc::clone(&stays)]);
    until("who is gone is not stale", || stale(&kept) == 0.0).await;
    let asked = two.requests();
    let new = ring(&one, quick());
    kept.replace(vec![stays, Arc::clone(&new)]);
    until("the new one is there", || find(&new, "a").is_ok()).await;
    assert_eq!((one.requests(), two.requests()), (2, asked));
    kept.cancel.cancel();
    assert!(kept.tasks.join_next().await.unwrap().is_ok());
}

#[test]
fn failures_space_the_attempts_out_up_to_the_refresh() {
    let pace = Pace::new(Duration::from_secs(600));
    let seconds = |failures| until_next(&pace, failures).as_secs_f64();
    for (failures, about) in [
        (0, 600.0),
        (1, 10.0),
        (2, 20.0),
        (4, 80.0),
        (9, 600.0),
        (99, 600.0),
    ] {
        let chosen = seconds(failures) / about;
        assert!((0.9..1.1).contains(&chosen), "{failures}: {chosen}");
    }
    let chosen: std::collections::HashSet<_> = (0..20).map(|_| seconds(0).to_bits()).collect();
    assert!(chosen.len() > 1, "edges do not ask together");
}

#[tokio::test]
async fn rings_without_an_endpoint_are_left_alone() {
    let looked = Arc::new(AtomicUsize::new(0));
    let fixed = Arc::new(KeyRing::fixed(crate::issuers::sample::key_set(&["a"])));
    let version = watch::Sender::new(0);
    let cancel = CancellationToken::new();
    let metrics = Metrics::register(&Registry::new()).unwrap().issuers;
    let rings = {
        let looked = Arc::clone(&looked);
        move || {
            looked.fetch_add(1, Ordering::Relaxed);
            vec![Arc::clone(&fixed)]
        }
    };
    let keeping = keep_fresh(rings, version.subscribe(), metrics, cancel.clone());
    let story = async {
        until("it has looked", || looked.load(Ordering::Relaxed) == 1).await;
        version.send_modify(|version| *version += 1);
        until("it has looked again", || {
            looked.load(Ordering::Relaxed) == 2
        })
        .await;
        cancel.cancel();
    };
    tokio::join!(keeping, story);
}
