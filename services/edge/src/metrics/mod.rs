//! Everything that this edge counts, in one place.
//!
//! Registers on the registry it is handed; there is no global. Labels come from closed enums and from configured app ids,
//! never from what a client chose. docs/METRICS.md explains each one; a test keeps both lists equal.

mod dialect;
mod family;
mod issuer;
mod labels;
mod link;

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use crate::auth::VerifyError;
use dialect::{DialectFamilies, Share};
pub use dialect::{DialectMetrics, ErrorLabel, Errors};
pub use family::{Family, Label};
pub use issuer::{IssuerMetrics, StaleIssuer};
pub use labels::{
    CallEnd, Fetch, FrameIn, FrameOut, Outcome, Refusal, Reload, WakeOutcome, WebhookOutcome,
};
pub use link::LinkMetrics;

/// The metrics of one edge.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Admitted sessions that are open now.
    pub sessions: IntGauge,
    /// What happens in the realtime dialect.
    pub realtime: DialectMetrics,
    /// What happens in the room dialect.
    pub room: DialectMetrics,
    /// What happens in the device dialect.
    pub device: DialectMetrics,
    /// What happens in the echo dialect, which shows in no scrape: no operator ever runs it.
    pub echo: DialectMetrics,
    /// Bytes received from clients, framing included.
    pub bytes_in: IntCounter,
    /// Bytes written to clients, framing included.
    pub bytes_out: IntCounter,
    /// Memberships held by this edge's sessions.
    pub presence_members: IntGauge,
    /// Topics that this edge listens to, counted per lane.
    pub topics: IntGauge,
    /// Bytes that were queued for clients and thrown away when their session closed.
    pub mailbox_dropped_bytes: IntCounter,
    /// Envelopes dropped because a lane's inbox was full; a resync follows.
    pub inbox_lag: IntCounter,
    /// Time from reading a message's frame to having queued it for every listener of a lane.
    pub fanout_seconds: Histogram,
    /// Concurrent sessions per app.
    pub quota_sessions: IntGaugeVec,
    /// Messages of the present period per app, refused ones included.
    pub quota_messages: IntGaugeVec,
    /// Refusals because a quota or limit was used up, by limit.
    pub quota_refusals: Family<Refusal>,
    /// Sessions closed because a newer one took over their device.
    pub takeovers: IntCounter,
    /// Newcomers that had to wait because their device changed hands too often.
    pub takeovers_damped: IntCounter,
    /// Times that apps and keys were read again, by result.
    pub reloads: Family<Reload>,
    /// The fetching of issuers' keys.
    pub issuers: IssuerMetrics,
    /// Tokens that were refused, by reason.
    pub token_refusals: Family<VerifyError>,
    /// Questions to the membership webhook.
    pub webhook: WebhookMetrics,
    /// Calls between devices.
    pub calls: CallMetrics,
    /// 1 while the edge drains.
    pub draining: IntGauge,
    /// The link to Redis.
    pub link: LinkMetrics,
}

