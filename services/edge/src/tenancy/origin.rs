//! Which web pages may connect.
//!
//! Owns the comparison of the `Origin` header (RFC 6454 §7) with a key's list. Compared are parsed scheme, host and
//! port; a page at `app.example.com.evil.net`, or a list entry that is a prefix of something, matches nothing.

use std::net::Ipv6Addr;
use std::str::FromStr;

use super::error::KeyError;

/// The origins that a key accepts; empty accepts all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OriginList(Box<[Origin]>);

impl OriginList {
    pub(super) fn new(texts: &[String]) -> Result<Self, KeyError> {
        let parse = |text: &String| {
            text.parse().map_err(|reason| KeyError::Origin {
                origin: text.clone(),
                reason,
            })
        };
        texts.iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a handshake with this `Origin` header may go on. A browser always sends one and cannot forge it;
    /// without one the client is no browser, and the header would protect nobody.
    #[must_use]
    pub fn allows(&self, header: Option<&str>) -> bool {
        let Some(header) = header else { return true };
        self.0.is_empty() || header.parse().is_ok_and(|origin| self.0.contains(&origin))
    }
}

impl OriginList {
    /// Whether the list names this origin. For credentials that a browser adds by itself: an empty list names nobody.
    #[must_use]
    pub fn names(&self, header: &str) -> bool {
        header.parse().is_ok_and(|origin| self.0.contains(&origin))
    }
}

/// Scheme, host and port, in one spelling: lower case, the default port left out, an IPv6 address in its shortest
/// form.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

/// Why a text is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// There is no `scheme://` at its start.
    #[error("must begin with a scheme, such as https://")]
    Scheme,
    /// The host is missing or has a character that no host has; a name in another script is written as `xn--…`.
    #[error("must have a host of letters, digits, dots and hyphens, and nothing after the port")]
    Host,
    /// The port is no number from 1 to 65535.
    #[error("must have a port from 1 to 65535, or none")]
    Port,
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let (scheme, authority) = text.split_once("://").ok_or(OriginError::Scheme)?;
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        if !is_scheme {
            return Err(OriginError::Scheme);
        }
        let scheme = scheme.to_ascii_lowercase();
        let (host, port) = split_port(authority)?;
        let host = normal_host(host)?;
        let port = port.filter(|&port| Some(port) != default_port(&scheme));
        Ok(Self { scheme, host, port })
    }
}

/// Splits `host`, `host:port`, `[v6]` or `[v6]:port`.
fn split_port(authority: &str) -> Result<(&str, Option<u16>), OriginError> {
    let end_of_host = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    let Some(colon) = authority[end_of_host..].find(':') else {
        return Ok((authority, None));
    };
    let (host, port) = authority.split_at(end_of_host + colon);
    let port = &port[1..];
    // `u16::from_str` would take a plus sign.
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(port) if port > 0 && is_number => Ok((host, Some(port))),
        Ok(_) | Err(_) => Err(OriginError::Port),
    }
}

fn normal_host(host: &str) -> Result<String, OriginError> {
    if let Some(inner) = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        let address: Ipv6Addr = inner.parse().map_err(|_| OriginError::Host)?;
        return Ok(format!("[{address}]"));
    }
    let is_host = !host.is_empty()
        && host.len() <= 253
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    if is_host {
        Ok(host.to_ascii_lowercase())
    } else {
        Err(OriginError::Host)
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[&str]) -> OriginList {
        let entries: Vec<_> = entries.iter().map(|entry| (*entry).to_owned()).collect();
        OriginList::new(&entries).unwrap()
    }

    #[test]
    fn an_empty_list_and_a_client_without_origin_are_allowed() {
        assert!(list(&[]).allows(Some("https://anywhere.example")));
        assert!(list(&[]).allows(Some("null")));
        assert!(list(&["https://app.example"]).allows(None));
    }

    #[test]
    fn the_same_origin_in_another_spelling_is_allowed() {
        let list = list(&[
            "https://App.example",
            "http://localhost:3000",
            "http://[::1]:80",
            "capacitor://localhost",
        ]);
        for origin in [
            "https://app.example",
            "HTTPS://APP.EXAMPLE:443",
            "http://localhost:3000",
            "http://[0:0:0:0:0:0:0:1]",
            "capacitor://localhost",
        ] {
            assert!(list.allows(Some(origin)), "{origin}");
        }
    }

    #[test]
    fn what_only_resembles_an_allowed_origin_is_refused() {
        let list = list(&["https://app.example", "http://localhost:3000"]);
        for origin in [
            "http://app.example",
            "https://app.example:8443",
            "https://app.example.evil.net",
            "https://evil-app.example",
            "https://sub.app.example",
            "https://app.example@evil.net",
            "https://evil.net/https://app.example",
            "https://app.example/",
            "https://app.example https://evil.net",
            "https://app.example.",
            "http://localhost",
            "http://localhost:30000",
            "http://localhost:+3000",
            "localhost:3000",
            "null",
            "",
        ] {
            assert!(!list.allows(Some(origin)), "{origin:?}");
        }
    }

    #[test]
    fn an_entry_that_is_no_origin_is_refused() {
        for (entry, error) in [
            ("app.example", OriginError::Scheme),
            ("://app.example", OriginError::Scheme),
            ("https://", OriginError::Host),
            ("https://*.app.example", OriginError::Host),
            ("https://app.example/", OriginError::Host),
            ("https://bücher.example", OriginError::Host),
            ("https://[::1", OriginError::Port),
            ("https://[::g]", OriginError::Host),
            ("https://app.example:", OriginError::Port),
            ("https://app.example:0", OriginError::Port),
            ("https://app.example:65536", OriginError::Port),
        ] {
            assert_eq!(entry.parse::<Origin>(), Err(error), "{entry:?}");
        }
    }
}
