//! What records promise: one truth on every edge, changed at a version or not at all, that outlives whoever wrote it.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::names::{another_app, app, peer_id};
use super::patience::{eventually, within};
use super::{Deployment, Edge, End};
use crate::records::{
    Change, Changed, Expected, Kind, Notice, Notices, Record, RecordName, RecordVersion,
    RecordsError, Shelf,
};

/// What one edge has changed every edge reads, one record or all of a shelf.
pub async fn a_changed_record_is_read_on_every_edge(deployment: &impl Deployment) {
    let edges = [deployment.start().await, deployment.start().await];
    let version = edges[0].puts("alice", "one").await;
    edges[0].puts("bob", "two").await;
    for edge in &edges {
        let record = edge.reads("alice").await.expect("the record was put");
        assert_eq!((record.version, &*record.value), (version, "one"));
        assert_eq!(
            edge.lists(&shelf()).await,
            [("alice", "one"), ("bob", "two")].map(own)
        );
    }
    edges[1].removes("alice").await;
    for edge in &edges {
        assert_eq!(edge.reads("alice").await, None);
        assert_eq!(edge.lists(&shelf()).await, [("bob", "two")].map(own));
    }
    edges[1].removes("alice").await;
}

/// Whoever read an older state has to read again.
pub async fn a_change_is_made_at_the_expected_version_or_not_at_all(deployment: &impl Deployment) {
    let edge = deployment.start().await;
    let first = edge.puts("alice", "one").await;
    let second = edge.puts("alice", "two").await;
    assert!(second > first);
    for (change, expected) in [
        (put("three"), Expected::At(first)),
        (put("three"), Expected::Absent),
        (Change::Remove, Expected::At(first)),
    ] {
        let changed = edge.changes("alice", change, expected).await;
        assert_eq!(changed, Changed::Conflict(Some(second)));
    }
    assert_eq!(
        *edge.reads("alice").await.expect("it is there").value,
        *"two"
    );
    let changed = edge
        .changes("alice", put("three"), Expected::At(second))
        .await;
    assert!(matches!(changed, Changed::Done(third) if third > second));
    let changed = edge.changes("bob", put("one"), Expected::At(second)).await;
    assert_eq!(changed, Changed::Conflict(None));
}

/// Of many that expect there to be nothing one gets its way.
pub async fn simultaneous_changes_leave_one_winner(deployment: &impl Deployment) {
    let edges = [deployment.start().await, deployment.start().await];
    let mut changes = JoinSet::new();
    for number in 0..20 {
        let records = edges[number % 2].cluster.records.clone();
        changes.spawn(async move {
            let value = put(&number.to_string());
            records
                .change(&shelf(), &name("alice"), value, Expected::Absent)
                .await
        });
    }
    let changed = within("all change", changes.join_all()).await;
    let winners: Vec<RecordVersion> = changed.into_iter().filter_map(version).collect();
    let record = edges[0].reads("alice").await.expect("somebody has won");
    assert_eq!(winners, [record.version]);
}

/// A record that comes back is not mistaken for the one that was there.
pub async fn versions_grow_also_across_a_removal(deployment: &impl Deployment) {
    let edge = deployment.start().await;
    let mut last = RecordVersion(0);
    for _ in 0..5 {
        let put = edge.puts("alice", "again").await;
        assert!(put > last);
        last = put;
        edge.removes("alice").await;
    }
}

/// After its time a record is as if it had been removed; one that is put again has its new time.
pub async fn an_expired_record_is_absent(deployment: &impl Deployment) {
    let edge = deployment.start().await;
    let short = Duration::from_millis(300);
    edge.puts_for("alice", short).await;
    edge.puts_for("bob", short).await;
    edge.puts_for("bob", Duration::from_secs(600)).await;
    assert!(edge.reads("alice").await.is_some());
    eventually("the record expires", async || {
        edge.reads("alice").await.is_none().then_some(())
    })
    .await;
    assert_eq!(
        edge.lists(&shelf()).await,
        [("bob", "for a while")].map(own)
    );
    let changed = edge.changes("alice", put("new"), Expected::Absent).await;
    assert!(matches!(changed, Changed::Done(_)));
}

