//! Keeps a link: makes one, watches it, gives it up at the first doubt, makes another.
//!
//! All connections are always made together, and a link is handed out only after everything that is listened to is heard
//! over it: an edge never publishes into a world that it does not hear.

use std::sync::Arc;
use std::time::Duration;

use fred::error::Error;
use rand::Rng as _;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::heartbeat::{self, Registered};
use super::link::{Ends, Link, reason_of, refuses_writes};
use super::parcel;
use super::reader::read_all;
use super::shared::Shared;
use super::status::Reason;
use super::subscriptions::Heard;
use super::topology::{Location, Topology};
use crate::origin::Incarnation;

/// Between two tries to connect: the first, and the longest.
const BACKOFF_FIRST: Duration = Duration::from_millis(50);
const BACKOFF_LONGEST: Duration = Duration::from_secs(1);
/// A link that cannot even be given back in order is dropped.
const CLOSE_WITHIN: Duration = Duration::from_millis(200);
/// How long a link that was given up may still bring something, if it answers at all.
const DRAIN_WITHIN: Duration = Duration::from_millis(300);
/// Time to connect and to subscribe to everything.
const MAKE_WITHIN: Duration = Duration::from_secs(30);
/// Between two questions for the place of the primary, however many wait for the answer.
const HURRY: Duration = Duration::from_millis(100);
/// Own probes that may be missed; after that the link is deaf.
const MISSES: u32 = 2;
/// How late the last of them may come.
const LATE: Duration = Duration::from_millis(100);
/// Lists of topics that the reader has yet to end; whoever unsubscribes waits beyond it.
const ENDED_MAX: usize = 64;

/// Runs until the edge leaves.
pub(super) async fn keep(shared: Arc<Shared>, mut topology: Topology) {
    let mut generation = 0;
    let mut backoff = BACKOFF_FIRST;
    let mut old = None;
    loop {
        generation += 1;
        let made = make(&shared, &mut topology, generation, old.take());
        match timeout(MAKE_WITHIN, made).await {
            Ok(Ok(made)) => {
                backoff = BACKOFF_FIRST;
                let (reason, former) = serve(&shared, &mut topology, made).await;
                if shared.ended.is_cancelled() {
                    return;
                }
                // A link that does not hear has nothing more to bring.
                old = (reason != Reason::Deaf).then_some(former);
                shared.status.down(reason);
                tracing::warn!(reason = reason.as_str(), "the link to Redis is given up");
                if reason == Reason::Moved {
                    continue;
                }
            }
            Ok(Err(error)) => {
                let reason = match reason_of(&error) {
                    Some(reason) => reason,
                    None if refuses_writes(&error) => Reason::Unwritable,
                    None => Reason::Disconnected,
                };
                shared.status.down(reason);
                tracing::warn!(%error, "cannot connect to Redis");
            }
            Err(_) => shared.status.down(Reason::Timeout),
        }
        if shared.ended.is_cancelled() {
            return;
        }
        // Edges that lost the same Redis do not all come back in the same moment.
        let wait = backoff.mul_f64(rand::rng().random_range(0.5..1.0));
        backoff = (backoff * 2).min(BACKOFF_LONGEST);
        tokio::select! {
            () = sleep(wait) => {}
            () = shared.ended.cancelled() => return,
        }
    }
}

/// A link that hears everything.
struct Made {
    link: Arc<Link>,
    ends: Ends,
    reader: JoinHandle<()>,
    heard: Heard,
    location: Location,
    writable: Writable,
}

/// Whether Redis wrote the registration down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writable {
    Yes,
    No,
}

/// A link that was given up, and may still bring what was said over it.
struct Former {
    link: Arc<Link>,
    /// Keeps the connections, for as long as they last.
    ends: Ends,
    reader: JoinHandle<()>,
}

impl Former {
    /// Reads to the end: what was on its way before the new link heard everything comes before whatever that brings.
    async fn drain(self) {
        let drained = async {
            let _ = self.link.ping().await;
        };
        let _ = timeout(DRAIN_WITHIN, drained).await;
        let _ = timeout(CLOSE_WITHIN, self.link.close()).await;
        drop(self.ends);
        let _ = timeout(DRAIN_WITHIN, self.reader).await;
    }
}

async fn make(
    shared: &Arc<Shared>,
    topology: &mut Topology,
    generation: u64,
    former: Option<Former>,
) -> Result<Made, Error> {
    let (config, mut location) = topology.target().await?;
    let (link, ends, messages) =
        Link::connect(config, topology.sharding(), generation, &shared.tasks).await?;
    let link = Arc::new(link);
    link.must_be_primary().await?;
    if location == Location::Fixed && topology.moves() {
        location = topology.locate(&link).await?;
    }
    shared.pulse.reset();
    let writable = match heartbeat::register(shared, &link).await {
        Registered::Still | Registered::Anew => Writable::Yes,
        // What is said needs no writes. What this edge holds is told again once there can be any.
        Registered::Refused(_) if shared.edges.is_registered() => Writable::No,
        Registered::Refused(error) => return Err(error),
        Registered::Unknown => {
            return Err(Error::new(
                fred::error::ErrorKind::Timeout,
                "the edge could not be registered",
            ));
        }
    };
    let (ended, ended_topics) = mpsc::channel(ENDED_MAX);
    let heard = Heard::begin(shared, Arc::clone(&link), ended).await?;
    if let Some(former) = former {
        former.drain().await;
    }
    let reader = read_all(Arc::clone(shared), messages, ended_topics);
    let reader = shared.tasks.spawn_on(reader, &shared.runtime);
    Ok(Made {
        link,
        ends,
        reader,
        heard,
        location,
        writable,
    })
}

