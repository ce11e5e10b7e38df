//! One line of the scorecard: what is done, and how it went.

use std::{
    fmt::Write as _,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    pin::Pin,
    time::{Duration, Instant},
};

use testkit::{ClusterConfig, Guard};
use tokio::runtime;

use crate::{
    edge_killed, fights, partition, primary_lost, quick, redis_down, rolling_restart, thrift,
};

/// What is to be run, and how.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Without guards; every row has to fail.
    pub(crate) unguarded: bool,
    pub(crate) seed: u64,
    /// The binary of `tests/cluster`, for the rows that it holds.
    pub(crate) cluster_suite: Option<PathBuf>,
    /// All rows if there is none.
    pub(crate) rows: Vec<String>,
}

impl Plan {
    pub(crate) fn wants(&self, row: &Row) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|wanted| wanted == row.number)
    }
}

/// A row.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) number: &'static str,
    pub(crate) what: &'static str,
    /// What is taken away in the run without guards, in words.
    pub(crate) guard: &'static str,
    work: Work,
    limit: Duration,
}

#[derive(Debug)]
pub(crate) enum Work {
    /// A scenario of its own.
    Long(for<'a> fn(&'a mut Trial) -> Pin<Box<dyn Future<Output = ()> + 'a>>),
    /// Tests of the cluster suite; the second list proves that they can fail, and passes when they do.
    Quick(&'static [&'static str], &'static [&'static str]),
}

/// How a row went.
#[derive(Debug)]
pub(crate) enum Verdict {
    Pass(String),
    Fail(String),
    /// Cannot be run here, and why. Not a pass.
    Skipped(String),
}

/// What a scenario is given, and where it writes its figures.
#[derive(Debug)]
pub(crate) struct Trial {
    pub(crate) seed: u64,
    pub(crate) unguarded: bool,
    figures: String,
    skipped: Option<String>,
}

impl Trial {
    /// Adds a figure to the row's line of evidence.
    pub(crate) fn note(&mut self, figure: &str) {
        println!("    {figure}");
        let gap = if self.figures.is_empty() { "" } else { "; " };
        write!(self.figures, "{gap}{figure}").expect("writing to a string cannot fail");
    }

    /// Says why the scenario cannot be run here.
    pub(crate) fn skip(&mut self, reason: &str) {
        self.skipped = Some(reason.to_owned());
    }

    /// The configuration, without these guards if that is the plan.
    pub(crate) fn guarded(&self, mut config: ClusterConfig, guards: &[Guard]) -> ClusterConfig {
        if self.unguarded {
            for guard in guards {
                config = config.without(*guard);
            }
        }
        config
    }
}

