//! A network between two processes that fails on command.
//!
//! The kernel of a test machine cannot delay or lose packets, so a TCP relay does what a bad network does to
//! connections: it is slow, stands still, goes deaf one way, forgets one end, or resets. It never damages bytes, and
//! never lets bytes through after it has lost some. It also does what only a server could: it keeps messages from
//! subscribers. It runs on a thread of its own, so a busy test does not slow it.

mod fault;
mod relay;
mod sieve;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    runtime,
    sync::{oneshot, watch},
    task::JoinSet,
};

use fault::{Effect, Faults};
pub use fault::{Way, Which};
use relay::Link;

/// A relay to one target. Faults begin when a method is called; dropping it closes every connection.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    faults: watch::Sender<Faults>,
    open: watch::Receiver<usize>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FaultProxy {
    /// Starts a relay on a free port. `seed` decides about jitter and about where a reply is cut.
    #[must_use]
    pub fn start(target: SocketAddr, seed: u64) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listener = listener.expect("loopback has a free port");
        let address = listener
            .local_addr()
            .expect("a bound listener knows its address");
        listener
            .set_nonblocking(true)
            .expect("the option exists on every socket");
        let (faults, rules) = watch::channel(Faults::default());
        let (counter, open) = watch::channel(0);
        let (stop, stopped) = oneshot::channel();
        let work = move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime of one thread can be built");
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("it does not block");
                tokio::select! {
                    () = accept(&listener, target, &rules, &counter, seed) => {}
                    _ = stopped => {}
                }
            });
        };
        let name = "fault proxy".to_owned();
        let thread = thread::Builder::new().name(name).spawn(work);
        Self {
            address,
            faults,
            open,
            stop: Some(stop),
            thread: Some(thread.expect("a thread can be started")),
        }
    }

    /// Where callers connect instead of the target.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections that are open now.
    #[must_use]
    pub fn connections(&self) -> usize {
        *self.open.borrow()
    }

    /// Delays every chunk by `delay` and up to `jitter` more; the order stays.
    pub fn slow(&self, delay: Duration, jitter: Duration) {
        self.faults.send_modify(|faults| faults.slow(delay, jitter));
    }

    /// Nothing flows either way, on no connection, until [`resume`](Self::resume). Connects still succeed.
    pub fn freeze(&self) {
        self.hold(Way::ToTarget);
        self.hold(Way::ToCaller);
    }

    /// Nothing flows this way until [`resume`](Self::resume); what was written waits.
    pub fn hold(&self, way: Way) {
        self.faults
            .send_modify(|faults| faults.add_for_all(way, Effect::Hold));
    }

    /// Ends delays, holds and refusals. What has lost bytes stays deaf.
    pub fn resume(&self) {
        self.faults.send_modify(Faults::resume);
    }

    /// The connections that are open now lose everything that goes this way from now on, and stay open. Later ones are
    /// whole.
    pub fn deafen(&self, which: Which, way: Way) {
        self.faults
            .send_modify(|faults| faults.add_for_open(which, Some(way), Effect::Lose));
    }

    /// The subscribers (RESP3) that are open now hear nothing more of what is published, and every answer.
    pub fn lose_messages(&self) {
        let lose = |faults: &mut Faults| {
            faults.add_for_open(Which::Subscribers, Some(Way::ToCaller), Effect::Sift);
        };
        self.faults.send_modify(lose);
    }

    /// Resets the connections that are open now, at both ends.
    pub fn reset(&self, which: Which) {
        self.faults
            .send_modify(|faults| faults.add_for_open(which, None, Effect::Reset));
    }

    /// Lets a part of the next reply through on each connection that is open now, then resets it.
    pub fn reset_mid_reply(&self, which: Which) {
        let cut =
            |faults: &mut Faults| faults.add_for_open(which, Some(Way::ToCaller), Effect::Cut);
        self.faults.send_modify(cut);
    }

    /// The target loses the connections that are open now; the callers are not told.
    pub fn half_open(&self, which: Which) {
        self.faults
            .send_modify(|faults| faults.add_for_open(which, None, Effect::Forget));
    }

    /// Resets everybody and every newcomer until [`resume`](Self::resume), as a port where nobody listens.
    pub fn refuse(&self) {
        self.faults.send_modify(Faults::refuse);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        // Both fail only after a panic of the thread, which its own output tells.
        if let (Some(stop), Some(thread)) = (self.stop.take(), self.thread.take()) {
            let _told = stop.send(());
            drop(thread.join());
        }
    }
}

async fn accept(
    listener: &TcpListener,
    target: SocketAddr,
    rules: &watch::Receiver<Faults>,
    counter: &watch::Sender<usize>,
    seed: u64,
) {
    let mut links = JoinSet::new();
    let mut number = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // Out of descriptors, or a caller that has left already: the next one may fare better.
                let Ok((caller, _)) = accepted else { continue };
                number += 1;
                let link = Arc::new(Link::new(number, rules.clone(), seed));
                links.spawn(serve(link, caller, target));
            }
            Some(_) = links.join_next() => {}
        }
        counter.send_replace(links.len());
    }
}

async fn serve(link: Arc<Link>, caller: TcpStream, target: SocketAddr) {
    if link.is_refused() {
        // Without lingering a close is a reset.
        drop(caller.set_zero_linger());
        return;
    }
    match TcpStream::connect(target).await {
        Ok(target) => link.relay(caller, target).await,
        Err(_refused) => drop(caller.set_zero_linger()),
    }
}

#[cfg(test)]
mod tests;
