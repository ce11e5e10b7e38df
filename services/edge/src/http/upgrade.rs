//! From an HTTP request to a bare stream (RFC 6455 §4.2).

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use sha1::{Digest as _, Sha1};
use tokio::net::TcpStream;

/// A request that may become a WebSocket.
#[derive(Debug)]
pub(super) struct Upgrade {
    accept: HeaderValue,
    /// The sub-protocol that is selected, if the door speaks one.
    subprotocol: Option<HeaderValue>,
    stream: OnUpgrade,
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

/// What is left of HTTP.
#[derive(Debug)]
pub(super) struct Upgraded {
    pub(super) stream: TcpStream,
    /// What the client sent right behind its request.
    pub(super) unread: Bytes,
}

impl Upgrade {
    /// Reads the handshake's headers. No extension is ever selected.
    pub(super) fn from_request(request: &mut Request) -> Result<Self, UpgradeError> {
        let headers = request.headers();
        if request.method() != Method::GET || !headers.contains_key(header::HOST) {
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
        let accept = accept_value(key.as_bytes()).ok_or(UpgradeError::NotAnUpgrade)?;
        let stream = request
            .extensions_mut()
            .remove::<OnUpgrade>()
            .ok_or(UpgradeError::NotAnUpgrade)?;
        Ok(Self {
            accept,
            subprotocol: None,
            stream,
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

    /// The answer that accepts the upgrade.
    pub(super) fn response(&self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, self.accept.clone());
        if let Some(subprotocol) = &self.subprotocol {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, subprotocol.clone());
        }
        response
    }

    /// The stream, once the answer is on its way; `None` if the client has gone.
    pub(super) async fn upgraded(self) -> Option<Upgraded> {
        let upgraded = self.stream.await.ok()?;
        let parts = upgraded.downcast::<TokioIo<TcpStream>>().ok()?;
        Some(Upgraded {
            stream: parts.io.into_inner(),
            // A copy, if there is anything: the session would keep the connection's whole read buffer alive for ever.
            unread: Bytes::from(parts.read_buf.to_vec()),
        })
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
