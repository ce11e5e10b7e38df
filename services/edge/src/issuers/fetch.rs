//! Asking a JWKS endpoint: one request, few redirects, little time, few bytes.
//!
//! Invariants: a name is looked up by us and its addresses are judged, so that no name leads into the network that the edge
//! stands in; a redirect stays with scheme, host and port; no more is read than a set of keys can be long.

use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Certificate, Client, Response};

use super::jwks_source::Reach;
use super::{JwksSource, KeySet, KeySetError};
use crate::metrics::Fetch;

/// Somebody who asks one endpoint.
#[derive(Clone, Debug)]
pub(super) struct Fetcher {
    source: JwksSource,
    client: Client,
}

/// Why a fetch brought no keys.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("no answer in time")]
    Timeout,
    #[error("the name leads to private addresses only; set allow_private if that is meant")]
    Private,
    #[error("it redirects to another host, or too often")]
    Redirect,
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    #[error("answered {0}")]
    Status(u16),
    #[error("the answer is longer than {} bytes", KeySet::MAX_BYTES)]
    TooLarge,
    #[error("the answer is no use: {0}")]
    Keys(#[from] KeySetError),
}

/// Whom HTTPS trusts.
#[derive(Clone, Debug)]
pub(super) enum Roots {
    /// Whoever this machine trusts.
    OfSystem,
    /// One authority, in a test of our own.
    #[cfg_attr(not(test), expect(dead_code, reason = "for tests"))]
    Only(Certificate),
}

impl Fetcher {
    /// Reads the system's certificates, if they are needed: off the runtime's threads.
    pub(super) fn new(source: JwksSource, roots: Roots) -> Result<Self, reqwest::Error> {
        let builder = Client::builder()
            .user_agent(concat!("switchboard/", env!("CARGO_PKG_VERSION")))
            .timeout(source.pace.timeout)
            .redirect(Policy::custom(stay_at_home))
            .dns_resolver(Arc::new(Resolver(source.reach)))
            // A proxy would look names up by itself, and its own address is none that we were told.
            .no_proxy()
            // Minutes lie between two requests.
            .pool_max_idle_per_host(0);
        let builder = match roots {
            Roots::OfSystem => builder.tls_built_in_native_certs(source.url.scheme() == "https"),
            Roots::Only(root) => builder
                .tls_built_in_native_certs(false)
                .add_root_certificate(root),
        };
        let client = builder.build()?;
        Ok(Self { source, client })
    }

    /// The keys that the endpoint publishes now.
    pub(super) async fn fetch(&self) -> Result<KeySet, FetchError> {
        let accepted = HeaderValue::from_static("application/jwk-set+json, application/json");
        let request = self.client.get(self.source.url.clone());
        let answer = request.header(ACCEPT, accepted).send().await?;
        if !answer.status().is_success() {
            return Err(FetchError::Status(answer.status().as_u16()));
        }
        let body = body(answer).await?;
        let text = std::str::from_utf8(&body).map_err(|_| KeySetError::Malformed)?;
        Ok(KeySet::from_json(text, self.source.wanted)?)
    }
}

impl FetchError {
    pub(super) fn label(&self) -> Fetch {
        match self {
            Self::Timeout => Fetch::Timeout,
            Self::Private | Self::Redirect => Fetch::Forbidden,
            Self::Unreachable(_) => Fetch::Unreachable,
            Self::Status(_) => Fetch::Status,
            Self::TooLarge => Fetch::TooLarge,
            Self::Keys(_) => Fetch::Garbage,
        }
    }
}

impl From<reqwest::Error> for FetchError {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::Timeout;
        }
        if error.is_redirect() {
            return Self::Redirect;
        }
        // The library's own text is "error sending request"; the last cause says what is wrong.
        let mut cause: &dyn std::error::Error = &error;
        while let Some(deeper) = cause.source() {
            if deeper.is::<OnlyPrivate>() {
                return Self::Private;
            }
            cause = deeper;
        }
        Self::Unreachable(cause.to_string())
    }
}

/// The whole body, read piece by piece: its announced length proves nothing.
async fn body(mut answer: Response) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        if body.len() + piece.len() > KeySet::MAX_BYTES {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

const REDIRECTS_MAX: usize = 3;

fn stay_at_home(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let is_home = attempt
        .previous()
        .first()
        .is_some_and(|asked| asked.origin() == attempt.url().origin());
    if is_home && attempt.previous().len() <= REDIRECTS_MAX {
        attempt.follow()
    } else {
        attempt.error(Elsewhere)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("redirected elsewhere")]
struct Elsewhere;

#[derive(Debug, thiserror::Error)]
#[error("only private addresses")]
struct OnlyPrivate;

/// The system's resolver, less what is out of reach. An address in a URL does not come here, it is judged beforehand.
#[derive(Debug)]
struct Resolver(Reach);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let within: Vec<SocketAddr> = found
                .filter(|address| reach.includes(address.ip()))
                .collect();
            if within.is_empty() {
                return Err(OnlyPrivate.into());
            }
            Ok(Box::new(within.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests;
