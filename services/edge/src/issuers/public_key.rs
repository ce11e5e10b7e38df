//! One public key of an issuer, as plain numbers.
//!
//! Owns what a key must be like to be used. Does not verify anything. Invariant: a key knows the algorithms that it may be
//! used with; sizes are such that no verification can fail for the form of the key.

use super::{Family, SignatureAlgorithm};

/// A key that can verify signatures of one family.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    material: Material,
    family: Family,
    /// The one algorithm, if the key or the configuration names it.
    only: Option<SignatureAlgorithm>,
}

/// The numbers of a key.
#[derive(Clone, PartialEq, Eq)]
pub enum Material {
    /// An RSA key; both numbers big-endian, without leading zeros.
    Rsa {
        /// The modulus.
        modulus: Box<[u8]>,
        /// The public exponent.
        exponent: Box<[u8]>,
    },
    /// A point on P-256, uncompressed (SEC 1 §2.3.3).
    P256([u8; 65]),
    /// A point on P-384, uncompressed.
    P384([u8; 97]),
    /// An Ed25519 key.
    Ed25519([u8; 32]),
}

/// Why a key is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// Anybody who can read it could sign.
    #[error("it is a private key; only the public one belongs here")]
    Private,
    /// Its own words say that it signs nothing.
    #[error("it is not meant for signatures")]
    NotForSignatures,
    /// A type, curve or algorithm that is not supported, symmetric keys among them.
    #[error("its type, curve or algorithm is not supported")]
    Unsupported,
    /// The algorithm that it or the configuration names is none of its own.
    #[error("it cannot be used with the algorithm that is asked for")]
    AlgorithmMismatch,
    /// A number is missing, malformed or of the wrong length.
    #[error("it is malformed")]
    Malformed,
    /// An RSA key that is too short to be safe or too long to be verified, or whose exponent is odd in the wrong sense.
    #[error("it must be an RSA key of 2048 to 4096 bits with an odd exponent from 3 to 4294967295")]
    RsaSize,
    /// Its name is too long, or taken by an earlier one.
    #[error("its kid is longer than 256 bytes or stands twice in the set")]
    Name,
    /// Two keys without a name cannot be told apart.
    #[error("it has no kid and is not the only key")]
    Nameless,
}

impl PublicKey {
    /// A key of these numbers. `declared` is the algorithm that the key's own description names, `wanted` the one that the
    /// operator does.
    pub(super) fn new(
        material: Material,
        declared: Option<SignatureAlgorithm>,
        wanted: Option<SignatureAlgorithm>,
    ) -> Result<Self, KeyRefusal> {
        if let Material::Rsa { modulus, exponent } = &material {
            check_rsa(modulus, exponent)?;
        }
        let only = match (declared, wanted) {
            (Some(declared), Some(wanted)) if declared != wanted => {
                return Err(KeyRefusal::AlgorithmMismatch);
            }
            (declared, wanted) => declared.or(wanted),
        };
        let family = material.family(only);
        if only.is_some_and(|only| only.family() != family) {
            return Err(KeyRefusal::AlgorithmMismatch);
        }
        Ok(Self {
            material,
            family,
            only,
        })
    }

    /// Whether a signature of this algorithm may be verified with the key.
    #[must_use]
    pub fn permits(&self, algorithm: SignatureAlgorithm) -> bool {
        match self.only {
            Some(only) => only == algorithm,
            None => algorithm.family() == self.family,
        }
    }

    /// The numbers.
    #[must_use]
    pub fn material(&self) -> &Material {
        &self.material
    }
}

impl Material {
    /// An RSA key of big-endian numbers.
    pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Self {
        Self::Rsa {
            modulus: without_leading_zeros(modulus).into(),
            exponent: without_leading_zeros(exponent).into(),
        }
    }

    fn family(&self, only: Option<SignatureAlgorithm>) -> Family {
        match self {
            Self::Rsa { .. } => match only.map(SignatureAlgorithm::family) {
                Some(Family::Pss) => Family::Pss,
                Some(Family::Pkcs1 | Family::P256 | Family::P384 | Family::Ed25519) | None => {
                    Family::Pkcs1
                }
            },
            Self::P256(_) => Family::P256,
            Self::P384(_) => Family::P384,
            Self::Ed25519(_) => Family::Ed25519,
        }
    }
}