impl Metrics {
    /// Creates all metrics and registers them.
    ///
    /// # Errors
    /// A name is registered already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let new = Registrar(registry);
        let dialects = DialectFamilies::register(&new)?;
        let unseen = DialectFamilies::register(&Registrar(&Registry::new()))?;
        Ok(Self {
            sessions: new.gauge("switchboard_sessions", "Admitted sessions that are open now.")?,
            realtime: DialectMetrics::new(&dialects, Share::Realtime),
            room: DialectMetrics::new(&dialects, Share::Room),
            device: DialectMetrics::new(&dialects, Share::Device),
            echo: DialectMetrics::new(&unseen, Share::Echo),
            bytes_in: new.counter("switchboard_bytes_in_total", "Bytes received from clients, framing included.")?,
            bytes_out: new.counter("switchboard_bytes_out_total", "Bytes written to clients, framing included.")?,
            presence_members: new.gauge("switchboard_presence_members", "Memberships held by this edge's sessions.")?,
            topics: new.gauge("switchboard_topics", "Topics that this edge listens to, counted per lane.")?,
            mailbox_dropped_bytes: new.counter("switchboard_mailbox_dropped_bytes_total", "Bytes that were queued for clients and thrown away when their session closed.")?,
            inbox_lag: new.counter("switchboard_inbox_lag_total", "Envelopes dropped because a lane's inbox was full; a resync follows.")?,
            fanout_seconds: new.histogram("switchboard_fanout_seconds", "Time from reading a message's frame to having queued it for every listener of a lane.")?,
            quota_sessions: new.gauges("switchboard_quota_sessions", "Concurrent sessions per app.", &["app"])?,
            quota_messages: new.gauges("switchboard_quota_messages", "Messages of the present period per app, refused ones included.", &["app"])?,
            quota_refusals: Family::new(&new.counters("switchboard_quota_refusals_total", "Refusals because a quota or limit was used up, by limit.", &["limit"])?, &[]),
            takeovers: new.counter("switchboard_takeovers_total", "Sessions closed because a newer one took over their device.")?,
            takeovers_damped: new.counter("switchboard_takeovers_damped_total", "Newcomers that had to wait because their device changed hands too often.")?,
            reloads: Family::new(&new.counters("switchboard_reloads_total", "Times that apps and keys were read again, by result.", &["result"])?, &[]),
            issuers: IssuerMetrics::register(&new)?,
            token_refusals: Family::new(&new.counters("switchboard_token_refusals_total", "Tokens that were refused at any door, by reason.", &["reason"])?, &[]),
            webhook: WebhookMetrics {
                requests: Family::new(&new.counters("switchboard_webhook_requests_total", "Times that the membership webhook was needed, by outcome.", &["outcome"])?, &[]),
                seconds: new.histogram("switchboard_webhook_seconds", "Time that the membership webhook took to answer, failures included.")?,
            },
            calls: CallMetrics {
                placed: new.counter("switchboard_calls_placed_total", "Calls that devices on this edge have placed, those included that could not ring.")?,
                ended: Family::new(&new.counters("switchboard_calls_ended_total", "Calls that have ended by the hand of this edge, by reason.", &["reason"])?, &[]),
                wakes: Family::new(&new.counters("switchboard_wakeups_total", "Wake-ups of devices without a session, by outcome.", &["outcome"])?, &[]),
            },
            draining: new.gauge("switchboard_draining", "1 while the edge drains.")?,
            link: LinkMetrics::register(&new)?,
        })
    }
}

/// What is counted of the membership webhook.
#[derive(Clone, Debug)]
pub struct WebhookMetrics {
    /// Times that it was needed, by outcome.
    pub requests: Family<WebhookOutcome>,
    /// Time to its answer.
    pub seconds: Histogram,
}

/// What is counted of calls between devices. Over all edges, placed minus ended is how many there are.
#[derive(Clone, Debug)]
pub struct CallMetrics {
    /// Placed here.
    pub placed: IntCounter,
    /// Ended here, by reason.
    pub ended: Family<CallEnd>,
    /// Wake-ups, by outcome.
    pub wakes: Family<WakeOutcome>,
}

/// Creates and registers in one step.
struct Registrar<'a>(&'a Registry);

impl Registrar<'_> {
    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        self.register(IntGauge::new(name, help)?)
    }

    fn gauges(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntGaugeVec, prometheus::Error> {
        self.register(IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
        self.register(IntCounter::new(name, help)?)
    }

    fn counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec, prometheus::Error> {
        self.register(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    fn histogram(&self, name: &str, help: &str) -> Result<Histogram, prometheus::Error> {
        let buckets = prometheus::exponential_buckets(0.000_025, 2.5, 14)?;
        self.register(Histogram::with_opts(
            HistogramOpts::new(name, help).buckets(buckets),
        )?)
    }

    fn register<M: prometheus::core::Collector + Clone + 'static>(
        &self,
        metric: M,
    ) -> Result<M, prometheus::Error> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }
}