/// A record without an end stays, whatever else on its shelf has one, and one that expires does not take a later one along.
pub async fn an_expiry_takes_nothing_else_along(deployment: &impl Deployment) {
    let edge = deployment.start().await;
    let short = Duration::from_millis(300);
    edge.puts_for("short", short).await;
    edge.puts_for("long", Duration::from_secs(600)).await;
    eventually("the short one expires", async || {
        edge.reads("short").await.is_none().then_some(())
    })
    .await;
    assert!(edge.reads("long").await.is_some());
    edge.puts("stays", "for ever").await;
    edge.puts_for("long", short).await;
    eventually("the long one expires", async || {
        edge.reads("long").await.is_none().then_some(())
    })
    .await;
    assert!(edge.reads("stays").await.is_some());
}

/// Apps, kinds and names keep records apart, and a shelf is cleared alone.
pub async fn shelves_do_not_share_records(deployment: &impl Deployment) {
    let edges = [deployment.start().await, deployment.start().await];
    let shelves = [
        shelf(),
        Shelf {
            app: another_app(),
            ..shelf()
        },
        Shelf {
            kind: Kind::Verdict,
            ..shelf()
        },
        Shelf {
            name: name("another"),
            ..shelf()
        },
    ];
    for (number, shelf) in shelves.iter().enumerate() {
        let value = put(&number.to_string());
        let records = &edges[0].cluster.records;
        let changed = records
            .change(shelf, &name("alice"), value, Expected::Absent)
            .await;
        assert!(version(changed).is_some(), "{shelf:?}");
    }
    let cleared = edges[1].cluster.records.clear(&shelves[0]).await;
    assert_eq!(cleared, Ok(1));
    for (number, shelf) in shelves.iter().enumerate() {
        let expected = [("alice", &*number.to_string())].map(own);
        let expected = if number == 0 { &[][..] } else { &expected };
        assert_eq!(edges[0].lists(shelf).await, expected, "{shelf:?}");
    }
}

/// Every edge that watches a kind hears of its changes, in their order.
pub async fn changes_are_announced_on_every_edge(deployment: &impl Deployment) {
    let edges = [deployment.start().await, deployment.start().await];
    let mut watchers = edges
        .each_ref()
        .map(|edge| edge.cluster.records.watch(Kind::Membership));
    let mut of_another_kind = edges[1].cluster.records.watch(Kind::Verdict);
    // A watch may need a moment until it stands on every edge; what is heard then is heard in order.
    for watcher in &mut watchers {
        edges[0].is_heard_by(watcher).await;
    }
    edges[1].puts("alice", "one").await;
    edges[1].removes("alice").await;
    edges[1].removes("alice").await;
    edges[1].puts("bob", "two").await;
    edges[1]
        .cluster
        .records
        .clear(&shelf())
        .await
        .expect("the backend answers");
    let expected = [
        Notice::Changed(shelf(), name("alice")),
        Notice::Changed(shelf(), name("alice")),
        Notice::Changed(shelf(), name("bob")),
        Notice::Cleared(shelf()),
    ];
    for watcher in &mut watchers {
        for expected in &expected {
            assert_eq!(heard(watcher).await, *expected);
        }
    }
    let verdict = Shelf {
        kind: Kind::Verdict,
        ..shelf()
    };
    eventually("the other kind is heard", async || {
        edges[0]
            .cluster
            .records
            .clear(&verdict)
            .await
            .expect("the backend answers");
        tokio::time::timeout(Duration::from_millis(100), of_another_kind.next())
            .await
            .ok()
    })
    .await;
}

/// What an edge wrote is the cluster's.
pub async fn records_outlive_the_edge_that_wrote_them(deployment: &impl Deployment) {
    for end in End::ALL {
        let survivor = deployment.start().await;
        let ending = deployment.start().await;
        ending.puts("alice", "stays").await;
        end.befall(&ending, deployment).await;
        let record = survivor.reads("alice").await.expect("the record stays");
        assert_eq!(&*record.value, "stays");
        survivor.removes("alice").await;
    }
}

