//! What one session may do: the rights of its key and, if a token narrowed them, of its token.
//!
//! Invariant: a right holds only if both give it (spec realtime §1.5), also after the key has been replaced by a
//! reload.

use std::sync::Arc;

use protocol::close::CloseReason;
use protocol::{ChannelName, ChannelPattern, Permission, Permissions};

use super::{Key, Tenancy};

/// What one session may do.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The key that admitted the session, in its present form.
    pub key: Arc<Key>,
    /// The token's `channels` claim; absent leaves the key's patterns alone.
    pub token_patterns: Option<Box<[ChannelPattern]>>,
    /// The token's `permissions` claim; absent leaves the key's permissions alone.
    pub token_permissions: Option<Permissions>,
}

impl Scope {
    /// All that the key gives.
    #[must_use]
    pub fn of_key(key: Arc<Key>) -> Self {
        Self {
            key,
            token_patterns: None,
            token_permissions: None,
        }
    }

    /// Whether the session has the permission.
    #[must_use]
    pub fn permits(&self, permission: Permission) -> bool {
        self.key.permissions.contains(permission)
            && self
                .token_permissions
                .is_none_or(|permissions| permissions.contains(permission))
    }

    /// Whether the session reaches the channel.
    #[must_use]
    pub fn covers(&self, channel: &ChannelName) -> bool {
        let reached = |patterns: &[ChannelPattern]| {
            patterns
                .iter()
                .any(|pattern| pattern.matches(channel.as_str()))
        };
        reached(&self.key.patterns) && self.token_patterns.as_deref().is_none_or(reached)
    }

    /// The present form of the key that admitted the session.
    ///
    /// # Errors
    /// Why the session has to go: its key is gone, or its app is suspended.
    pub fn key_in_force(&self, tenancy: &Tenancy) -> Result<Arc<Key>, CloseReason> {
        let key = tenancy
            .key(self.key.id.as_str())
            .ok_or(CloseReason::KeyRemoved)?;
        key.app.keeps_those_of(&self.key.app)?;
        Ok(Arc::clone(key))
    }

    /// Puts the key's present form in the place of the one that admitted the session; the token's own limits stay.
    pub fn rebind(&mut self, key: Arc<Key>) {
        debug_assert_eq!(self.key.id, key.id, "a session keeps its key for life");
        self.key = key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenancy::sample::{key, tenancy};

    fn scope(patterns: &[&str], actions: &[&str]) -> Scope {
        let tenancy = tenancy(&[("a", &[key("sk_a", patterns, actions)])]);
        Scope::of_key(Arc::clone(tenancy.key("sk_a").unwrap()))
    }

    fn covers(scope: &Scope, channel: &str) -> bool {
        scope.covers(&channel.parse().unwrap())
    }

    #[test]
    fn without_claims_the_key_alone_decides() {
        let scope = scope(&["app/*", "log"], &["publish"]);
        assert!(covers(&scope, "app/room") && covers(&scope, "log"));
        assert!(!covers(&scope, "app/room/deep"));
        assert!(scope.permits(Permission::Publish) && !scope.permits(Permission::Send));
    }

    #[test]
    fn a_right_needs_both_key_and_token() {
        let mut scope = scope(&["app/**"], &["publish", "subscribe"]);
        scope.token_patterns =
            Some([("app/one").parse().unwrap(), "other".parse().unwrap()].into());
        scope.token_permissions = Some(
            [Permission::Publish, Permission::Send]
                .into_iter()
                .collect(),
        );
        assert!(covers(&scope, "app/one"));
        assert!(!covers(&scope, "app/two") && !covers(&scope, "other"));
        let permitted: Vec<_> = Permission::ALL
            .into_iter()
            .filter(|&one| scope.permits(one))
            .collect();
        assert_eq!(permitted, [Permission::Publish]);
    }

    #[test]
    fn empty_claims_leave_nothing() {
        let mut scope = scope(&["**"], &["publish"]);
        scope.token_patterns = Some(Box::default());
        scope.token_permissions = Some(Permissions::empty());
        assert!(!covers(&scope, "a") && !scope.permits(Permission::Publish));
    }

    #[test]
    fn a_narrowed_key_narrows_a_live_scope_and_a_widened_one_stops_at_the_token() {
        let mut live = scope(&["app/**"], &["publish"]);
        live.token_patterns = Some(["app/**".parse().unwrap()].into());
        live.rebind(scope(&["app/one", "free"], &["send"]).key);
        assert!(covers(&live, "app/one"));
        assert!(!covers(&live, "app/two") && !covers(&live, "free"));
        assert!(live.permits(Permission::Send) && !live.permits(Permission::Publish));
    }
}
