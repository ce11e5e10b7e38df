//! Who somebody is: credentials in, an [`Identity`] or a key out.
//!
//! Owns the verification of tokens and keys, and the signing of tokens; this is the only module that names the JWT
//! library. Does not know what an admitted session does. Invariants: nothing of a token or a secret is in any error or
//! debug text; the key alone decides the algorithm; time is handed in.

mod admission;
mod bearer;
mod credential;
mod error;
mod identity;
mod mint;
mod token;
mod verify;

pub use admission::authenticate;
pub use bearer::{Unauthorized, authorize};
pub use credential::Credential;
pub use error::AdmitError;
pub use identity::Identity;
pub use mint::{MintError, mint};
pub use verify::{Verified, VerifyError, verify_or_wait};
