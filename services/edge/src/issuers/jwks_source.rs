//! Where an issuer publishes its keys, and how often they are asked for.

use std::fmt;
use std::time::Duration;

use reqwest::Url;
use serde::{Deserialize, Serialize};

use super::SignatureAlgorithm;
use super::network::is_public;

/// A JWKS endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwksSource {
    /// Checked: its scheme and its host are allowed.
    pub(super) url: Url,
    pub(super) reach: Reach,
    pub(super) wanted: Option<SignatureAlgorithm>,
    pub(super) pace: Pace,
}

/// Which addresses an endpoint may be at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Those of the public Internet.
    Public,
    /// This machine, since the URL says so itself.
    Loopback,
    /// All, since the operator says so.
    Anywhere,
}

/// Whether an endpoint may be asked without TLS. Whoever is on the way could then sign tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transport {
    /// HTTPS, or HTTP on this machine.
    Encrypted,
    /// HTTP too.
    Plain,
}

/// How often, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Between a fetch that succeeded and the next one.
    pub refresh: Duration,
    /// The least time between the starts of two fetches, whatever tokens ask for.
    pub cool_down: Duration,
    /// For one fetch in all.
    pub timeout: Duration,
    /// How long a login waits for a fetch that may bring its key.
    pub patience: Duration,
    /// How long a name that a fetch did not bring is believed not to exist.
    pub absence: Duration,
}

/// A URL that may not be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not a URL with a host.
    #[error("it is not an http or https URL")]
    Malformed,
    /// Whoever is on the way could hand out keys of their own.
    #[error("it must begin with https://, unless it is on this machine or allow_http is set")]
    Plain,
    /// An address of the network that the edge stands in.
    #[error("it is at a private address; set allow_private if that is meant")]
    Private,
    /// It would show in logs.
    #[error("it must not carry a user, a password or a fragment")]
    Decorated,
}

impl Pace {
    /// The pace of a real endpoint.
    #[must_use]
    pub const fn new(refresh: Duration) -> Self {
        Self {
            refresh,
            cool_down: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            patience: Duration::from_secs(3),
            absence: Duration::from_secs(60),
        }
    }
}

impl JwksSource {
    /// Checks the URL. `reach` is what the operator allows; a URL that says `localhost` or a loopback address reaches this
    /// machine without being allowed to.
    ///
    /// # Errors
    /// The URL may not be asked.
    pub fn new(
        url: &str,
        transport: Transport,
        reach: Reach,
        wanted: Option<SignatureAlgorithm>,
        pace: Pace,
    ) -> Result<Self, UrlError> {
        let url = Url::parse(url).map_err(|_| UrlError::Malformed)?;
        let host = url.host().ok_or(UrlError::Malformed)?;
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(UrlError::Decorated);
        }
        let address = match host {
            url::Host::Ipv4(address) => Some(address.into()),
            url::Host::Ipv6(address) => Some(std::net::IpAddr::from(address)),
            url::Host::Domain(_) => None,
        };
        let is_here = match host {
            url::Host::Domain(name) => name == "localhost",
            url::Host::Ipv4(address) => address.is_loopback(),
            url::Host::Ipv6(address) => address.is_loopback(),
        };
        match (url.scheme(), transport) {
            ("https", _) | ("http", Transport::Plain) => {}
            ("http", Transport::Encrypted) if is_here => {}
            ("http", Transport::Encrypted) => return Err(UrlError::Plain),
            _ => return Err(UrlError::Malformed),
        }
        let reach = match reach {
            Reach::Public | Reach::Loopback if is_here => Reach::Loopback,
            Reach::Public | Reach::Loopback => {
                // A name is looked up, and judged, at each fetch.
                if address.is_some_and(|address| !is_public(address)) {
                    return Err(UrlError::Private);
                }
                Reach::Public
            }
            Reach::Anywhere => Reach::Anywhere,
        };
        Ok(Self {
            url,
            reach,
            wanted,
            pace,
        })
    }

    /// Whether the keys that one source has brought are as good as brought by the other.
    pub(super) fn brings_what(&self, other: &Self) -> bool {
        self.url == other.url && self.wanted == other.wanted
    }
}

impl fmt::Display for JwksSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.url)
    }
}

impl Reach {
    /// Whether an endpoint may be at this address.
    pub(super) fn includes(self, address: std::net::IpAddr) -> bool {
        match self {
            Self::Public => is_public(address),
            Self::Loopback => address.is_loopback(),
            Self::Anywhere => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(url: &str, transport: Transport, reach: Reach) -> Result<Reach, UrlError> {
        let pace = Pace::new(Duration::from_secs(600));
        JwksSource::new(url, transport, reach, None, pace).map(|source| source.reach)
    }

    #[test]
    fn https_is_asked_of_everybody_but_this_machine() {
        let public = |url| reach(url, Transport::Encrypted, Reach::Public);
        assert_eq!(public("https://id.example/jwks"), Ok(Reach::Public));
        assert_eq!(public("https://1.1.1.1/jwks"), Ok(Reach::Public));
        for here in [
            "http://127.0.0.1:9/jwks",
            "http://localhost:9/",
            "http://[::1]/",
            "https://localhost/",
            "http://2130706433/",
        ] {
            assert_eq!(public(here), Ok(Reach::Loopback), "{here}");
        }
        for plain in [
            "http://id.example/jwks",
            "http://localhost.id.example/",
            "http://10.0.0.1/",
        ] {
            assert_eq!(public(plain), Err(UrlError::Plain), "{plain}");
        }
        let allowed = reach("http://id.example/", Transport::Plain, Reach::Public);
        assert_eq!(allowed, Ok(Reach::Public));
    }

    #[test]
    fn a_private_address_has_to_be_allowed() {
        for url in [
            "https://10.0.0.1/",
            "https://169.254.169.254/",
            "https://[fd00::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://0x0a000001/",
        ] {
            let private = reach(url, Transport::Encrypted, Reach::Public);
            assert_eq!(private, Err(UrlError::Private), "{url}");
            let allowed = reach(url, Transport::Encrypted, Reach::Anywhere);
            assert_eq!(allowed, Ok(Reach::Anywhere), "{url}");
        }
    }

    #[test]
    fn what_is_no_plain_web_address_is_refused() {
        for url in [
            "",
            "id.example/jwks",
            "file:///etc/passwd",
            "ftp://id.example/",
            "unix:/run/x",
            "https://",
        ] {
            let malformed = reach(url, Transport::Plain, Reach::Anywhere);
            assert_eq!(malformed, Err(UrlError::Malformed), "{url}");
        }
        for url in [
            "https://u:p@id.example/",
            "https://u@id.example/",
            "https://id.example/#x",
        ] {
            let decorated = reach(url, Transport::Encrypted, Reach::Public);
            assert_eq!(decorated, Err(UrlError::Decorated), "{url}");
        }
    }

    #[test]
    fn a_reach_includes_its_addresses_only() {
        let includes = |reach: Reach, address: &str| reach.includes(address.parse().unwrap());
        assert!(includes(Reach::Public, "1.1.1.1") && !includes(Reach::Public, "127.0.0.1"));
        assert!(includes(Reach::Loopback, "127.0.0.1") && !includes(Reach::Loopback, "1.1.1.1"));
        assert!(includes(Reach::Anywhere, "10.0.0.1"));
    }
}
