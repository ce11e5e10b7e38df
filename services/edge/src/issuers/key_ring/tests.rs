//! When a name that is not there is a reason to fetch. Time is paused: it moves when a test says so.

use std::time::Duration;

use proptest::prelude::*;
use tokio::time::advance;

use super::*;
use crate::issuers::sample::{key_set, source};

const URL: &str = "https://id.example/jwks";
const PACE: Pace = Pace::new(Duration::from_secs(600));

fn ring() -> KeyRing {
    KeyRing::fetched(source(URL, PACE))
}

/// A fetch that takes no time.
fn fetch(ring: &KeyRing, keys: Option<KeySet>) -> bool {
    ring.begin(Instant::now());
    ring.end(keys)
}

fn find(ring: &KeyRing, kid: &str) -> Result<(), KeyMissing> {
    ring.find(Some(kid), Instant::now()).map(drop)
}

async fn is_wished(ring: &KeyRing) -> bool {
    tokio::select! {
        biased;
        () = ring.wished() => true,
        () = std::future::ready(()) => false,
    }
}

#[tokio::test(start_paused = true)]
async fn without_keys_nothing_is_known_about_a_token() {
    let ring = ring();
    assert_eq!(find(&ring, "a"), Err(KeyMissing::NotFetched));
    assert!(!is_wished(&ring).await, "the first fetch comes by itself");
    assert!(fetch(&ring, Some(key_set(&["a"]))));
    assert_eq!(find(&ring, "a"), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_not_there_is_wished_for_until_a_fetch_has_not_brought_it() {
    let ring = ring();
    fetch(&ring, Some(key_set(&["a"])));
    advance(PACE.cool_down).await;
    assert_eq!(find(&ring, "b"), Err(KeyMissing::Unknown));
    assert!(is_wished(&ring).await);
    // A fetch that fails says nothing about the name.
    fetch(&ring, None);
    assert!(!is_wished(&ring).await);
    assert_eq!(find(&ring, "a"), Ok(()), "what is in force stays");
    find(&ring, "b").unwrap_err();
    assert!(is_wished(&ring).await);
    // One that succeeds does.
    assert!(!fetch(&ring, Some(key_set(&["a"]))), "the same keys");
    find(&ring, "b").unwrap_err();
    assert!(!is_wished(&ring).await);
    // For a while.
    advance(PACE.absence).await;
    find(&ring, "b").unwrap_err();
    assert!(is_wished(&ring).await);
    assert!(fetch(&ring, Some(key_set(&["b"]))));
    assert_eq!(find(&ring, "b"), Ok(()));
    assert_eq!(find(&ring, "a"), Err(KeyMissing::Unknown), "withdrawn");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_was_asked_for_while_a_fetch_ran_is_asked_for_again() {
    let ring = ring();
    fetch(&ring, Some(key_set(&["a"])));
    advance(PACE.cool_down).await;
    ring.begin(Instant::now());
    advance(Duration::from_secs(1)).await;
    find(&ring, "b").unwrap_err();
    ring.end(Some(key_set(&["a"])));
    // The answer may have been written before the key was there.
    find(&ring, "b").unwrap_err();
    assert!(is_wished(&ring).await);
}

#[tokio::test(start_paused = true)]
async fn tokens_without_a_name_or_with_an_endless_one_are_no_reason_to_fetch() {
    let ring = ring();
    fetch(&ring, Some(key_set(&["a", "b"])));
    assert_eq!(ring.find(None, Instant::now()), Err(KeyMissing::Unknown));
    find(&ring, &"k".repeat(KeySet::MAX_KID_BYTES + 1)).unwrap_err();
    assert!(!is_wished(&ring).await);
}

#[tokio::test(start_paused = true)]
async fn guessing_leaves_no_more_behind_than_its_bound() {
    let ring = ring();
    fetch(&ring, Some(key_set(&["a"])));
    for round in 0..3 {
        for guess in 0..10_000 {
            find(&ring, &format!("{round} {guess}")).unwrap_err();
        }
        let asked = ring.fetching.as_ref().unwrap().lock().asked.len();
        assert_eq!(asked, ASKED_MAX);
        fetch(&ring, Some(key_set(&["a"])));
        advance(PACE.absence).await;
    }
    assert_eq!(find(&ring, "a"), Ok(()));
}

// What unknown names cost is paid under the lock; whoever has a good token must not stand behind it.
#[tokio::test(start_paused = true)]
async fn a_known_key_is_found_without_the_lock() {
    let ring = ring();
    fetch(&ring, Some(key_set(&["a"])));
    let _held = ring.fetching.as_ref().unwrap().lock();
    assert_eq!(find(&ring, "a"), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_login_waits_only_for_a_fetch_that_may_help() {
    let ring = ring();
    fetch(&ring, Some(key_set(&["a"])));
    // In the cool-down nothing will come in time.
    let seen = ring.fetches_ended();
    find(&ring, "b").unwrap_err();
    let began = Instant::now();
    assert!(!ring.freshened(seen, began).await);
    assert_eq!(began.elapsed(), Duration::ZERO);
    // While one runs, it is waited for, and its end is noticed.
    advance(PACE.cool_down).await;
    ring.begin(Instant::now());
    let story = async {
        advance(Duration::from_secs(1)).await;
        ring.end(Some(key_set(&["a", "b"])));
    };
    let (has_come, ()) = tokio::join!(ring.freshened(seen, Instant::now()), story);
    assert!(has_come);
    assert_eq!(find(&ring, "b"), Ok(()));
    // One that ended between the look and the wait is not waited for.
    assert!(ring.freshened(seen, Instant::now()).await);
}

#[tokio::test(start_paused = true)]
async fn a_login_does_not_wait_for_ever() {
    let ring = ring();
    let began = Instant::now();
    ring.begin(began);
    assert!(!ring.freshened(0, began).await);
    assert_eq!(began.elapsed(), PACE.patience);
    // Nor at all for keys that cannot change.
    let fixed = KeyRing::fixed(key_set(&["a"]));
    assert_eq!(find(&fixed, "b"), Err(KeyMissing::Unknown));
    assert!(!fixed.freshened(0, Instant::now()).await);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_was_found_absent_is_refused_without_waiting() {
    let ring = ring();
    fetch(&ring, Some(key_set(&["a"])));
    find(&ring, "b").unwrap_err();
    fetch(&ring, Some(key_set(&["a"])));
    advance(PACE.cool_down).await;
    let (seen, began) = (ring.fetches_ended(), Instant::now());
    find(&ring, "b").unwrap_err();
    assert!(!ring.freshened(seen, began).await);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_was_fetched_outlives_a_reload() {
    let older = Arc::new(ring());
    fetch(&older, Some(key_set(&["a"])));
    let same = KeyRing::succeed(Arc::new(ring()), &older);
    assert!(Arc::ptr_eq(&same, &older));
    // Another interval: a new ring, with the keys and the cool-down of the older one.
    let pace = Pace {
        refresh: Duration::from_secs(60),
        ..PACE
    };
    let slower = KeyRing::fetched(source(URL, pace));
    let slower = KeyRing::succeed(Arc::new(slower), &older);
    assert!(!Arc::ptr_eq(&slower, &older));
    assert_eq!(find(&slower, "a"), Ok(()));
    let rested = Instant::now() + PACE.cool_down;
    assert_eq!(slower.rested_at(Instant::now()), rested);
    // Another endpoint: nothing of the one before.
    let moved = KeyRing::fetched(source("https://id.example/other", PACE));
    let moved = KeyRing::succeed(Arc::new(moved), &older);
    assert_eq!(find(&moved, "a"), Err(KeyMissing::NotFetched));
    let fixed = KeyRing::succeed(Arc::new(KeyRing::fixed(key_set(&["f"]))), &older);
    assert_eq!(find(&fixed, "a"), Err(KeyMissing::Unknown));
}

#[test]
fn rings_are_equal_if_they_come_to_the_same_keys() {
    assert_eq!(ring(), ring());
    let fixed = |kid| KeyRing::fixed(key_set(&[kid]));
    assert_eq!(fixed("a"), fixed("a"));
    assert_ne!(fixed("a"), fixed("b"));
    assert_ne!(fixed("a"), ring());
}

#[derive(Clone, Debug)]
enum Step {
    Ask(u8),
    Wait(u64),
    Fetched(Vec<u8>),
    Failed,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..6_u8).prop_map(Step::Ask),
        (0..90_u64).prop_map(Step::Wait),
        prop::collection::vec(0..6_u8, 1..4).prop_map(Step::Fetched),
        Just(Step::Failed),
    ]
}

proptest! {
    /// Against the simplest model there is: the last set that was fetched.
    #[test]
    fn keys_in_force_are_those_fetched_last_and_failures_change_nothing(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let ring = ring();
        let mut now = Instant::now();
        let mut model: Option<Vec<String>> = None;
        for step in steps {
            match step {
                Step::Ask(kid) => {
                    let kid = kid.to_string();
                    let expected = match &model {
                        None => Err(KeyMissing::NotFetched),
                        Some(keys) if keys.contains(&kid) => Ok(()),
                        Some(_) => Err(KeyMissing::Unknown),
                    };
                    prop_assert_eq!(ring.find(Some(&kid), now).map(drop), expected);
                }
                Step::Wait(seconds) => now += Duration::from_secs(seconds),
                Step::Fetched(kids) => {
                    let kids: Vec<String> = kids.iter().map(u8::to_string).collect();
                    let names: Vec<&str> = kids.iter().map(String::as_str).collect();
                    now = now.max(ring.rested_at(now));
                    ring.begin(now);
                    ring.end(Some(key_set(&names)));
                    model = Some(kids);
                }
                Step::Failed => {
                    now = now.max(ring.rested_at(now));
                    ring.begin(now);
                    prop_assert!(!ring.end(None));
                }
            }
        }
    }
}