impl Row {
    pub(crate) const ALL: &'static [Self] = &[
        Self {
            number: "1",
            what: "primary killed, Sentinel, 3 edges, 500 clients, 200 msg/s",
            guard: "the edges know one address, and no Sentinel",
            work: Work::Long(|trial| Box::pin(primary_lost::killed(trial))),
            limit: Duration::from_secs(120),
        },
        Self {
            number: "2",
            what: "planned failover while an edge restarts",
            guard: "no topology poll, no probe",
            work: Work::Quick(
                &[
                    "failover::no_acked_direct_is_lost_in_a_planned_failover_and_messages_only_for_a_moment",
                ],
                &["failover::without_asking_sentinel_a_planned_failover_splits_the_world"],
            ),
            limit: Duration::from_secs(60),
        },
        Self {
            number: "3",
            what: "primary frozen for 30 s, socket open",
            guard: "the edges know one address, and no Sentinel",
            work: Work::Long(|trial| Box::pin(primary_lost::frozen(trial))),
            limit: Duration::from_secs(150),
        },
        Self {
            number: "4",
            what: "partition, minority holds the old primary, 8 s",
            guard: "no device in the token",
            work: Work::Long(|trial| Box::pin(partition::partition(trial))),
            limit: Duration::from_secs(120),
        },
        Self {
            number: "5",
            what: "Redis restarts empty, FLUSHALL",
            guard: "no heartbeat",
            work: Work::Quick(
                &[
                    "empty_redis::a_",
                    "empty_redis::an_",
                    "empty_redis::leases_",
                ],
                &["empty_redis::without_"],
            ),
            limit: Duration::from_secs(120),
        },
        Self {
            number: "6",
            what: "Redis down for 60 s",
            guard: "none to take away: Redis stays away",
            work: Work::Long(|trial| Box::pin(redis_down::down(trial))),
            limit: Duration::from_secs(150),
        },
        Self {
            number: "7",
            what: "links reset, also mid-command, or closed by Redis",
            guard: "none to take away: the far end stays away",
            work: Work::Quick(
                &["bad_link::resets_", "bad_link::connections_"],
                &["bad_link::without_a_far_end_"],
            ),
            limit: Duration::from_secs(60),
        },
        Self {
            number: "8",
            what: "subscriber's link deaf but open",
            guard: "no probe",
            work: Work::Quick(
                &["bad_link::a_deaf_subscriber_", "bad_link::a_half_open_"],
                &["bad_link::without_the_probe_"],
            ),
            limit: Duration::from_secs(60),
        },
        Self {
            number: "8b",
            what: "50,000 messages at once on one subscriber",
            guard: "Redis gives up on the subscriber",
            work: Work::Quick(&["flood::a_"], &["flood::without_"]),
            limit: Duration::from_secs(120),
        },
        Self {
            number: "9",
            what: "edge killed with 1,000 members",
            guard: "no heartbeat",
            work: Work::Long(|trial| Box::pin(edge_killed::killed(trial))),
            limit: Duration::from_secs(120),
        },
        Self {
            number: "10",
            what: "edge frozen, then it goes on",
            guard: "no heartbeat, no lease audit",
            work: Work::Quick(
                &[
                    "frozen_edge::its_",
                    "frozen_edge::frames_",
                    "frozen_edge::a_",
                ],
                &["frozen_edge::without_"],
            ),
            limit: Duration::from_secs(90),
        },
        Self {
            number: "11",
            what: "rolling restart, 3 edges, 1,500 clients",
            guard: "killed instead of drained",
            work: Work::Long(|trial| Box::pin(rolling_restart::roll(trial))),
            limit: Duration::from_secs(240),
        },
        Self {
            number: "12",
            what: "SIGTERM with a client that never reads",
            guard: "an edge that stands still",
            work: Work::Quick(&["drain::an_edge_leaves_in_time_"], &["drain::without_"]),
            limit: Duration::from_secs(60),
        },
        Self {
            number: "13",
            what: "1,000 devices attach on two edges at once",
            guard: "no device in the token",
            work: Work::Long(|trial| Box::pin(fights::devices(trial))),
            limit: Duration::from_secs(120),
        },
        Self {
            number: "14",
            what: "two clients of one device reconnect for ever",
            guard: "a device each",
            work: Work::Long(|trial| Box::pin(fights::two_clients(trial))),
            limit: Duration::from_secs(90),
        },
        Self {
            number: "15",
            what: "late clean-up of an evicted session",
            guard: "the newer session is on no device",
            work: Work::Quick(&["takeover::a_late_clean_up_"], &["takeover::without_"]),
            limit: Duration::from_secs(60),
        },
        Self {
            number: "18",
            what: "limit 100, 300 attaches over 3 edges, one killed",
            guard: "no heartbeat",
            work: Work::Quick(&["quota::a_full_app_"], &["quota::without_"]),
            limit: Duration::from_secs(90),
        },
        Self {
            number: "30",
            what: "10,000 sessions at rest on each of two edges",
            guard: "clients come and go meanwhile",
            work: Work::Long(|trial| Box::pin(thrift::at_rest(trial))),
            limit: Duration::from_secs(240),
        },
        Self {
            number: "31",
            what: "100,000 publishes in one channel",
            guard: "members come and go meanwhile",
            work: Work::Quick(
                &["thrift::a_hundred_thousand_publishes_"],
                &["thrift::without_members_that_stay_"],
            ),
            limit: Duration::from_secs(120),
        },
    ];

    /// Runs the row on a runtime of its own, within its limit.
    pub(crate) fn run(&self, plan: &Plan) -> Verdict {
        println!("row {}: {}", self.number, self.what);
        match self.work {
            Work::Long(work) => self.run_long(plan, work),
            Work::Quick(guarded, unguarded) => quick::run(
                plan,
                if plan.unguarded { unguarded } else { guarded },
                self.limit,
            ),
        }
    }

    fn run_long(
        &self,
        plan: &Plan,
        work: for<'a> fn(&'a mut Trial) -> Pin<Box<dyn Future<Output = ()> + 'a>>,
    ) -> Verdict {
        let mut trial = Trial {
            seed: plan.seed,
            unguarded: plan.unguarded,
            figures: String::new(),
            skipped: None,
        };
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        let runtime = runtime.expect("a runtime can be built");
        let start = Instant::now();
        // A failed assertion is a failed row, not the end of the table.
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async { tokio::time::timeout(self.limit, work(&mut trial)).await })
        }));
        runtime.shutdown_timeout(Duration::from_secs(5));
        trial.note(&format!("{:.0} s", start.elapsed().as_secs_f64()));
        match (outcome, trial.skipped) {
            (_, Some(reason)) => Verdict::Skipped(reason),
            (Ok(Ok(())), None) => Verdict::Pass(trial.figures),
            (Ok(Err(_elapsed)), None) => Verdict::Fail(format!(
                "not over within {:?}; {}",
                self.limit, trial.figures
            )),
            (Err(panic), None) => Verdict::Fail(format!("{}; {}", message(&*panic), trial.figures)),
        }
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    let line = text.and_then(|text| text.lines().next());
    line.unwrap_or("panicked").chars().take(200).collect()
}
