//! Where a client's token is looked for (spec room §1.2).
//!
//! The first source that is present decides: a bad token there is not rescued by a good one elsewhere.

use std::fmt;

use axum::http::{HeaderMap, Uri, header};
use percent_encoding::percent_decode_str;

/// A token that nobody has looked at yet, and where it came from.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Credential {
    /// The query parameter `tk`.
    Query(String),
    /// The `Authorization` header.
    Header(String),
    /// The cookie `AuthToken`, which a browser sends whoever asks.
    Cookie(String),
}

/// Schemes that carry a token: the usual one, and two of the house this dialect comes from.
const SCHEMES: [&str; 3] = ["bearer", "atfield", "akfield"];
const COOKIE: &str = "AuthToken";

/// The token of a request, if it brings one.
pub(super) fn credential(uri: &Uri, headers: &HeaderMap) -> Option<Credential> {
    of_query(uri)
        .map(Credential::Query)
        .or_else(|| of_header(headers).map(Credential::Header))
        .or_else(|| of_cookie(headers).map(Credential::Cookie))
}

impl Credential {
    pub(super) fn token(&self) -> &str {
        match self {
            Self::Query(token) | Self::Header(token) | Self::Cookie(token) => token,
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Query(_) => "Query([redacted])",
            Self::Header(_) => "Header([redacted])",
            Self::Cookie(_) => "Cookie([redacted])",
        })
    }
}

fn of_query(uri: &Uri) -> Option<String> {
    let mut pairs = uri.query()?.split('&');
    let value = pairs.find_map(|pair| match pair.split_once('=') {
        Some(("tk", value)) => Some(value),
        Some(_) => None,
        None => (pair == "tk").then_some(""),
    })?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}

/// A header of another scheme is none of ours: a proxy in front may have wanted it.
fn of_header(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?;
    let value = String::from_utf8_lossy(value.as_bytes());
    let (scheme, token) = value.split_once(' ').unwrap_or((&value, ""));
    let is_ours = SCHEMES.iter().any(|ours| scheme.eq_ignore_ascii_case(ours));
    is_ours.then(|| token.trim().to_owned())
}

fn of_cookie(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).iter();
    let lines: Vec<_> = lines
        .map(|line| String::from_utf8_lossy(line.as_bytes()))
        .collect();
    let mut pairs = lines.iter().flat_map(|line| line.split(';'));
    pairs.find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE).then(|| value.trim_matches('"').to_owned())
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn found(query: &str, authorization: Option<&str>, cookie: Option<&str>) -> Option<Credential> {
        let uri: Uri = format!("/room?{query}").parse().unwrap();
        let mut headers = HeaderMap::new();
        let mut insert = |name, value: Option<&str>| {
            let value = value.map(|value| HeaderValue::from_str(value).unwrap());
            value.map(|value| headers.insert(name, value));
        };
        insert(header::AUTHORIZATION, authorization);
        insert(header::COOKIE, cookie);
        credential(&uri, &headers)
    }

    #[test]
    fn query_beats_header_beats_cookie() {
        let (header, cookie) = (Some("Bearer h"), Some("a=1; AuthToken=c; b=2"));
        assert_eq!(
            found("tk=q&x=1", header, cookie),
            Some(Credential::Query("q".into()))
        );
        assert_eq!(
            found("x=1", header, cookie),
            Some(Credential::Header("h".into()))
        );
        assert_eq!(
            found("", None, cookie),
            Some(Credential::Cookie("c".into()))
        );
        assert_eq!(found("", None, None), None);
    }

    #[test]
    fn an_empty_source_is_present_all_the_same() {
        let cookie = Some("AuthToken=c");
        for query in ["tk=", "tk"] {
            assert_eq!(
                found(query, Some("Bearer h"), cookie),
                Some(Credential::Query("".into()))
            );
        }
        assert_eq!(
            found("", Some("Bearer"), cookie),
            Some(Credential::Header("".into()))
        );
    }

    #[test]
    fn schemes_of_the_house_count_and_others_do_not() {
        for scheme in ["bearer", "BEARER", "AtField", "akfield"] {
            let header = format!("{scheme} h");
            assert_eq!(
                found("", Some(&header), None),
                Some(Credential::Header("h".into()))
            );
        }
        let cookie = Some("AuthToken=c");
        assert_eq!(
            found("", Some("Basic aDpo"), cookie),
            Some(Credential::Cookie("c".into()))
        );
        assert_eq!(
            found("tko=1&xtk=2", None, Some("XAuthToken=c; authtoken=c")),
            None
        );
    }
}
