//! Keeps this edge's sign of life, watches the others', and cleans up after those that are gone.
//!
//! A sign of life is a write, so that it also tells whether Redis takes any.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use fred::error::Error;
use fred::prelude::Value;
use fred::types::scripts::Script;
use tokio::time::{Instant, sleep_until};

use super::holds;
use super::link::{Link, refuses_writes};
use super::shared::Shared;
use super::sweep;
use crate::origin::Incarnation;

static HEARTBEAT: LazyLock<Script> =
    LazyLock::new(|| Script::from_lua(include_str!("lua/heartbeat.lua")));

/// Looks at the others per life of a sign of life: a dead edge is cleaned up after within its life and two seconds.
const LOOKS_PER_LIFE: u32 = 16;

/// Beats until the edge leaves.
pub(super) async fn beat(shared: Arc<Shared>) {
    loop {
        let next = Instant::now() + shared.config.edge_ttl / LOOKS_PER_LIFE;
        match shared.links.current() {
            Some(link) => {
                if let Registered::Anew = register(&shared, &link).await {
                    let task = Arc::clone(&shared);
                    shared.spawn(async move { reoffer(&task).await });
                }
            }
            None => shared.edges.falter(),
        }
        tokio::select! {
            () = sleep_until(next) => {}
            () = shared.ended.cancelled() => return,
        }
    }
}

/// What became of the registration.
#[derive(Debug)]
pub(super) enum Registered {
    /// As before, or for the first time.
    Still,
    /// The old one was lost, or Redis wrote nothing down for a while: everything that carries it has to be told again.
    Anew,
    /// Redis writes nothing down.
    Refused(Error),
    /// Redis could not be asked.
    Unknown,
}

/// Renews the sign of life. Nothing may be held in Redis before this has gone through once: nobody would know whose it is.
pub(super) async fn register(shared: &Arc<Shared>, link: &Link) -> Registered {
    match once(shared, link).await {
        Renewed::Yes if shared.status.writable() => {
            tracing::info!("Redis takes writes again, telling everything again");
            Registered::Anew
        }
        Renewed::Yes => Registered::Still,
        Renewed::Lost => {
            shared.status.writable();
            let registration = shared.edges.register_anew();
            tracing::warn!(%registration, "this edge's sign of life was lost, telling everything again");
            shared.edges.falter();
            let channel = shared.names.edge_channel(registration);
            if let Err(error) = link.subscribe(&[channel]).await {
                shared.doubt(link.generation, &error);
            }
            match once(shared, link).await {
                Renewed::Refused(error) => Registered::Refused(error),
                Renewed::Yes | Renewed::Lost | Renewed::Unknown => Registered::Anew,
            }
        }
        Renewed::Refused(error) => {
            shared.edges.falter();
            Registered::Refused(error)
        }
        Renewed::Unknown => {
            shared.edges.falter();
            Registered::Unknown
        }
    }
}

#[derive(Debug)]
enum Renewed {
    Yes,
    Lost,
    Refused(Error),
    Unknown,
}

/// Everything that carries the registration, told again.
pub(super) async fn reoffer(shared: &Arc<Shared>) {
    shared.leases.offer_all(shared).await;
    shared.quotas.offer_all(shared).await;
    holds::offer_all(shared).await;
    for former in shared.edges.take_former() {
        sweep::forget(shared, former).await;
    }
}

/// One beat.
async fn once(shared: &Arc<Shared>, link: &Link) -> Renewed {
    let (names, own) = (&shared.names, shared.edges.registration());
    let known = shared.edges.known();
    let mut keys = vec![names.heartbeat(own), names.registrations()];
    keys.extend(known.iter().map(|edge| names.heartbeat(*edge)));
    let ttl = shared.config.edge_ttl;
    let args: Vec<Value> = vec![
        i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX).into(),
        own.to_string().into(),
        shared.config.edge.as_str().into(),
        if shared.edges.is_registered() {
            "known"
        } else {
            "new"
        }
        .into(),
    ];
    let reply = match link.script(&HEARTBEAT, keys, args).await {
        Ok(reply) => reply,
        Err(error) if refuses_writes(&error) => {
            if shared.status.unwritable() {
                tracing::warn!(%error, "Redis refuses writes");
            }
            return Renewed::Refused(error);
        }
        Err(error) => {
            shared.doubt(link.generation, &error);
            return Renewed::Unknown;
        }
    };
    let Ok([renewed, registered, lives]) = <[Value; 3]>::try_from(reply.into_array()) else {
        return Renewed::Unknown;
    };
    if renewed.as_u64() != Some(1) {
        return Renewed::Lost;
    }
    shared.edges.note_registered();
    let registered: Vec<Incarnation> = registered
        .into_array()
        .into_iter()
        .filter_map(|edge| edge.as_str().and_then(|edge| edge.parse().ok()))
        .collect();
    let lives: Vec<(Incarnation, bool)> = known
        .into_iter()
        .zip(lives.into_array())
        .map(|(edge, lives)| (edge, lives.as_u64() == Some(1)))
        .collect();
    let gone = shared.edges.look(&registered, &lives, ttl);
    shared.pulse.expect(&shared.edges.alive());
    shared
        .status
        .set(|counts| &counts.edges, shared.edges.count() as u64);
    for edge in gone {
        let task = Arc::clone(shared);
        shared.spawn(async move { sweep::sweep(&task, edge).await });
    }
    Renewed::Yes
}

/// The sign of life ends with the edge, so that nobody has to find out.
pub(super) async fn end(shared: &Shared) {
    let Some(link) = shared.links.current() else {
        return;
    };
    let own = shared.edges.registration();
    let names = &shared.names;
    let forget = async {
        let _: Value = link
            .command(
                "SREM",
                vec![names.registrations().into(), own.to_string().into()],
            )
            .await?;
        link.command::<Value>("DEL", vec![names.heartbeat(own).into()])
            .await
    };
    // Whoever finds it missing cleans up, so a failure here costs time and nothing else.
    let _ = tokio::time::timeout(Duration::from_secs(1), forget).await;
}
