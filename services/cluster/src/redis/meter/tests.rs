//! The meter against a Redis made of three numbers, and against the script in a real one.

use std::thread;

use proptest::prelude::*;

use super::*;
use crate::origin::Incarnation;
use crate::redis::scripts::quota::{SETTLE_MESSAGES, parse_settle_messages, settle_messages};
use crate::redis::scripts::server::Server;

#[test]
fn without_a_limit_nothing_is_drawn_and_every_attempt_is_stated() {
    let meter = meter();
    assert_eq!(spend(&meter, Allowance::default(), 5), 5);
    let statement = meter.due(NOW_S, Instant::now()).unwrap();
    assert_eq!(
        (statement.attempts, statement.draw_max, statement.limit),
        (5, 0, None)
    );
}

#[test]
fn a_soft_limit_lets_everything_pass_and_is_stated() {
    let meter = meter();
    let soft = Allowance {
        overage: Overage::Counted,
        ..limit(5)
    };
    assert_eq!(spend(&meter, soft, 8), 8);
    let statement = meter.due(NOW_S, Instant::now()).unwrap();
    assert_eq!((statement.attempts, statement.draw_max), (8, 0));
    assert_eq!(
        (statement.limit, statement.overage),
        (Some(5), Overage::Counted)
    );
}

#[test]
fn no_message_passes_without_credit() {
    let meter = meter();
    assert_eq!(spend(&meter, limit(100), 3), 0);
    assert!(meter.is_in_want());
    let mut till = Till::of(100);
    settle(&meter, &mut till, Instant::now());
    assert!(!meter.is_in_want());
    assert_eq!(
        spend(&meter, limit(100), 10),
        6,
        "a sixteenth of the 97 that are left"
    );
}

#[test]
fn attempts_use_up_the_limit_whatever_credit_is_left() {
    let meter = meter();
    let mut till = Till::of(5);
    meter.prepare(limit(5), NOW_S);
    settle(&meter, &mut till, Instant::now());
    assert_eq!(spend(&meter, limit(5), 8), 1);
    meter.credit.fetch_add(3, Ordering::SeqCst);
    assert_eq!(spend(&meter, limit(5), 2), 0);
}

#[tokio::test]
async fn the_drawer_is_woken_once_when_half_of_the_credit_is_gone() {
    let drawer = Arc::new(Notify::new());
    let meter = Meter::new(Arc::clone(&drawer));
    meter.prepare(limit(16_000), NOW_S);
    settle(&meter, &mut Till::of(16_000), Instant::now());
    let is_woken = async || {
        tokio::time::timeout(Duration::ZERO, drawer.notified())
            .await
            .is_ok()
    };
    spend(&meter, limit(16_000), 499);
    assert!(!is_woken().await);
    spend(&meter, limit(16_000), 200);
    assert!(is_woken().await);
    assert!(!is_woken().await);
    let statement = meter.due(NOW_S, Instant::now()).unwrap();
    assert_eq!((statement.credit, statement.draw_max), (301, BLOCK));
}

#[test]
fn while_credit_lasts_attempts_are_stated_once_a_second() {
    let meter = meter();
    let mut till = Till::of(1_000_000);
    let began = Instant::now();
    meter.prepare(limit(1_000_000), NOW_S);
    settle(&meter, &mut till, began);
    spend(&meter, limit(1_000_000), 3);
    let early = began
        + STATE_INTERVAL
            .checked_sub(Duration::from_millis(1))
            .unwrap();
    assert_eq!(meter.due(NOW_S, early), None);
    let later = began + STATE_INTERVAL;
    settle(&meter, &mut till, later);
    assert_eq!(till.attempts[0], 3);
    assert_eq!(
        meter.due(NOW_S, later + STATE_INTERVAL),
        None,
        "there is nothing to say"
    );
}

#[test]
fn one_statement_is_made_at_a_time_and_a_lost_one_is_made_again() {
    let meter = meter();
    spend(&meter, limit(100), 1);
    let now = Instant::now();
    let statement = meter.due(NOW_S, now).unwrap();
    assert_eq!(meter.due(NOW_S, now), None);
    meter.unsettled();
    assert_eq!(meter.due(NOW_S, now), Some(statement));
}

#[test]
fn when_nothing_is_left_redis_is_asked_once_a_second() {
    let meter = meter();
    let mut till = Till::of(0);
    let now = Instant::now();
    spend(&meter, limit(10), 1);
    settle(&meter, &mut till, now);
    spend(&meter, limit(10), 1);
    assert!(!meter.is_in_want());
    assert_eq!(meter.due(NOW_S, now + STATE_INTERVAL / 2), None);
    let statement = meter.due(NOW_S, now + STATE_INTERVAL).unwrap();
    assert_eq!((statement.attempts, statement.draw_max), (2, BLOCK));
}

