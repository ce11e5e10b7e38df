//! The scripts of quotas in a real Redis.

use super::*;
use crate::redis::scripts::server::Server;

#[tokio::test]
async fn sessions_are_opened_up_to_the_limit_over_all_edges() {
    let redis = Server::start().await;
    for total in 1..=4 {
        let opened = redis.open(EDGES[total % 2], sessions(4), &[]).await;
        assert_eq!(opened, Opened::Opened(total as u64));
    }
    assert_eq!(
        redis.open(EDGES[0], sessions(4), &[]).await,
        Opened::Exhausted(4)
    );
    redis.close(EDGES[1]).await;
    assert_eq!(
        redis.open(EDGES[0], sessions(4), &[]).await,
        Opened::Opened(4)
    );
    assert_eq!(
        redis.open(EDGES[0], Allowance::default(), &[]).await,
        Opened::Opened(5)
    );
}

#[tokio::test]
async fn what_a_dead_edge_held_is_free_at_once() {
    let redis = Server::start().await;
    redis.open(EDGES[0], sessions(1), &[]).await;
    assert_eq!(redis.usage(&[EDGES[0]]).await.sessions, 0);
    let opened = redis.open(EDGES[1], sessions(1), &[EDGES[0]]).await;
    assert_eq!(opened, Opened::Opened(1));
    assert_eq!(redis.usage(&[]).await.sessions, 1);
}

#[tokio::test]
async fn a_close_never_counts_below_nothing_nor_brings_a_swept_edge_back() {
    let redis = Server::start().await;
    redis.open(EDGES[0], sessions(9), &[]).await;
    redis.open(EDGES[1], sessions(9), &[]).await;
    let swept = redis.set(EDGES[0], 0).await;
    assert_eq!(
        swept,
        Restated {
            before: 1,
            total: 1
        }
    );
    for _ in 0..2 {
        assert_eq!(redis.close(EDGES[0]).await, 0);
    }
    assert_eq!(redis.usage(&[]).await.sessions, 1);
}

#[tokio::test]
async fn an_edge_that_states_its_count_heals_the_drift_and_says_how_much() {
    let redis = Server::start().await;
    redis.open(EDGES[0], sessions(9), &[]).await;
    assert_eq!(
        redis.set(EDGES[0], 5).await,
        Restated {
            before: 1,
            total: 5
        }
    );
    assert_eq!(
        redis.set(EDGES[1], 2).await,
        Restated {
            before: 0,
            total: 7
        }
    );
    assert_eq!(
        redis.set(EDGES[0], 5).await,
        Restated {
            before: 5,
            total: 7
        }
    );
    assert_eq!(redis.usage(&[]).await.sessions_peak, 7);
}

#[tokio::test]
async fn sessions_above_a_soft_limit_are_counted() {
    let redis = Server::start().await;
    let allowance = Allowance {
        overage: Overage::Counted,
        ..sessions(2)
    };
    for _ in 0..5 {
        redis.open(EDGES[0], allowance, &[]).await;
    }
    redis.close(EDGES[0]).await;
    let usage = redis.usage(&[]).await;
    assert_eq!(
        (usage.sessions, usage.sessions_peak, usage.sessions_overage),
        (4, 5, 3)
    );
}

#[tokio::test]
async fn a_new_period_peaks_with_what_was_open_when_it_began() {
    let redis = Server::start().await;
    for _ in 0..3 {
        redis.open(EDGES[0], sessions(9), &[]).await;
    }
    let next = AppKeys {
        used: "sw:{qa}:used:next".into(),
        ..app()
    };
    redis
        .run(&CLOSE_SESSION, close_session(next.clone(), EDGES[0]))
        .await;
    let reply = redis.run(&USAGE, usage(next, &[])).await;
    let usage = parse_usage(reply, PERIOD).unwrap();
    assert_eq!((usage.sessions, usage.sessions_peak), (2, 3));
}

#[tokio::test]
async fn blocks_shrink_as_the_limit_comes_near() {
    let redis = Server::start().await;
    let mut credit = 0;
    let mut blocks = Vec::new();
    loop {
        let settled = redis.settle(EDGES[0], &draw(0, credit, 64_000), 2).await;
        if settled.drawn == 0 {
            break;
        }
        blocks.push(settled.drawn);
        credit += settled.drawn;
    }
    assert_eq!(credit, 64_000);
    assert_eq!(blocks[0], 1_000);
    assert!(blocks.is_sorted_by(|one, next| one >= next));
    assert_eq!(blocks.last(), Some(&1));
}

