//! Who somebody is: credentials in, an [`Identity`], the claims of a token or a key out.
//!
//! Owns the verification of tokens and keys, and the signing of tokens; this is the only module that names the JWT
//! library. `token`: one verifier for all dialects; `admission` judges what the realtime dialect takes, `verify` what the
//! others do. Does not know what an admitted session does. Invariants: nothing of a token or a secret is in any error or
//! debug text; the key alone decides the algorithm; time is handed in.

mod admission;
mod bearer;
mod credential;
mod error;
mod identity;
mod mint;
mod registered;
mod service_account;
mod stamp;
mod token;
mod verify;
mod verify_error;

pub use admission::authenticate;
pub use bearer::{Unauthorized, authorize};
pub use credential::Credential;
pub use error::AdmitError;
pub use identity::Identity;
pub use mint::{MintError, mint};
pub use service_account::{ServiceAccount, ServiceAccountError, SignError};
pub use stamp::{Bearer, Stamp};
pub use verify::{Verified, verify, verify_or_wait};
pub use verify_error::VerifyError;
