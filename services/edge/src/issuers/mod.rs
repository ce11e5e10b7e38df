//! Public keys of other people's token services, which apps list as their issuers.
//!
//! - `algorithm`, `public_key`: what one key is good for. `jwk`, `pem`: how it is written. `key_set`: all of one issuer.
//! - `key_ring`: the keys of one issuer while the edge runs. `key_file`: read from a file.
//! - `jwks_source`, `network`: which endpoints may be asked. `fetch`: asking one. `keeper`: when.
//!
//! Does not know tokens, nor the JWT library: who verifies takes plain numbers. Invariants: a key decides its algorithms; no
//! symmetric key comes from here; a key in force stays so until the endpoint has said something better.

mod algorithm;
mod fetch;
mod jwk;
mod jwks_source;
mod keeper;
mod key_file;
mod key_ring;
mod key_set;
mod network;
mod pem;
mod public_key;
#[cfg(test)]
pub(crate) mod sample;

pub use algorithm::{Family, SignatureAlgorithm};
pub use jwks_source::{JwksSource, Pace, Reach, Transport, UrlError};
pub use keeper::keep_fresh;
pub use key_file::KeyFileError;
pub(crate) use key_file::read as read_key_file;
pub use key_ring::{KeyMissing, KeyRing};
pub use key_set::{KeySet, KeySetError};
pub use public_key::{KeyRefusal, Material, PublicKey};
