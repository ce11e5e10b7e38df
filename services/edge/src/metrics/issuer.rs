//! What is counted of other people's token services. No label names one: an operator finds it in the log.

use prometheus::IntGauge;

use super::Registrar;
use super::family::Family;
use super::labels::Fetch;

/// Counters of the fetching of keys.
#[derive(Clone, Debug)]
pub struct IssuerMetrics {
    /// Requests to issuers' endpoints, by how they ended.
    pub fetches: Family<Fetch>,
    stale: IntGauge,
}

/// An issuer whose newest fetch has failed; counted until it is dropped.
#[derive(Debug)]
pub struct StaleIssuer(IntGauge);

impl IssuerMetrics {
    pub(super) fn register(new: &Registrar<'_>) -> Result<Self, prometheus::Error> {
        let fetches = new.counters(
            "switchboard_issuer_fetches_total",
            "Requests for the keys of issuers, by how they ended.",
            &["outcome"],
        )?;
        Ok(Self {
            fetches: Family::new(&fetches, &[]),
            stale: new.gauge(
                "switchboard_issuers_stale",
                "Issuers whose newest fetch of keys has failed.",
            )?,
        })
    }

    /// Counts one issuer as stale.
    #[must_use]
    pub fn stale(&self) -> StaleIssuer {
        self.stale.inc();
        StaleIssuer(self.stale.clone())
    }
}

impl Drop for StaleIssuer {
    fn drop(&mut self) {
        self.0.dec();
    }
}
