//! Who signed the token of a session: a key of the app's own, or an issuer that the app lists.
//!
//! Invariant: an app is reached only through its keys and its issuers, and a session stays with the one that admitted it.

use std::sync::Arc;

use protocol::close::CloseReason;

use super::{App, Issuer, Key, Tenancy};

/// Who signed a token.
#[derive(Clone, Debug)]
pub enum Signer {
    /// A secret key of the app.
    Key(Arc<Key>),
    /// A token service that the app lists.
    Issuer(Arc<Issuer>),
}

impl Signer {
    /// The app that the token admits to.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        match self {
            Self::Key(key) => &key.app,
            Self::Issuer(issuer) => &issuer.app,
        }
    }

    /// The signer's present form.
    ///
    /// # Errors
    /// Why a session of it has to go: it is gone or belongs to another app now, or its app is suspended.
    pub fn in_force(&self, tenancy: &Tenancy) -> Result<Self, CloseReason> {
        let present = match self {
            Self::Key(key) => tenancy.key(key.id.as_str()).cloned().map(Self::Key),
            Self::Issuer(issuer) => tenancy.issuer(&issuer.iss).cloned().map(Self::Issuer),
        };
        let present = present.ok_or(CloseReason::KeyRemoved)?;
        present.app().keeps_those_of(self.app())?;
        Ok(present)
    }
}