/// A record is small.
pub async fn a_value_over_the_bound_is_refused(deployment: &impl Deployment) {
    let edge = deployment.start().await;
    let records = &edge.cluster.records;
    for kind in Kind::ALL {
        let shelf = Shelf { kind, ..shelf() };
        let bound = kind.value_bytes_max();
        let largest = put(&"x".repeat(bound));
        let changed = records
            .change(&shelf, &name("alice"), largest, Expected::Anything)
            .await;
        assert!(version(changed).is_some());
        let larger = put(&"x".repeat(bound + 1));
        let changed = records
            .change(&shelf, &name("alice"), larger, Expected::Anything)
            .await;
        assert_eq!(changed, Err(RecordsError::TooLarge));
        let record = records.read(&shelf, &name("alice")).await;
        let record = record.expect("the backend answers");
        assert_eq!(record.expect("the first stays").value.len(), bound);
    }
}

impl Edge {
    async fn reads(&self, account: &str) -> Option<Record> {
        let read = self.cluster.records.read(&shelf(), &name(account)).await;
        read.expect("the backend answers")
    }

    async fn lists(&self, shelf: &Shelf) -> Vec<(String, String)> {
        let listed = self
            .cluster
            .records
            .list(shelf)
            .await
            .expect("the backend answers");
        listed
            .into_iter()
            .map(|(name, record)| (name.to_string(), record.value.to_string()))
            .collect()
    }

    async fn changes(&self, account: &str, change: Change, expected: Expected) -> Changed {
        let records = &self.cluster.records;
        let changed = records
            .change(&shelf(), &name(account), change, expected)
            .await;
        changed.expect("the backend answers")
    }

    async fn puts(&self, account: &str, value: &str) -> RecordVersion {
        let changed = self.changes(account, put(value), Expected::Anything).await;
        version(Ok(changed)).expect("whatever was there is expected")
    }

    async fn puts_for(&self, account: &str, time: Duration) {
        let change = Change::Put {
            value: "for a while".into(),
            expires_in: Some(time),
        };
        let changed = self.changes(account, change, Expected::Anything).await;
        assert!(matches!(changed, Changed::Done(_)));
    }

    async fn removes(&self, account: &str) {
        let changed = self
            .changes(account, Change::Remove, Expected::Anything)
            .await;
        assert!(matches!(changed, Changed::Done(_)));
    }

    /// Announces something until `watcher` hears it, and lets it hear the rest.
    async fn is_heard_by(&self, watcher: &mut Notices) {
        let marks = Shelf {
            name: name("marks"),
            ..shelf()
        };
        eventually("the watch stands", async || {
            self.cluster
                .records
                .clear(&marks)
                .await
                .expect("the backend answers");
            tokio::time::timeout(Duration::from_millis(100), watcher.next())
                .await
                .ok()
        })
        .await;
    }
}

/// The next notice that is none of the marks by which a watch was found to stand.
async fn heard(watcher: &mut Notices) -> Notice {
    loop {
        let notice = within("a notice", watcher.next()).await;
        let is_mark = matches!(&notice, Notice::Cleared(shelf) if shelf.name == name("marks"));
        if !is_mark {
            return notice;
        }
    }
}

fn shelf() -> Shelf {
    Shelf {
        app: app(),
        kind: Kind::Membership,
        name: name("shelf"),
    }
}

fn name(text: &str) -> RecordName {
    (&peer_id(text)).into()
}

fn put(value: &str) -> Change {
    Change::Put {
        value: Arc::from(value),
        expires_in: None,
    }
}

fn version(changed: Result<Changed, RecordsError>) -> Option<RecordVersion> {
    match changed.expect("the backend answers") {
        Changed::Done(version) => Some(version),
        Changed::Conflict(_) => None,
    }
}

fn own((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
