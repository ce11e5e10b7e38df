//! Whether a request is the beginning of a WebSocket, and the response to it (RFC 6455 §4.2).

use axum::body::Body;
use axum::http::request::Parts as Head;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::upgrade::OnUpgrade;
use sha1::{Digest as _, Sha1};

use super::connection::Connection;
use crate::lane::Upgraded;

/// A request that may become a WebSocket.
#[derive(Debug)]
pub(super) struct Upgrade {
    accept_value: HeaderValue,
    /// The sub-protocol that is selected, if the door speaks one.
    subprotocol: Option<HeaderValue>,
}

/// The request is no WebSocket upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum UpgradeError {
    /// A header that makes it one is missing or wrong.
    #[error("expected a WebSocket upgrade")]
    NotAnUpgrade,
    /// Another version than 13, the only one there is (RFC 6455 §4.4).
    #[error("expected WebSocket version 13")]
    Version,
}

impl Upgrade {
    /// Reads the handshake's headers. No extension is ever selected.
    pub(super) fn from_head(head: &Head) -> Result<Self, UpgradeError> {
        let headers = &head.headers;
        if head.method != Method::GET || !headers.contains_key(header::HOST) {
            return Err(UpgradeError::NotAnUpgrade);
        }
        if !has_token(headers, &header::CONNECTION, "upgrade")
            || !has_token(headers, &header::UPGRADE, "websocket")
        {
            return Err(UpgradeError::NotAnUpgrade);
        }
        if headers
            .get(header::SEC_WEBSOCKET_VERSION)
            .is_none_or(|version| version.as_bytes() != b"13")
        {
            return Err(UpgradeError::Version);
        }
        let key = headers
            .get(header::SEC_WEBSOCKET_KEY)
            .ok_or(UpgradeError::NotAnUpgrade)?;
        // 16 bytes in base64 (RFC 6455 §4.1).
        if STANDARD
            .decode(key.as_bytes())
            .map_or(0, |nonce| nonce.len())
            != 16
        {
            return Err(UpgradeError::NotAnUpgrade);
        }
        // What HTTP takes for none, such as one in HTTP/1.0, is none.
        if head.extensions.get::<OnUpgrade>().is_none() {
            return Err(UpgradeError::NotAnUpgrade);
        }
        let accept_value = accept_value(key.as_bytes()).ok_or(UpgradeError::NotAnUpgrade)?;
        Ok(Self {
            accept_value,
            subprotocol: None,
        })
    }

    /// Speaks `subprotocol`, if the client offers it (RFC 6455 §4.2.2); whether it does.
    pub(super) fn select(&mut self, headers: &HeaderMap, subprotocol: &'static str) -> bool {
        let is_offered = has_token(headers, &header::SEC_WEBSOCKET_PROTOCOL, subprotocol);
        if is_offered {
            self.subprotocol = Some(HeaderValue::from_static(subprotocol));
        }
        is_offered
    }

    /// Accepts the upgrade; once HTTP is over, the connection is `enter`'s.
    pub(super) fn accept<F>(
        &self,
        connection: &Connection,
        enter: impl FnOnce(Upgraded) -> F + Send + 'static,
    ) -> Response<Body>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        connection.upgrade(enter);
        self.response()
    }

    fn response(&self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, self.accept_value.clone());
        if let Some(subprotocol) = &self.subprotocol {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, subprotocol.clone());
        }
        response
    }
}

/// Proof that the handshake was understood (RFC 6455 §4.2.2).
fn accept_value(key: &[u8]) -> Option<HeaderValue> {
    const MAGIC: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let digest = Sha1::new().chain_update(key).chain_update(MAGIC).finalize();
    HeaderValue::from_str(&STANDARD.encode(digest)).ok()
}

/// Whether a comma-separated header has a token, in any case.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|found| found.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_value_is_that_of_rfc_6455_section_1_3() {
        assert_eq!(
            accept_value(b"dGhlIHNhbXBsZSBub25jZQ==").unwrap(),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }

    #[test]
    fn tokens_are_found_in_lists_and_in_any_case() {
        let mut headers = HeaderMap::new();
        headers.append(
            header::CONNECTION,
            HeaderValue::from_static("keep-alive, Upgrade"),
        );
        assert!(has_token(&headers, &header::CONNECTION, "upgrade"));
        assert!(!has_token(&headers, &header::CONNECTION, "close"));
    }
}
