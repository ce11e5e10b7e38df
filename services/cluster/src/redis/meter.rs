//! What an edge's lanes spend of an app's messages, and when the edge asks Redis for more.
//!
//! [`Meter::spend`] is the hot path: it asks nobody and waits for nobody. It takes from credit that was drawn from Redis in
//! blocks; what it counts is stated to Redis in totals, so an answer that is lost costs nothing but time. Knows no
//! connection: a task asks [`Meter::due`] what to say, says it, and hands the answer to [`Meter::settled`].
//!
//! Over all edges credit and attempts together never exceed the limit, so neither do the messages that pass. Attempts count
//! as used, refused ones too: once they alone reach the limit, credit that is left is worth nothing.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::scripts::quota::{Settled, Statement};
use crate::quotas::{Allowance, Overage, Period, Spend};

/// Attempts are stated this often at most, as long as the credit lasts.
const STATE_INTERVAL: Duration = Duration::from_secs(1);

/// A block, unless more is spent in [`STATE_INTERVAL`].
const BLOCK: u64 = 1_000;

/// The largest block: what a dead edge can take along of a plan that is far from used up.
const BLOCK_MAX: u64 = 100_000;

/// So long before a period ends the first block of the next one is drawn, for at its first second nobody may be refused.
const AHEAD_S: u64 = 60;

/// Stands for no limit.
const UNLIMITED: u64 = u64::MAX;

/// One app's messages on one edge.
#[derive(Debug)]
pub(super) struct Meter {
    period_end_s: AtomicU64,
    /// Of this edge in this period.
    attempts: AtomicU64,
    /// Of all other edges, as far as was heard.
    others: AtomicU64,
    /// Drawn and not used yet.
    credit: AtomicU64,
    /// Below this much credit more is wanted.
    low: AtomicU64,
    /// The allowance that was spent against last.
    limit: AtomicU64,
    counted: AtomicBool,
    /// More credit was asked for, and whoever draws has been woken.
    wanted: AtomicBool,
    drawer: Arc<Notify>,
    book: Mutex<Book>,
}

/// What was said to Redis, and what has to be.
#[derive(Debug)]
struct Book {
    period: Period,
    /// Somebody is asking Redis right now.
    asking: bool,
    stated_attempts: u64,
    stated_credit: u64,
    stated_at: Option<Instant>,
    /// The block that is drawn next; grows and shrinks with what is spent.
    block: u64,
    /// Nothing was left when Redis was asked last; until the next statement there is no use in asking again.
    is_used_up: bool,
    /// Attempts of a period that has ended, not stated yet.
    arrears: Option<(Period, u64)>,
    /// Drawn for the period to come.
    ahead: Option<(Period, u64)>,
}

impl Meter {
    /// `drawer` is woken when credit runs low; one may serve all meters of an edge.
    pub(super) fn new(drawer: Arc<Notify>) -> Self {
        Self {
            period_end_s: AtomicU64::new(0),
            attempts: AtomicU64::new(0),
            others: AtomicU64::new(0),
            credit: AtomicU64::new(0),
            low: AtomicU64::new(1),
            limit: AtomicU64::new(UNLIMITED),
            counted: AtomicBool::new(false),
            wanted: AtomicBool::new(false),
            drawer,
            book: Mutex::new(Book::new(Period {
                start_s: 0,
                end_s: 0,
            })),
        }
    }

