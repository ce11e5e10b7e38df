//! How an operator's backend knows that a request comes from this cluster.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::config::Secret;
use crate::lane::unix_now;

/// The header with the time of the request, in Unix seconds.
const TIMESTAMP: &str = "x-switchboard-timestamp";
/// The header with the signature.
const SIGNATURE: &str = "x-switchboard-signature";

/// `v1=` and the HMAC-SHA256 over `<timestamp>.<body>`, in lower-case hexadecimal.
fn sign(secret: &Secret, sent_at: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .expect("HMAC takes a key of any length");
    mac.update(sent_at.as_bytes());
    mac.update(b".");
    mac.update(body);
    let digest = mac.finalize().into_bytes();
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("v1={digits}")
}

/// A signed POST of JSON, made now.
pub(crate) fn signed_post(
    http: &reqwest::Client,
    url: &str,
    secret: &Secret,
    body: Vec<u8>,
) -> reqwest::RequestBuilder {
    let sent_at = unix_now().as_secs().to_string();
    let signature = sign(secret, &sent_at, &body);
    http.post(url)
        .header("content-type", "application/json")
        .header(TIMESTAMP, &sent_at)
        .header(SIGNATURE, signature)
        .body(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_covers_time_and_body() {
        // Computed with `printf '%s' '1700000000.{}' | openssl dgst -sha256 -hmac secret`.
        let signature = sign(&Secret::new("secret"), "1700000000", b"{}");
        assert_eq!(
            signature,
            "v1=b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163"
        );
    }
}
