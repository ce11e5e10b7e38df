//! One public key in JSON (RFC 7517, RFC 7518 §6, RFC 8037 §2).
//!
//! The JWT library has a type for this, but it would take a symmetric key too, and cuts an Ed25519 key to length with a
//! panic.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{KeyRefusal, Material, PublicKey, SignatureAlgorithm};

/// The key in this text, with its name.
pub(super) fn read(
    text: &str,
    wanted: Option<SignatureAlgorithm>,
) -> Result<(Option<Box<str>>, PublicKey), KeyRefusal> {
    let jwk: Jwk<'_> = serde_json::from_str(text).map_err(|_| KeyRefusal::Malformed)?;
    if jwk.d.is_some() || jwk.k.is_some() {
        return Err(KeyRefusal::Private);
    }
    let verifies = jwk
        .key_ops
        .as_ref()
        .is_none_or(|operations| operations.iter().any(|operation| operation == "verify"));
    if jwk.usage.as_ref().is_some_and(|usage| usage != "sig") || !verifies {
        return Err(KeyRefusal::NotForSignatures);
    }
    let declared = match &jwk.alg {
        Some(alg) => Some(SignatureAlgorithm::named(alg).ok_or(KeyRefusal::Unsupported)?),
        None => None,
    };
    let key = PublicKey::new(jwk.material()?, declared, wanted)?;
    Ok((jwk.kid.map(Into::into), key))
}

/// The members that matter; a key is described by a few of them, and may have others.
#[derive(Deserialize)]
struct Jwk<'a> {
    #[serde(borrow)]
    kty: Cow<'a, str>,
    #[serde(borrow, rename = "use")]
    usage: Option<Cow<'a, str>>,
    #[serde(borrow)]
    key_ops: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow)]
    alg: Option<Cow<'a, str>>,
    #[serde(borrow)]
    kid: Option<Cow<'a, str>>,
    #[serde(borrow)]
    crv: Option<Cow<'a, str>>,
    #[serde(borrow)]
    n: Option<Cow<'a, str>>,
    #[serde(borrow)]
    e: Option<Cow<'a, str>>,
    #[serde(borrow)]
    x: Option<Cow<'a, str>>,
    #[serde(borrow)]
    y: Option<Cow<'a, str>>,
    /// The private part of an asymmetric key.
    d: Option<IgnoredAny>,
    /// A symmetric key.
    k: Option<IgnoredAny>,
}

impl Jwk<'_> {
    fn material(&self) -> Result<Material, KeyRefusal> {
        match (&*self.kty, self.crv.as_deref()) {
            ("RSA", _) => Ok(Material::rsa(&bytes(&self.n)?, &bytes(&self.e)?)),
            ("EC", Some("P-256")) => Ok(Material::P256(self.point::<32, 65>()?)),
            ("EC", Some("P-384")) => Ok(Material::P384(self.point::<48, 97>()?)),
            ("OKP", Some("Ed25519")) => Ok(Material::Ed25519(sized(&self.x)?)),
            _ => Err(KeyRefusal::Unsupported),
        }
    }

    fn point<const COORDINATE: usize, const POINT: usize>(
        &self,
    ) -> Result<[u8; POINT], KeyRefusal> {
        let (x, y): ([u8; COORDINATE], [u8; COORDINATE]) = (sized(&self.x)?, sized(&self.y)?);
        let mut point = [4; POINT];
        point[1..=COORDINATE].copy_from_slice(&x);
        point[COORDINATE + 1..].copy_from_slice(&y);
        Ok(point)
    }
}

fn bytes(member: &Option<Cow<'_, str>>) -> Result<Vec<u8>, KeyRefusal> {
    let text = member.as_deref().ok_or(KeyRefusal::Malformed)?;
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| KeyRefusal::Malformed)
}

fn sized<const N: usize>(member: &Option<Cow<'_, str>>) -> Result<[u8; N], KeyRefusal> {
    bytes(member)?.try_into().map_err(|_| KeyRefusal::Malformed)
}
