//! The public keys of one issuer at one moment: a JWK set (RFC 7517), one JWK, or one key in PEM.
//!
//! Invariant: a name finds exactly one key. A key that is of no use is left out and does not spoil the others.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{KeyRefusal, PublicKey, SignatureAlgorithm, jwk, pem};

/// The public keys of one issuer at one moment; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySet(Keys);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Keys {
    /// The only key, without a name: it is meant whatever name a token gives.
    Sole(Arc<PublicKey>),
    Named(HashMap<Box<str>, Arc<PublicKey>>),
}

/// Why a document gives no set of keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Neither JSON of the right shape nor PEM.
    #[error("it is no JWK set, no JWK and no key in PEM")]
    Malformed,
    /// More keys than anybody rotates through.
    #[error("it has {0} keys, at most {max} are read", max = KeySet::MAX_KEYS)]
    TooManyKeys(usize),
    /// None of the keys can be used. The reason is that of the first one.
    #[error("none of its keys can be used{}", because(.0.as_ref()))]
    NoUsableKey(Option<KeyRefusal>),
}

fn because(refusal: Option<&KeyRefusal>) -> String {
    refusal.map_or_else(String::new, |refusal| format!(": {refusal}"))
}

impl KeySet {
    /// The largest document that is read.
    pub const MAX_BYTES: usize = 256 * 1024;
    /// The most keys that one document may have.
    pub const MAX_KEYS: usize = 100;
    /// The longest name of a key.
    pub const MAX_KID_BYTES: usize = 256;

    /// Reads JSON or PEM; `wanted` is the only algorithm that the operator allows.
    ///
    /// # Errors
    /// There is no key in it that can be used.
    pub fn read(text: &str, wanted: Option<SignatureAlgorithm>) -> Result<Self, KeySetError> {
        if text.trim_start().starts_with('{') {
            return Self::from_json(text, wanted);
        }
        if !text.contains("-----BEGIN ") {
            return Err(KeySetError::Malformed);
        }
        let key = pem::read(text, wanted);
        key.map(|key| Self(Keys::Sole(Arc::new(key))))
            .map_err(|refusal| KeySetError::NoUsableKey(Some(refusal)))
    }

    /// Reads a JWK set or one JWK.
    ///
    /// # Errors
    /// As [`KeySet::read`].
    pub fn from_json(text: &str, wanted: Option<SignatureAlgorithm>) -> Result<Self, KeySetError> {
        let document: Document<'_> =
            serde_json::from_str(text).map_err(|_| KeySetError::Malformed)?;
        let keys = match document {
            Document {
                keys: Some(keys), ..
            } => keys.iter().map(|key| key.get()).collect(),
            Document { kty: Some(_), .. } => vec![text],
            Document { .. } => return Err(KeySetError::Malformed),
        };
        if keys.len() > Self::MAX_KEYS {
            return Err(KeySetError::TooManyKeys(keys.len()));
        }
        Self::gather(&keys, wanted)
    }

    /// The key that a token names, or, if it names none, the only key.
    #[must_use]
    pub fn find(&self, kid: Option<&str>) -> Option<&Arc<PublicKey>> {
        match (&self.0, kid) {
            (Keys::Sole(key), _) => Some(key),
            (Keys::Named(keys), Some(kid)) => keys.get(kid),
            (Keys::Named(keys), None) if keys.len() == 1 => keys.values().next(),
            (Keys::Named(_), None) => None,
        }
    }

    /// How many keys there are.
    #[must_use]
    pub fn count(&self) -> usize {
        match &self.0 {
            Keys::Sole(_) => 1,
            Keys::Named(keys) => keys.len(),
        }
    }

    fn gather(keys: &[&str], wanted: Option<SignatureAlgorithm>) -> Result<Self, KeySetError> {
        let mut named = HashMap::new();
        let mut nameless = Vec::new();
        let mut first_refusal = None;
        for (index, text) in keys.iter().enumerate() {
            let added = jwk::read(text, wanted).and_then(|(kid, key)| match kid {
                Some(kid) if kid.len() > Self::MAX_KID_BYTES || named.contains_key(&*kid) => {
                    Err(KeyRefusal::Name)
                }
                Some(kid) => {
                    named.insert(kid, Arc::new(key));
                    Ok(())
                }
                None => {
                    nameless.push(Arc::new(key));
                    Ok(())
                }
            });
            if let Err(refusal) = added {
                tracing::debug!(index, %refusal, "a key of an issuer is left out");
                first_refusal.get_or_insert(refusal);
            }
        }
        match (named.is_empty(), nameless.pop()) {
            (true, Some(key)) if nameless.is_empty() => Ok(Self(Keys::Sole(key))),
            (true, Some(_)) => Err(KeySetError::NoUsableKey(Some(KeyRefusal::Nameless))),
            (true, None) => Err(KeySetError::NoUsableKey(first_refusal)),
            (false, _) => Ok(Self(Keys::Named(named))),
        }
    }
}

/// What tells a set from a single key. Keys are read one by one afterwards.
#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    keys: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    kty: Option<&'a RawValue>,
}

#[cfg(test)]
mod tests;