#[test]
fn blocks_follow_what_is_spent_in_a_second() {
    let meter = meter();
    let mut till = Till::of(100_000_000);
    let mut now = Instant::now();
    meter.prepare(limit(100_000_000), NOW_S);
    let mut block = 0;
    for _ in 0..12 {
        settle(&meter, &mut till, now);
        block = meter.credit.load(Ordering::SeqCst);
        spend(&meter, limit(100_000_000), usize::try_from(block).unwrap());
        now += Duration::from_millis(100);
    }
    assert!(
        block > 9_000,
        "{block} at 1000 messages in a tenth of a second"
    );
    for _ in 0..10 {
        now += 2 * STATE_INTERVAL;
        spend(&meter, limit(100_000_000), 1);
        settle(&meter, &mut till, now);
    }
    now += 2 * STATE_INTERVAL;
    settle(&meter, &mut till, now);
    assert!(
        meter.credit.load(Ordering::SeqCst) <= BLOCK,
        "an idle edge keeps a small block"
    );
    assert!(till.credit[0] <= BLOCK);
}

#[test]
fn a_period_that_ended_is_stated_to_its_end_and_the_next_one_is_begun_with_credit() {
    let meter = meter();
    let period = Period::containing(NOW_S);
    let (mut till, mut next) = (Till::of(16_000), Till::of(16_000));
    let mut now = Instant::now();
    meter.prepare(limit(16_000), NOW_S);
    settle(&meter, &mut till, now);
    now += STATE_INTERVAL;
    let last_s = period.end_s - 1;
    let ahead = meter.due(last_s, now).unwrap();
    assert_eq!((ahead.period.start_s, ahead.attempts), (period.end_s, 0));
    meter.settled(&ahead, next.settle(0, &ahead), now);
    assert_eq!(meter.due(last_s, now), None);
    assert_eq!(spend(&meter, limit(16_000), 7), 7);

    let passed = (0..3).filter(|_| meter.spend(limit(16_000), period.end_s) == Spend::Taken);
    assert_eq!(passed.count(), 3, "refused at the first second of a month");
    let arrears = meter.due(period.end_s, now).unwrap();
    assert_eq!(
        (arrears.period, arrears.attempts, arrears.credit),
        (period, 7, 0)
    );
    meter.settled(&arrears, till.settle(0, &arrears), now);
    let statement = meter.due(period.end_s, now).unwrap();
    assert_eq!(
        (statement.period.start_s, statement.attempts),
        (period.end_s, 3)
    );
}

#[test]
fn what_is_given_back_is_there_for_others() {
    let meter = meter();
    let mut till = Till::of(160);
    meter.prepare(limit(160), NOW_S);
    settle(&meter, &mut till, Instant::now());
    assert_eq!(spend(&meter, limit(160), 4), 4);
    let statement = meter.give_back().unwrap();
    meter.settled(&statement, till.settle(0, &statement), Instant::now());
    assert_eq!((till.attempts[0], till.credit[0]), (4, 0));
    assert_eq!(spend(&meter, limit(160), 1), 0);
}

#[test]
fn credit_that_an_edge_sits_on_is_nobody_elses() {
    let [idle, busy] = [meter(), meter()];
    let mut till = Till::of(1_600);
    let now = Instant::now();
    idle.prepare(limit(1_600), NOW_S);
    settle(&idle, &mut till, now);
    let mut passed = spend(&idle, limit(1_600), 60);
    settle(&idle, &mut till, now);
    loop {
        let credit = busy.credit.load(Ordering::SeqCst);
        busy.prepare(limit(1_600), NOW_S);
        passed += spend(&busy, limit(1_600), usize::try_from(credit).unwrap());
        let Some(statement) = busy.due(NOW_S, now) else {
            break;
        };
        busy.settled(&statement, till.settle(1, &statement), now);
    }
    passed += spend(&idle, limit(1_600), 1_000);
    assert_eq!(passed, 1_600, "all of the plan and no more");
}

#[test]
fn lanes_that_spend_at_once_share_the_credit_exactly() {
    let meter = meter();
    let mut till = Till::of(16_000);
    meter.prepare(limit(16_000), NOW_S);
    settle(&meter, &mut till, Instant::now());
    let passed: usize = thread::scope(|scope| {
        let lanes: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| spend(&meter, limit(16_000), 500)))
            .collect();
        lanes.into_iter().map(|lane| lane.join().unwrap()).sum()
    });
    assert_eq!(passed, 1_000);
}

