//! The address of the shared backend, which may carry a password.
//!
//! Owns the form (`redis://`, `rediss://`, each also with `-cluster` or `-sentinel`) and the redaction. What the parts
//! mean is the business of whoever connects.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::secret::REDACTED;

/// A URL of Redis whose user part and parameters are printed as `[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

/// Schemes of a standalone, a clustered and a Sentinel-guarded Redis, each plain and with TLS.
const SCHEMES: [&str; 6] = [
    "redis",
    "rediss",
    "redis-cluster",
    "rediss-cluster",
    "redis-sentinel",
    "rediss-sentinel",
];

impl RedisUrl {
    /// The URL with its password. Whoever calls this answers for where it goes.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for RedisUrl {
    type Err = RedisUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once("://").ok_or(RedisUrlError)?;
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if !SCHEMES.contains(&scheme) || rest.is_empty() || !printable {
            return Err(RedisUrlError);
        }
        Ok(Self(text.to_owned()))
    }
}

/// A text that is no URL of Redis; the text is not echoed, it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a Redis URL: expected redis:// or rediss://, also with -cluster or -sentinel, and a host"
)]
pub struct RedisUrlError;

/// Keeps what an operator has to see (scheme, host, port, database) and nothing that could hold a password: the user
/// part, and the parameters, where a Sentinel URL carries its second password.
impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("redis", REDACTED));
        let (address, parameters) = rest
            .split_once(['?', '#'])
            .map_or((rest, ""), |(address, _)| (address, "?[redacted]"));
        match address.rsplit_once('@') {
            Some((_, host)) => write!(f, "{scheme}://{REDACTED}@{host}{parameters}"),
            None => write!(f, "{scheme}://{address}{parameters}"),
        }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for RedisUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RedisUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_redacted_wherever_the_url_carries_it() {
        for (url, shown) in [
            ("redis://127.0.0.1:6379/2", "redis://127.0.0.1:6379/2"),
            ("redis://:hunter2@db:6379", "redis://[redacted]@db:6379"),
            (
                "rediss-cluster://app:p@ss@a:1,b:2",
                "rediss-cluster://[redacted]@a:1,b:2",
            ),
            (
                "redis-sentinel://u:p@s1:26379/0?sentinelPassword=hunter2",
                "redis-sentinel://[redacted]@s1:26379/0?[redacted]",
            ),
            ("redis://db?password=p@ss", "redis://db?[redacted]"),
        ] {
            let url: RedisUrl = url.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), shown);
        }
    }

    #[test]
    fn what_is_no_redis_url_is_refused_without_an_echo() {
        for text in ["", "db:6379", "http://db", "redis://", "redis://db \n"] {
            assert_eq!(text.parse::<RedisUrl>(), Err(RedisUrlError), "{text:?}");
        }
    }
}
