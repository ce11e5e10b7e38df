//! Who signed the token of a session.

use std::sync::Arc;

use protocol::close::CloseReason;

use super::{App, Key, Scope, Tenancy};

/// Who signed a token.
#[derive(Clone, Debug)]
pub enum Signer {
    /// A secret key of the app.
    Key(Arc<Key>),
}

impl Signer {
    /// The app that the token admits to.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        match self {
            Self::Key(key) => &key.app,
        }
    }

    /// The signer's present form.
    ///
    /// # Errors
    /// Why a session of it has to go: it is gone or belongs to another app now, or its app is suspended.
    pub fn in_force(&self, tenancy: &Tenancy) -> Result<Self, CloseReason> {
        match self {
            Self::Key(key) => Scope::of_key(Arc::clone(key))
                .key_in_force(tenancy)
                .map(Self::Key),
        }
    }
}