/// Puts the link to use until there is a doubt.
async fn serve(shared: &Arc<Shared>, topology: &mut Topology, made: Made) -> (Reason, Former) {
    let Made {
        link,
        mut ends,
        reader,
        mut heard,
        location,
        writable,
    } = made;
    shared.links.put(Arc::clone(&link));
    match writable {
        Writable::Yes => shared.status.up(),
        Writable::No => {
            shared.status.up_unwritable();
            tracing::warn!("Redis refuses writes over the new link");
        }
    }
    shared.watchers.tell(&crate::records::Notice::Missed);
    tracing::info!(generation = link.generation, "linked to Redis");
    let offers = Arc::clone(shared);
    shared.spawn(async move { heartbeat::reoffer(&offers).await });
    let reason = tokio::select! {
        reason = shared.links.doubted(link.generation) => reason,
        () = ends.wait() => Reason::Disconnected,
        error = heard.follow(shared) => reason_of(&error).unwrap_or(Reason::Disconnected),
        reason = probe(shared, &link) => reason,
        reason = watch_location(shared, topology, &link, location) => reason,
        () = shared.ended.cancelled() => Reason::Disconnected,
    };
    shared.links.take();
    shared.table.fall();
    (reason, Former { link, ends, reader })
}

/// Publishes to itself and to every other edge, and returns when it does not hear itself any more.
async fn probe(shared: &Arc<Shared>, link: &Arc<Link>) -> Reason {
    let every = shared.config.probe;
    if every.is_zero() {
        return std::future::pending().await;
    }
    let (mut began, mut next) = (Instant::now(), Instant::now());
    // However many wait for a round, there is one, and then a pause.
    let mut pause = began;
    let mut number = 0;
    let deaf_at = |began: Instant| {
        let heard = shared.pulse.last_heard();
        heard.map_or(began, |heard| heard.max(began)) + every * MISSES + LATE
    };
    loop {
        if next <= Instant::now() {
            number += 1;
            next = Instant::now() + every;
            pause = Instant::now();
            let task = (Arc::clone(shared), Arc::clone(link));
            shared.spawn(async move { probe_all(&task.0, &task.1, number).await });
        }
        let wake = next.min(deaf_at(began));
        tokio::select! {
            () = tokio::time::sleep_until(wake) => {}
            () = shared.pulse.hurried_to_probe(), if pause <= Instant::now() => {
                probe_all(shared, link, number).await;
                pause = Instant::now() + HURRY;
            }
            () = tokio::time::sleep_until(pause), if pause > Instant::now() => {}
        }
        if wake.elapsed() > every {
            // This edge itself stood still: what it did not hear meanwhile is still to come.
            began = Instant::now();
        }
        if deaf_at(began) <= Instant::now() {
            return Reason::Deaf;
        }
    }
}

async fn probe_all(shared: &Shared, link: &Link, number: u64) {
    let began = Instant::now();
    let payload = parcel::probe(shared.incarnation, number);
    let own = shared.names.edge_channel(shared.edges.registration());
    let to_own = link.publish(own, payload.clone());
    let others = shared.edges.alive();
    let to_others = others.iter().map(|edge| {
        let channel = shared.names.edge_channel(*edge);
        let sent = link.publish(channel, payload.clone());
        async move { (*edge, sent.await) }
    });
    let (to_own, to_others) = tokio::join!(to_own, futures_util::future::join_all(to_others));
    if let Err(error) = to_own {
        shared.doubt(link.generation, &error);
    }
    let is_silent = |(edge, heard): (Incarnation, Result<u64, Error>)| match heard {
        Ok(listeners) => (listeners == 0).then_some(edge),
        Err(_) => Some(edge),
    };
    shared
        .pulse
        .probed(began, to_others.into_iter().filter_map(is_silent).collect());
}

/// Asks where the primary is, and returns when it is elsewhere.
async fn watch_location(
    shared: &Shared,
    topology: &mut Topology,
    link: &Link,
    location: Location,
) -> Reason {
    let every = shared.config.topology_poll;
    if every.is_zero() || !topology.moves() {
        return std::future::pending().await;
    }
    loop {
        let asked = Instant::now();
        // No answer is no news: the link itself may be well.
        if let Ok(Ok(now)) = timeout(every * 2, topology.locate(link)).await {
            if now != location {
                return Reason::Moved;
            }
            shared.pulse.located(asked);
        }
        if link.must_be_primary().await.is_err() {
            return Reason::NotPrimary;
        }
        sleep(HURRY).await;
        tokio::select! {
            () = sleep(every.saturating_sub(HURRY)) => {}
            () = shared.pulse.hurried() => {}
        }
    }
}