#[tokio::test]
async fn saying_it_again_changes_nothing() {
    let redis = Server::start().await;
    let first = redis.settle(EDGES[0], &draw(0, 0, 3_200), 2).await;
    assert_eq!(
        first,
        Settled {
            drawn: 100,
            messages: 0
        }
    );
    // The answer was lost: the edge knows of no credit, and what it was given is no loss.
    assert_eq!(redis.settle(EDGES[0], &draw(0, 0, 3_200), 2).await, first);
    for _ in 0..3 {
        let used = Statement {
            draw_max: 0,
            ..draw(40, 60, 3_200)
        };
        let settled = redis.settle(EDGES[0], &used, 2).await;
        assert_eq!(
            settled,
            Settled {
                drawn: 0,
                messages: 40
            }
        );
    }
    assert_eq!(redis.usage(&[]).await.messages, 40);
}

#[tokio::test]
async fn attempts_and_credit_of_all_edges_stay_within_the_limit() {
    let redis = Server::start().await;
    let one = redis.settle(EDGES[0], &draw(0, 0, 10), 1).await.drawn;
    let refused_too = draw(7, one, 10);
    assert_eq!(redis.settle(EDGES[0], &refused_too, 1).await.drawn, 1);
    assert_eq!(redis.settle(EDGES[1], &draw(0, 0, 10), 1).await.drawn, 1);
    assert_eq!(redis.settle(EDGES[1], &draw(0, 1, 10), 1).await.drawn, 0);
    // Credit that comes back is there for others.
    redis
        .settle(
            EDGES[0],
            &Statement {
                draw_max: 0,
                ..draw(7, 0, 10)
            },
            1,
        )
        .await;
    assert_eq!(redis.settle(EDGES[1], &draw(0, 1, 10), 1).await.drawn, 1);
}

#[tokio::test]
async fn messages_above_a_soft_limit_are_counted_once() {
    let redis = Server::start().await;
    for (edge, attempts) in [(0, 3), (1, 4), (0, 3), (0, 9)] {
        let statement = Statement {
            overage: Overage::Counted,
            ..draw(attempts, 0, 5)
        };
        assert_eq!(redis.settle(EDGES[edge], &statement, 2).await.drawn, 0);
    }
    let usage = redis.usage(&[]).await;
    assert_eq!((usage.messages, usage.messages_overage), (13, 8));
}

#[tokio::test]
async fn large_numbers_are_kept_to_the_last_digit() {
    let redis = Server::start().await;
    let attempts = (1 << 52) + 1;
    let unlimited = Statement {
        limit: None,
        ..draw(attempts, 0, 0)
    };
    redis.settle(EDGES[0], &unlimited, 1).await;
    let settled = redis
        .settle(
            EDGES[1],
            &Statement {
                attempts: 2,
                ..unlimited
            },
            1,
        )
        .await;
    assert_eq!(settled.messages, attempts + 2);
    assert_eq!(redis.usage(&[]).await.messages, attempts + 2);
}

#[test]
fn replies_that_say_something_else_are_no_answer() {
    let odd = || Value::Array(vec!["1".into(), "many".into()]);
    assert_eq!(parse_open_session(odd()), Err(BadReply));
    assert_eq!(parse_set_sessions(Value::Null), Err(BadReply));
    assert_eq!(parse_settle_messages(odd()), Err(BadReply));
    assert_eq!(parse_usage(odd(), PERIOD), Err(BadReply));
}

const EDGES: [Incarnation; 2] = [Incarnation::from_u64(1), Incarnation::from_u64(2)];
const PERIOD: Period = Period {
    start_s: 1_769_904_000,
    end_s: 1_772_323_200,
};

fn app() -> AppKeys {
    AppKeys {
        sessions: "sw:{qa}:sessions".into(),
        used: format!("sw:{{qa}}:{}", period_name(PERIOD)).into(),
    }
}

fn sessions(limit: u64) -> Allowance {
    Allowance {
        sessions: Some(limit),
        ..Allowance::default()
    }
}

fn draw(attempts: u64, credit: u64, limit: u64) -> Statement {
    Statement {
        period: PERIOD,
        attempts,
        credit,
        limit: Some(limit),
        overage: Overage::Refused,
        draw_max: 1_000,
    }
}

impl Server {
    async fn open(&self, edge: Incarnation, allowance: Allowance, dead: &[Incarnation]) -> Opened {
        let call = open_session(app(), edge, allowance, dead);
        parse_open_session(self.run(&OPEN_SESSION, call).await).unwrap()
    }

    async fn close(&self, edge: Incarnation) -> u64 {
        self.run(&CLOSE_SESSION, close_session(app(), edge))
            .await
            .as_u64()
            .unwrap()
    }

    async fn set(&self, edge: Incarnation, count: u64) -> Restated {
        let call = set_sessions(app(), edge, count);
        parse_set_sessions(self.run(&SET_SESSIONS, call).await).unwrap()
    }

    async fn settle(&self, edge: Incarnation, statement: &Statement, edges: usize) -> Settled {
        let call = settle_messages(app().used, edge, statement, edges);
        parse_settle_messages(self.run(&SETTLE_MESSAGES, call).await).unwrap()
    }

    async fn usage(&self, dead: &[Incarnation]) -> Usage {
        parse_usage(self.run(&USAGE, usage(app(), dead)).await, PERIOD).unwrap()
    }
}
