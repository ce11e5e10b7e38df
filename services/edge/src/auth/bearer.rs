//! The credential of REST calls (spec realtime §5): `Authorization: Bearer <sk_id>:<sk_secret>`.
//!
//! Invariant: unknown id, wrong secret, publishable key and malformed header are one error, and take the same path.

use std::sync::{Arc, LazyLock};

use crate::config::Secret;
use crate::tenancy::{Key, Tenancy};

/// The call brought no good credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("missing or wrong credential")]
pub struct Unauthorized;

/// The secret key that a call brings.
///
/// # Errors
/// [`Unauthorized`], whatever is wrong.
pub fn authorize(tenancy: &Tenancy, header: Option<&str>) -> Result<Arc<Key>, Unauthorized> {
    // Compared with when there is no such key, so that the time of an answer does not tell which ids exist.
    static NOBODY: LazyLock<Secret> = LazyLock::new(|| Secret::new(&"?".repeat(40)));

    let (scheme, credential) = header
        .and_then(|header| header.split_once(' '))
        .ok_or(Unauthorized)?;
    // A key id has no colon, a secret may have one.
    let (id, secret) = credential.trim().split_once(':').ok_or(Unauthorized)?;
    let key = tenancy.key(id);
    let expected = key.and_then(|key| key.secret.as_ref());
    let is_right = expected.unwrap_or(&NOBODY).matches(secret) && expected.is_some();
    // The scheme is a case-insensitive token (RFC 9110 §11.1).
    match key {
        Some(key) if is_right && scheme.eq_ignore_ascii_case("bearer") => Ok(Arc::clone(key)),
        Some(_) | None => Err(Unauthorized),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenancy::sample::{key, tenancy};

    fn caller(header: Option<&str>) -> Option<String> {
        let keys = [
            key("sk_a", &["**"], &[]),
            key("sk_b", &["**"], &[]),
            key("pk_a", &["**"], &[]),
        ];
        let tenancy = tenancy(&[("a", &keys)]);
        authorize(&tenancy, header)
            .ok()
            .map(|key| key.id.to_string())
    }

    #[test]
    fn the_right_secret_gives_its_key() {
        assert_eq!(
            caller(Some("Bearer sk_a:secret of sk_a")).as_deref(),
            Some("sk_a")
        );
        assert_eq!(
            caller(Some("bearer sk_b:secret of sk_b")).as_deref(),
            Some("sk_b")
        );
    }

    #[test]
    fn everything_else_is_refused_alike() {
        for header in [
            None,
            Some(""),
            Some("Bearer"),
            Some("Bearer "),
            Some("Bearer sk_a"),
            Some("Bearer sk_a:"),
            Some("Bearer sk_a:secret of sk_b"),
            Some("Bearer sk_a:secret of sk_a and more"),
            Some("Bearer sk_c:secret of sk_c"),
            Some("Bearer pk_a:"),
            Some("Bearer pk_a:pk_a"),
            Some("Bearer :"),
            Some("Bearer nobody:????????????????????????????????????????"),
            Some("Basic sk_a:secret of sk_a"),
            Some("sk_a:secret of sk_a"),
        ] {
            assert_eq!(caller(header), None, "{header:?}");
        }
    }
}
