//! Signature algorithms of public keys, in families that never mix.

use serde::{Deserialize, Serialize};

/// An algorithm by its name in a token's header (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// RSASSA-PSS with SHA-384.
    PS384,
    /// RSASSA-PSS with SHA-512.
    PS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// What one key can do. A key belongs to one family only: an RSA key for both paddings would let a forger choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// RSA with the older padding.
    Pkcs1,
    /// RSA with the probabilistic padding.
    Pss,
    /// ECDSA on P-256; each curve has one hash.
    P256,
    /// ECDSA on P-384.
    P384,
    /// Ed25519.
    Ed25519,
}

impl SignatureAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 9] = [
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDsa,
    ];

    /// The name in a header or a JWK.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The family that it belongs to.
    #[must_use]
    pub const fn family(self) -> Family {
        match self {
            Self::RS256 | Self::RS384 | Self::RS512 => Family::Pkcs1,
            Self::PS256 | Self::PS384 | Self::PS512 => Family::Pss,
            Self::ES256 => Family::P256,
            Self::ES384 => Family::P384,
            Self::EdDsa => Family::Ed25519,
        }
    }

    /// The algorithm of this name. A JWK may also call EdDSA by its curve (RFC 9864).
    pub(super) fn named(name: &str) -> Option<Self> {
        let name = if name == "Ed25519" { "EdDSA" } else { name };
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_symmetric_algorithms_have_none() {
        for algorithm in SignatureAlgorithm::ALL {
            assert_eq!(
                SignatureAlgorithm::named(algorithm.as_str()),
                Some(algorithm)
            );
            let json = serde_json::to_value(algorithm).unwrap();
            assert_eq!(json, algorithm.as_str());
        }
        for name in ["HS256", "none", "", "rs256", "ES256K", "ES512", "RSA-OAEP"] {
            assert_eq!(SignatureAlgorithm::named(name), None, "{name}");
        }
    }
}
