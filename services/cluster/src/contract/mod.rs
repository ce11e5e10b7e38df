//! What every backend must keep, as functions that each backend's tests call.
//!
//! - [`Deployment`] and [`Edge`]: what a backend hands in; it learns nothing of what is done with them.
//! - [`bus`], [`presence`], [`versions`], [`leases`], [`damping`], [`quotas`], [`directory`], [`records`]: the points, one function each. A point panics when it is
//!   broken.
//! - `session`, `claimant`: whoever acts in the points; `lane`, `log`, `follower`: what is made of what reached them.
//!
//! No point assumes that an answer is there at once: it waits for what has to happen, with a deadline, and takes the
//! arrival of something later as the proof that something earlier did not happen. [`contract_points`](crate::contract_points)
//! turns them all into tests, so no backend can forget one.

pub mod bus;
mod claimant;
pub mod damping;
pub mod directory;
mod edge;
mod follower;
mod lane;
pub mod leases;
mod log;
mod names;
mod patience;
pub mod presence;
pub mod quotas;
pub mod records;
mod session;
pub mod versions;

pub use edge::{Edge, LANES};
#[cfg(test)]
pub(crate) use follower::Follower;

/// Members above which the deployment's topics stop naming them: a backend under contract is configured with this.
pub const NAMED_MEMBERS: usize = 20;

/// One empty cluster, made for one point.
#[expect(
    async_fn_in_trait,
    reason = "the points await it on the test's own task, so it need not be Send"
)]
pub trait Deployment {
    /// Adds an edge of [`LANES`] lanes to the cluster.
    async fn start(&self) -> Edge;

    /// Ends an edge without a word, as a crash would, and returns when the others are free to find out.
    async fn crash(&self, edge: &Edge);
}

/// How an edge may end. What it held is given back either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Withdrawn,
    Crashed,
}

impl End {
    const ALL: [Self; 2] = [Self::Withdrawn, Self::Crashed];

    async fn befall(self, edge: &Edge, deployment: &impl Deployment) {
        match self {
            Self::Withdrawn => edge.cluster.withdraw().await,
            Self::Crashed => deployment.crash(edge).await,
        }
    }
}

/// Makes a test of every point; `$deployment` is evaluated for each and has to be a new, empty [`Deployment`].
#[macro_export]
macro_rules! contract_points {
    ($deployment:expr) => {
        $crate::contract_points! { $deployment;
            bus: each_session_is_heard_in_its_order_on_each_topic,
            bus: every_listening_lane_hears_an_envelope_exactly_once,
            bus: nothing_arrives_after_unsubscribe,
            bus: what_was_taken_before_a_departure_arrives_before_its_answer,
            bus: another_app_never_hears,
            bus: a_channel_and_a_peer_of_one_name_never_meet,
            bus: a_room_an_account_and_a_peer_never_meet,
            bus: whatever_is_said_in_a_room_crosses_as_it_was_said,
            bus: news_of_a_device_is_told_to_its_session_and_counted,
            bus: a_direct_to_nobody_is_taken_by_nobody,
            bus: every_publish_is_answered_once_with_its_own_ticket,
            bus: an_ask_adds_up_what_the_lanes_report,
            bus: a_report_that_never_comes_is_told_as_missing,
            bus: an_ended_edge_takes_nothing,
            directory: a_peer_is_held_by_as_many_edges_as_listen_to_it,
            directory: an_ended_edge_holds_no_peer,
            versions: a_join_is_heard_before_it_is_answered,
            versions: versions_rise_by_one_with_every_delta,
            versions: the_roster_is_told_only_to_a_lane_that_knows_nothing,
            presence: a_peer_counts_once_over_sessions_and_edges,
            presence: joining_and_leaving_twice_changes_nothing,
            presence: a_resync_brings_the_roster_between_the_deltas,
            presence: simultaneous_joins_leave_nobody_unknown,
            presence: simultaneous_leaves_end_a_membership_once,
            presence: an_edges_end_is_one_leave_of_each_member_nobody_else_holds,
            presence: a_large_topic_stops_naming_and_starts_again_below_nine_tenths,
            versions: an_emptied_topic_never_repeats_a_version,
            presence: topics_and_apps_do_not_share_members,
            leases: a_free_lease_is_granted_and_known,
            leases: a_takeover_tells_the_older_session_once,
            leases: a_claim_of_what_is_free_takes_over_from_nobody,
            leases: claiming_what_one_holds_takes_over_from_nobody,
            leases: only_the_holder_can_release,
            leases: fences_grow_also_after_release,
            leases: a_fence_is_above_the_callers_floor,
            leases: simultaneous_claims_leave_one_holder,
            damping: the_fourth_takeover_waits_while_the_holder_keeps_the_lease,
            damping: only_the_newest_waiter_is_kept,
            damping: a_newcomer_to_a_free_lease_supersedes_whoever_waits,
            leases: keys_that_differ_are_leased_apart,
            leases: an_ended_edge_holds_no_lease,
            quotas: sessions_never_exceed_the_limit_over_all_edges,
            quotas: a_dropped_slot_is_free_again,
            quotas: an_ended_edge_frees_its_slots,
            quotas: sessions_above_a_soft_limit_pass_and_are_counted,
            quotas: messages_never_exceed_the_limit_over_all_edges,
            quotas: refused_messages_are_counted_too,
            quotas: messages_above_a_soft_limit_pass_and_are_counted,
            quotas: a_new_period_starts_from_nothing_but_open_sessions,
            quotas: apps_use_up_only_their_own,
            records: a_changed_record_is_read_on_every_edge,
            records: a_change_is_made_at_the_expected_version_or_not_at_all,
            records: simultaneous_changes_leave_one_winner,
            records: versions_grow_also_across_a_removal,
            records: an_expired_record_is_absent,
            records: an_expiry_takes_nothing_else_along,
            records: shelves_do_not_share_records,
            records: changes_are_announced_on_every_edge,
            records: records_outlive_the_edge_that_wrote_them,
            records: a_value_over_the_bound_is_refused,
        }
    };
    ($deployment:expr; $($noun:ident: $point:ident,)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $point() {
                $crate::contract::$noun::$point(&$deployment).await;
            }
        )+
    };
}