    /// Counts one attempt and says whether it may pass.
    pub(super) fn spend(&self, allowance: Allowance, now_s: u64) -> Spend {
        self.prepare(allowance, now_s);
        // First the attempt, then the credit: whoever reads in between, the other way round, sees too much used, never too
        // little.
        let before = self.attempts.fetch_add(1, Ordering::SeqCst);
        let limit = match (allowance.messages, allowance.overage) {
            (Some(limit), Overage::Refused) => limit,
            (Some(_), Overage::Counted) | (None, Overage::Refused | Overage::Counted) => {
                return Spend::Taken;
            }
        };
        if before.saturating_add(self.others.load(Ordering::Relaxed)) >= limit {
            return Spend::Refused;
        }
        let taken = self
            .credit
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |credit| {
                credit.checked_sub(1)
            });
        if taken.unwrap_or(0).saturating_sub(1) <= self.low.load(Ordering::Relaxed)
            && !self.wanted.swap(true, Ordering::AcqRel)
        {
            self.drawer.notify_one();
        }
        match taken {
            Ok(_) => Spend::Taken,
            Err(_) => Spend::Refused,
        }
    }

    /// Makes ready for messages under `allowance`, before the first of them comes.
    pub(super) fn prepare(&self, allowance: Allowance, now_s: u64) {
        if now_s >= self.period_end_s.load(Ordering::Acquire) {
            self.begin_period(now_s);
        }
        // Looked at first: written on every message, the lanes' cores would fight over it.
        let limit = allowance.messages.unwrap_or(UNLIMITED);
        if self.limit.load(Ordering::Relaxed) != limit {
            self.limit.store(limit, Ordering::Relaxed);
        }
        let counted = allowance.overage == Overage::Counted;
        if self.counted.load(Ordering::Relaxed) != counted {
            self.counted.store(counted, Ordering::Relaxed);
        }
    }

    /// Whether a message might be refused for want of credit that Redis would give.
    pub(super) fn is_in_want(&self) -> bool {
        self.is_rationed() && self.credit.load(Ordering::SeqCst) == 0 && !self.lock().is_used_up
    }

    /// What to say to Redis now, if anything; nothing while an earlier statement is not answered.
    pub(super) fn due(&self, now_s: u64, now: Instant) -> Option<Statement> {
        if now_s >= self.period_end_s.load(Ordering::Acquire) {
            self.begin_period(now_s);
        }
        let mut book = self.lock();
        if book.asking {
            return None;
        }
        let statement = self.due_of(&book, now_s, now)?;
        book.asking = true;
        Some(statement)
    }

    fn due_of(&self, book: &Book, now_s: u64, now: Instant) -> Option<Statement> {
        if let Some((period, attempts)) = book.arrears {
            return Some(self.statement(period, attempts, 0, 0));
        }
        // First the credit, then the attempts; see `spend`.
        let credit = self.credit.load(Ordering::SeqCst);
        let attempts = self.attempts.load(Ordering::SeqCst);
        let is_old = book
            .stated_at
            .is_none_or(|at| now.duration_since(at) >= STATE_INTERVAL);
        let runs_low = self.is_rationed() && credit <= self.low.load(Ordering::Relaxed);
        if runs_low && (is_old || !book.is_used_up) {
            return Some(self.statement(book.period, attempts, credit, book.block));
        }
        let is_stated = attempts == book.stated_attempts && credit == book.stated_credit;
        if is_old && attempts == book.stated_attempts && credit > BLOCK {
            let rest = self.give_up_above(BLOCK);
            return Some(self.statement(book.period, attempts, rest, 0));
        }
        if is_old && !is_stated {
            return Some(self.statement(book.period, attempts, credit, 0));
        }
        let next = Period::containing(book.period.end_s);
        let is_near = now_s.saturating_add(AHEAD_S) >= book.period.end_s;
        (is_near && is_old && self.is_rationed() && book.ahead.is_none())
            .then(|| self.statement(next, 0, 0, book.block))
    }

    /// All that this edge has used, its credit given up: the last word before it leaves, or when no session of the app is left.
    /// Messages that come after it find no credit until more is drawn.
    pub(super) fn give_back(&self) -> Option<Statement> {
        let mut book = self.lock();
        if book.asking || book.period.end_s == 0 {
            return None;
        }
        book.asking = true;
        self.credit.store(0, Ordering::SeqCst);
        let attempts = self.attempts.load(Ordering::SeqCst);
        Some(self.statement(book.period, attempts, 0, 0))
    }

    /// Redis has answered.
    pub(super) fn settled(&self, statement: &Statement, settled: Settled, now: Instant) {
        // Before the credit is there: who spends meanwhile may ask once too often, but never once too little.
        self.wanted.store(false, Ordering::Release);
        let mut book = self.lock();
        book.asking = false;
        if book.arrears.is_some_and(|(period, attempts)| {
            period == statement.period && attempts <= statement.attempts
        }) {
            book.arrears = None;
            return;
        }
        if statement.period != book.period {
            // For the period to come; of one that has ended nothing is of use any more.
            if statement.period.start_s >= book.period.end_s {
                book.ahead = Some((statement.period, settled.drawn));
            }
            return;
        }
        self.credit.fetch_add(settled.drawn, Ordering::SeqCst);
        let others = settled.messages.saturating_sub(statement.attempts);
        self.others.store(others, Ordering::Relaxed);
        book.resize_block(statement.attempts, now);
        book.stated_attempts = statement.attempts;
        book.stated_credit = statement.credit + settled.drawn;
        book.stated_at = Some(now);
        if statement.draw_max > 0 {
            book.is_used_up = settled.drawn == 0;
            let low = (statement.credit + settled.drawn) / 2;
            self.low.store(low, Ordering::Relaxed);
        }
    }

    /// Redis did not answer, or nobody knows what it did. The next statement says everything that this one did.
    pub(super) fn unsettled(&self) {
        self.lock().asking = false;
        self.wanted.store(false, Ordering::Release);
    }

    fn statement(&self, period: Period, attempts: u64, credit: u64, draw_max: u64) -> Statement {
        let limit = self.limit.load(Ordering::Relaxed);
        Statement {
            period,
            attempts,
            credit,
            limit: (limit != UNLIMITED).then_some(limit),
            overage: if self.counted.load(Ordering::Relaxed) {
                Overage::Counted
            } else {
                Overage::Refused
            },
            draw_max,
        }
    }

    /// Whether messages need credit.
    fn is_rationed(&self) -> bool {
        self.limit.load(Ordering::Relaxed) != UNLIMITED && !self.counted.load(Ordering::Relaxed)
    }

    /// Gives up credit that is held in store for more than is spent; returns what is left.
    fn give_up_above(&self, credit_max: u64) -> u64 {
        let keep = |credit: u64| Some(credit.min(credit_max));
        let before = self
            .credit
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, keep);
        self.low.store(credit_max / 2, Ordering::Relaxed);
        before.unwrap_or(0).min(credit_max)
    }

    fn begin_period(&self, now_s: u64) {
        let mut book = self.lock();
        if now_s < self.period_end_s.load(Ordering::Acquire) {
            return;
        }
        let period = Period::containing(now_s);
        let mut next = Book::new(period);
        next.asking = book.asking;
        next.block = book.block;
        let attempts = self.attempts.swap(0, Ordering::SeqCst);
        let is_owed = attempts != book.stated_attempts;
        next.arrears = book
            .arrears
            .take()
            .or(is_owed.then_some((book.period, attempts)));
        let ahead = book.ahead.filter(|(ahead, _)| *ahead == period);
        let credit = ahead.map_or(0, |(_, credit)| credit);
        next.stated_credit = credit;
        self.credit.store(credit, Ordering::SeqCst);
        self.low.store(credit / 2, Ordering::Relaxed);
        self.others.store(0, Ordering::Relaxed);
        *book = next;
        self.period_end_s.store(period.end_s, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    const fn new(period: Period) -> Self {
        Self {
            period,
            asking: false,
            stated_attempts: 0,
            stated_credit: 0,
            stated_at: None,
            block: BLOCK,
            is_used_up: false,
            arrears: None,
            ahead: None,
        }
    }

    /// A block lasts for about a second of what was spent since the last statement.
    fn resize_block(&mut self, attempts: u64, now: Instant) {
        let Some(stated_at) = self.stated_at else {
            return;
        };
        let spent = attempts.saturating_sub(self.stated_attempts);
        let since = now
            .duration_since(stated_at)
            .max(Duration::from_millis(1))
            .as_millis();
        let in_interval = u128::from(spent) * STATE_INTERVAL.as_millis() / since;
        let wanted = u64::try_from(in_interval).unwrap_or(BLOCK_MAX);
        // Halved at most, so that one quiet moment does not undo it.
        self.block = wanted.max(self.block / 2).clamp(BLOCK, BLOCK_MAX);
    }
}

#[cfg(test)]
mod tests;
