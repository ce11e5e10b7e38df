//! One connection through the relay.

use std::{
    collections::VecDeque,
    future::pending,
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
    time::sleep_until,
};

use super::fault::{Effect, Faults, Way, Which};
use super::sieve::Sieve;

/// What the relay knows of a connection.
#[derive(Debug)]
pub(super) struct Link {
    faults: watch::Receiver<Faults>,
    born: Instant,
    seed: u64,
    subscribed: AtomicBool,
}

/// Why a connection ends.
enum End {
    Closed,
    Reset,
    Forgotten,
}

impl Link {
    pub(super) fn new(number: u64, faults: watch::Receiver<Faults>, seed: u64) -> Self {
        Self {
            faults,
            born: Instant::now(),
            seed: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ number,
            subscribed: AtomicBool::new(false),
        }
    }

    pub(super) fn is_refused(&self) -> bool {
        self.faults.borrow().refusing
    }

    pub(super) async fn relay(&self, mut caller: TcpStream, mut target: TcpStream) {
        for stream in [&caller, &target] {
            drop(stream.set_nodelay(true));
        }
        let end = {
            let (from_caller, to_caller) = caller.split();
            let (from_target, to_target) = target.split();
            let both = async {
                let there = self.carry(from_caller, to_target, Way::ToTarget);
                let back = self.carry(from_target, to_caller, Way::ToCaller);
                match tokio::try_join!(there, back) {
                    Ok(_) => End::Closed,
                    Err(Broken) => End::Reset,
                }
            };
            tokio::select! {
                end = both => end,
                end = self.sentence() => end,
            }
        };
        match end {
            End::Closed => {}
            End::Reset => {
                for stream in [&caller, &target] {
                    drop(stream.set_zero_linger());
                }
            }
            End::Forgotten => {
                drop(target);
                // The caller's end stays open for as long as the relay does, and is never read.
                let mut faults = self.faults.clone();
                let reset =
                    |faults: &Faults| self.effect(faults, Way::ToCaller) == Some(Effect::Reset);
                drop(faults.wait_for(reset).await);
                drop(caller.set_zero_linger());
            }
        }
    }

    /// Moves one way until its end; the reading waits no longer than the faults say, the writing as long.
    async fn carry(
        &self,
        mut from: ReadHalf<'_>,
        mut to: WriteHalf<'_>,
        way: Way,
    ) -> Result<(), Broken> {
        let mut rng = StdRng::seed_from_u64(self.seed ^ (way as u64));
        let mut waiting: VecDeque<(tokio::time::Instant, Vec<u8>)> = VecDeque::new();
        let mut chunk = vec![0; CHUNK_BYTES];
        // Begins between two replies: what is read at once is whole, as long as replies are small.
        let mut sieve = Sieve::default();
        let mut ended = false;
        loop {
            let due = waiting.front().map(|(due, _)| *due);
            let next_due = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                () = next_due => {
                    if let Some((_, bytes)) = waiting.pop_front() {
                        to.write_all(&bytes).await?;
                    }
                }
                read = self.read(&mut from, &mut chunk, way), if !ended && waiting.len() < QUEUE_CHUNKS => {
                    let (count, effect) = read?;
                    ended = count == 0;
                    match effect {
                        Some(Effect::Lose) => {}
                        Some(Effect::Cut) => {
                            let kept = rng.random_range(0..count.max(1));
                            to.write_all(&chunk[..kept]).await?;
                            return Err(Broken);
                        }
                        Some(Effect::Sift) => {
                            let due = Instant::now() + self.delay(&mut rng);
                            waiting.push_back((due.into(), sieve.pass(&chunk[..count])?));
                        }
                        Some(Effect::Hold | Effect::Forget | Effect::Reset) | None => {
                            let due = Instant::now() + self.delay(&mut rng);
                            waiting.push_back((due.into(), chunk[..count].to_vec()));
                        }
                    }
                }
                else => {}
            }
            if ended && waiting.is_empty() {
                // The other way may go on; a peer that is gone already needs no goodbye.
                drop(to.shutdown().await);
                return Ok(());
            }
        }
    }

    /// Reads once, as soon as nothing holds this way.
    async fn read(
        &self,
        from: &mut ReadHalf<'_>,
        chunk: &mut [u8],
        way: Way,
    ) -> Result<(usize, Option<Effect>), Broken> {
        let mut faults = self.faults.clone();
        loop {
            let held = faults.wait_for(|faults| self.effect(faults, way) != Some(Effect::Hold));
            drop(held.await.map_err(|_| Broken)?);
            tokio::select! {
                readable = from.readable() => readable?,
                changed = faults.changed() => {
                    changed.map_err(|_| Broken)?;
                    continue;
                }
            }
            if self.effect(&faults.borrow(), way) == Some(Effect::Hold) {
                continue;
            }
            let count = from.read(chunk).await?;
            if way == Way::ToTarget && names_subscribe(&chunk[..count]) {
                self.subscribed.store(true, Ordering::Relaxed);
            }
            return Ok((count, self.effect(&faults.borrow(), way)));
        }
    }

    /// Waits until a rule ends this connection.
    async fn sentence(&self) -> End {
        let mut faults = self.faults.clone();
        loop {
            match self.effect(&faults.borrow_and_update(), Way::ToTarget) {
                Some(Effect::Reset) => return End::Reset,
                Some(Effect::Forget) => return End::Forgotten,
                Some(Effect::Hold | Effect::Sift | Effect::Lose | Effect::Cut) | None => {}
            }
            if faults.changed().await.is_err() {
                return End::Reset;
            }
        }
    }

    fn effect(&self, faults: &Faults, way: Way) -> Option<Effect> {
        let kind = match self.subscribed.load(Ordering::Relaxed) {
            true => Which::Subscribers,
            false => Which::Others,
        };
        faults.effect(self.born, kind, way)
    }

    fn delay(&self, rng: &mut StdRng) -> std::time::Duration {
        let faults = self.faults.borrow();
        faults.delay + faults.jitter.mul_f64(rng.random::<f64>())
    }
}

/// An end of the connection was lost.
#[derive(Debug)]
pub(super) struct Broken;

impl From<std::io::Error> for Broken {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

fn names_subscribe(chunk: &[u8]) -> bool {
    chunk
        .windows(WORD.len())
        .any(|part| part.eq_ignore_ascii_case(WORD))
}

const WORD: &[u8] = b"SUBSCRIBE";
const CHUNK_BYTES: usize = 64 * 1024;
const QUEUE_CHUNKS: usize = 256;