/// Public, but nothing that a log needs.
impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({:?}, {:?})", self.family, self.only)
    }
}

impl std::fmt::Debug for Material {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Material({:?})", self.family(None))
    }
}

fn check_rsa(modulus: &[u8], exponent: &[u8]) -> Result<(), KeyRefusal> {
    let bits = modulus.first().map_or(0, |first| {
        modulus.len() * 8 - first.leading_zeros() as usize
    });
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
    // 1 is no exponent: every message would be its own signature.
    let is_exponent = exponent.len() <= 4 && is_odd(exponent) && exponent != [1];
    if (RSA_MIN_BITS..=RSA_MAX_BITS).contains(&bits) && is_odd(modulus) && is_exponent {
        Ok(())
    } else {
        Err(KeyRefusal::RsaSize)
    }
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    &number[zeros..]
}

/// NIST SP 800-131A, and RFC 7518 §3.3.
const RSA_MIN_BITS: usize = 2048;
/// The most that the verification takes: longer keys only cost time.
const RSA_MAX_BITS: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use SignatureAlgorithm::{ES256, ES384, EdDsa, PS256, PS512, RS256, RS384, RS512};

    fn rsa(bytes: usize, exponent: &[u8]) -> Material {
        Material::rsa(&vec![0xff; bytes], exponent)
    }

    fn permitted(key: &PublicKey) -> Vec<SignatureAlgorithm> {
        SignatureAlgorithm::ALL
            .into_iter()
            .filter(|&algorithm| key.permits(algorithm))
            .collect()
    }

    #[test]
    fn an_rsa_key_is_for_one_padding_only() {
        let key = |declared, wanted| PublicKey::new(rsa(256, &[1, 0, 1]), declared, wanted);
        assert_eq!(permitted(&key(None, None).unwrap()), [RS256, RS384, RS512]);
        assert_eq!(permitted(&key(Some(RS384), None).unwrap()), [RS384]);
        assert_eq!(permitted(&key(None, Some(PS256)).unwrap()), [PS256]);
        assert_eq!(permitted(&key(Some(PS512), Some(PS512)).unwrap()), [PS512]);
        for (declared, wanted) in [
            (Some(RS256), Some(PS256)),
            (Some(ES256), None),
            (None, Some(EdDsa)),
        ] {
            assert_eq!(key(declared, wanted), Err(KeyRefusal::AlgorithmMismatch));
        }
    }

    #[test]
    fn a_curve_has_one_algorithm() {
        let key = |material, only| PublicKey::new(material, only, None);
        assert_eq!(
            permitted(&key(Material::P256([4; 65]), None).unwrap()),
            [ES256]
        );
        assert_eq!(
            permitted(&key(Material::P384([4; 97]), None).unwrap()),
            [ES384]
        );
        assert_eq!(
            permitted(&key(Material::Ed25519([1; 32]), None).unwrap()),
            [EdDsa]
        );
        let crossed = key(Material::P256([4; 65]), Some(ES384));
        assert_eq!(crossed, Err(KeyRefusal::AlgorithmMismatch));
    }

    #[test]
    fn weak_and_oversized_rsa_keys_are_refused() {
        let refusal = |material| PublicKey::new(material, None, None).err();
        assert_eq!(refusal(rsa(256, &[3])), None);
        assert_eq!(refusal(rsa(512, &[0, 0, 1, 0, 1])), None);
        for (bytes, exponent) in [
            (255, &[3][..]),
            (513, &[3]),
            (0, &[3]),
            (256, &[]),
            (256, &[1]),
            (256, &[2]),
            (256, &[1, 0, 0, 0, 1]),
        ] {
            let key = rsa(bytes, exponent);
            assert_eq!(
                refusal(key),
                Some(KeyRefusal::RsaSize),
                "{bytes} {exponent:?}"
            );
        }
        let mut even = vec![0xff; 256];
        even[255] = 0xfe;
        assert_eq!(
            refusal(Material::rsa(&even, &[3])),
            Some(KeyRefusal::RsaSize)
        );
        // Leading zeros do not make a short key long.
        let mut padded = vec![0; 256];
        padded[200..].fill(0xff);
        assert_eq!(
            refusal(Material::rsa(&padded, &[3])),
            Some(KeyRefusal::RsaSize)
        );
    }
}
