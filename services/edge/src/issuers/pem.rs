//! A public key in PEM (RFC 7468): `PUBLIC KEY`, and `RSA PUBLIC KEY` as older tools write it.

use spki::der::oid::ObjectIdentifier;
use spki::der::{Decode as _, Document};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use super::{KeyRefusal, Material, PublicKey, SignatureAlgorithm};

/// The key in this text; `wanted` is the algorithm that the operator names.
pub(super) fn read(
    text: &str,
    wanted: Option<SignatureAlgorithm>,
) -> Result<PublicKey, KeyRefusal> {
    // Looked for first: whatever else is wrong with the file, this is what its owner has to hear.
    if text.contains("PRIVATE KEY-----") {
        return Err(KeyRefusal::Private);
    }
    let (label, document) = Document::from_pem(text.trim()).map_err(|_| KeyRefusal::Malformed)?;
    match label {
        "PUBLIC KEY" => subject_public_key(document.as_bytes(), wanted),
        "RSA PUBLIC KEY" => PublicKey::new(rsa(document.as_bytes())?, None, wanted),
        _ => Err(KeyRefusal::Unsupported),
    }
}

fn subject_public_key(
    der: &[u8],
    wanted: Option<SignatureAlgorithm>,
) -> Result<PublicKey, KeyRefusal> {
    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| KeyRefusal::Malformed)?;
    let bits = info
        .subject_public_key
        .as_bytes()
        .ok_or(KeyRefusal::Malformed)?;
    let material = match info.algorithm.oid {
        RSA => rsa(bits)?,
        EC => point(&info.algorithm, bits)?,
        ED25519 => Material::Ed25519(sized(bits)?),
        _ => return Err(KeyRefusal::Unsupported),
    };
    PublicKey::new(material, None, wanted)
}

fn rsa(der: &[u8]) -> Result<Material, KeyRefusal> {
    let key = pkcs1::RsaPublicKey::from_der(der).map_err(|_| KeyRefusal::Malformed)?;
    Ok(Material::rsa(
        key.modulus.as_bytes(),
        key.public_exponent.as_bytes(),
    ))
}

fn point(algorithm: &AlgorithmIdentifierRef<'_>, bits: &[u8]) -> Result<Material, KeyRefusal> {
    let curve = algorithm
        .parameters_oid()
        .map_err(|_| KeyRefusal::Malformed)?;
    let material = match curve {
        P256 => Material::P256(sized(bits)?),
        P384 => Material::P384(sized(bits)?),
        _ => return Err(KeyRefusal::Unsupported),
    };
    // A compressed point has another length, and so has been refused already.
    if bits.first() == Some(&4) {
        Ok(material)
    } else {
        Err(KeyRefusal::Malformed)
    }
}

fn sized<const N: usize>(bits: &[u8]) -> Result<[u8; N], KeyRefusal> {
    bits.try_into().map_err(|_| KeyRefusal::Malformed)
}

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
