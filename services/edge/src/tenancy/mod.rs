//! Apps, keys and issuers, compiled for look-up, and how they change while the edge runs.
//!
//! Owns which keys and issuers exist, what each allows, and the swap to a newer set. Does not know how a credential is verified
//! nor how many sessions an app has. Invariants: a [`Tenancy`] never changes, a newer one replaces it whole; a key
//! or an issuer belongs to exactly one app, and an app is reached only through them.

mod app;
mod changes;
mod development;
mod error;
mod fingerprint;
mod handle;
mod issuer;
mod key;
mod numbers;
mod origin;
mod reload;
#[cfg(test)]
pub(crate) mod sample;
mod scope;
mod signer;
mod snapshot;

pub use app::{App, Plan};
pub use development::development_app;
pub use error::{IssuerError, KeyError, TenancyError};
pub use handle::TenancyHandle;
pub use issuer::Issuer;
pub use key::Key;
pub use numbers::NumberList;
pub use origin::{OriginError, OriginList};
pub use reload::watch_file;
pub use scope::Scope;
pub use signer::Signer;
pub use snapshot::Tenancy;
