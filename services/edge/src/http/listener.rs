//! Accepting connections.
//!
//! A stranger gets a few seconds to say what it wants, in a head of bounded size, and one of a bounded number of places.
//! HTTP/1.1 only: a WebSocket begins as an upgrade.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::connection::Connection;
use super::stream::Stream;
use super::unadmitted::Unadmitted;
use crate::metrics::Refusal;
use crate::parts::Parts;

/// Largest request head. A legal token takes up to some 51 KB of it.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Pause after a failed accept: mostly the process is out of descriptors, and trying again at once would only burn CPU.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Time that a connection may stay without having become a session; a client that calls on comes again.
const LIFETIME: Duration = Duration::from_secs(60);
/// Time to answer what was asked before.
const LAST_ANSWER: Duration = Duration::from_secs(10);

/// Accepts until the process ends.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    unadmitted: Unadmitted,
    parts: Arc<Parts>,
) {
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => welcome(socket, peer, &router, &unadmitted, &parts),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Starts serving one connection, or drops it if there is no place for it.
fn welcome(
    socket: TcpStream,
    peer: SocketAddr,
    router: &Router,
    unadmitted: &Unadmitted,
    parts: &Arc<Parts>,
) {
    let address = peer.ip().to_canonical();
    let is_proxy = parts
        .config
        .trusted_proxies
        .iter()
        .any(|network| network.contains(&address));
    let place = if is_proxy {
        unadmitted.take_for_proxy(address)
    } else {
        unadmitted.take(address)
    };
    let Some(place) = place else {
        parts.metrics.quota_refusals.count(Refusal::Unauthenticated);
        return;
    };
    let connection = Arc::new(Connection::new(peer, place));
    let stream = Stream::new(socket, Arc::clone(&connection));
    let (router, served) = (router.clone(), Arc::clone(parts));
    if parts.drain.is_cancelled() {
        let never = std::future::pending();
        let serving = serve_connection(stream, router, connection, served, never);
        parts.latecomers.spawn(serving);
    } else {
        let draining = parts.drain.clone().cancelled_owned();
        let serving = serve_connection(stream, router, connection, served, draining);
        parts.tasks.spawn(serving);
    }
}

/// Serves one connection until it ends, has lived too long, or is told to `leave`; what was asked before is answered. One
/// that was upgraded then goes on to its lane.
async fn serve_connection(
    stream: Stream,
    router: Router,
    connection: Arc<Connection>,
    parts: Arc<Parts>,
    leave: impl Future<Output = ()>,
) {
    let service = TowerToHyperService::new(router);
    let known = Arc::clone(&connection);
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Arc::clone(&known));
        let request = request.map(axum::body::Body::new);
        Box::pin(hyper::service::Service::call(&service, request))
    });
    let mut serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(parts.config.timing.handshake)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let served = tokio::select! {
        served = poll_fn(|context| serving.poll_without_shutdown(context)) => served,
        () = either(leave, sleep(LIFETIME)) => {
            std::pin::Pin::new(&mut serving).graceful_shutdown();
            tokio::select! {
                served = poll_fn(|context| serving.poll_without_shutdown(context)) => served,
                () = either(parts.abort.cancelled(), sleep(LAST_ANSWER)) => return,
            }
        }
    };
    if let Err(error) = served {
        tracing::debug!(error = %io::Error::other(error), "a connection ended early");
        return;
    }
    if let Some(enter) = connection.take_enter() {
        let http = serving.into_parts();
        match http.io.into_inner().into_upgraded(&http.read_buf) {
            Ok(upgraded) => enter(upgraded).await,
            Err(error) => tracing::warn!(%error, "an upgraded connection is lost"),
        }
    }
}

async fn either(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    tokio::select! {
        () = one => {}
        () = other => {}
    }
}