#[tokio::test]
async fn edges_never_pass_more_than_the_limit_by_the_real_script() {
    const LIMIT: u64 = 2_000;
    let redis = Server::start().await;
    let meters = [meter(), meter()];
    let now = Instant::now();
    let mut passed = 0;
    for _ in 0..400 {
        for (edge, meter) in (1..).zip(&meters) {
            passed += spend(meter, limit(LIMIT), 4);
            let Some(statement) = meter.due(NOW_S, now) else {
                continue;
            };
            let edge = Incarnation::from_u64(edge);
            let call = settle_messages("sw:{qa}:used".into(), edge, &statement, 2);
            let reply = redis.run(&SETTLE_MESSAGES, call).await;
            meter.settled(&statement, parse_settle_messages(reply).unwrap(), now);
        }
    }
    let passed = passed as u64;
    assert!(passed <= LIMIT, "{passed}");
    assert!(
        passed > LIMIT * 8 / 10,
        "{passed}: far from what the plan allows"
    );
}

proptest! {
    #[test]
    fn the_limit_holds_for_any_number_of_edges_and_lost_answers(
        most in 0_u64..120,
        // Long turns: one edge sits on its credit while the others use up the rest.
        turns in proptest::collection::vec((0_usize..3, 1_u8..250, 0_usize..40, 0_u8..8), 1..12),
    ) {
        let meters = [meter(), meter(), meter()];
        let mut till = Till::of(most);
        let mut now = Instant::now();
        let mut passed = 0;
        let mut on_the_way = [None, None, None];
        for (edge, rounds, messages, luck) in turns {
            let meter = &meters[edge];
            for what in (0..rounds).map(|round| (luck + round) % 8) {
                // Hardly more than there is credit for: attempts that are refused would use up the limit instead.
                let credit = usize::try_from(meter.credit.load(Ordering::SeqCst)).unwrap();
                let refused = usize::from(what == 3 && luck == 0);
                let attempts = messages.min(credit + refused);
                passed += spend(meter, limit(most), attempts) as u64;
                now += Duration::from_millis(u64::from(what) * 200);
                match (what, on_the_way[edge].take()) {
                    // The answer is lost.
                    (0, Some(_)) => meter.unsettled(),
                    // It takes longer.
                    (1, Some(answer)) => on_the_way[edge] = Some(answer),
                    (_, Some((statement, settled))) => meter.settled(&statement, settled, now),
                    (_, None) => {
                        let statement =
                            if what == 7 { meter.give_back() } else { meter.due(NOW_S, now) };
                        on_the_way[edge] =
                            statement.map(|statement| (statement, till.settle(edge, &statement)));
                    }
                }
            }
            prop_assert!(passed <= most, "{passed} of {most}");
        }
        for (edge, meter) in meters.iter().enumerate() {
            meter.unsettled();
            if let Some(statement) = meter.give_back() {
                till.settle(edge, &statement);
                prop_assert_eq!(till.attempts[edge], statement.attempts);
            }
        }
    }
}

/// What the script keeps, for three edges.
struct Till {
    limit: u64,
    attempts: [u64; 3],
    credit: [u64; 3],
}

impl Till {
    fn of(limit: u64) -> Self {
        Self {
            limit,
            attempts: [0; 3],
            credit: [0; 3],
        }
    }

    fn settle(&mut self, edge: usize, statement: &Statement) -> Settled {
        self.attempts[edge] = statement.attempts;
        self.credit[edge] = statement.credit;
        let messages = self.attempts.iter().sum::<u64>();
        let remaining = self
            .limit
            .saturating_sub(messages + self.credit.iter().sum::<u64>());
        let drawn = if statement.draw_max == 0 || statement.overage == Overage::Counted {
            0
        } else {
            remaining.min((remaining / 16).min(statement.draw_max).max(1))
        };
        self.credit[edge] += drawn;
        Settled { drawn, messages }
    }
}

/// Noon of a day in February 2026.
const NOW_S: u64 = 1_771_070_400;

fn meter() -> Meter {
    Meter::new(Arc::default())
}

fn limit(messages: u64) -> Allowance {
    Allowance {
        messages: Some(messages),
        ..Allowance::default()
    }
}

/// How many of `attempts` passed.
fn spend(meter: &Meter, allowance: Allowance, attempts: usize) -> usize {
    (0..attempts)
        .filter(|_| meter.spend(allowance, NOW_S) == Spend::Taken)
        .count()
}

fn settle(meter: &Meter, till: &mut Till, now: Instant) {
    if let Some(statement) = meter.due(NOW_S, now) {
        meter.settled(&statement, till.settle(0, &statement), now);
    }
}
