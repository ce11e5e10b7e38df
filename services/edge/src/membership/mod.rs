//! Who belongs to a room of the room dialect.
//!
//! Asked once, before the upgrade, in the configured order; the first source that knows gives the answer (spec room §1.5).
//! A source that cannot be asked ends the search: whoever cannot be judged is not admitted. `registry`: the cluster's own
//! list. `webhook`: the app's backend. `roll`: who is in on whose word. `audit`: closing those who no longer belong.

pub(crate) mod audit;
pub(crate) mod registry;
mod roll;
mod webhook;

use std::net::IpAddr;
use std::time::Duration;

use cluster::{Cluster, Unavailable};
use protocol::room::{Account, Claims, RoomId, timestamp};
use protocol::{AppId, DeviceId, PeerId};
use serde_json::value::RawValue;

use crate::config::{MembershipSource, RoomConfig};
use crate::metrics::Metrics;
use registry::Registry;
pub(crate) use roll::{Enrolled, Roll};
use webhook::Webhook;

/// The sources of one edge.
#[derive(Debug)]
pub(crate) struct Membership {
    order: Vec<MembershipSource>,
    pub(crate) registry: Registry,
    webhook: Option<Webhook>,
    pub(crate) roll: Roll,
}

/// Who asks to be let into which room.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) app: AppId,
    pub(crate) room: RoomId,
    pub(crate) account: PeerId,
    pub(crate) device: Option<DeviceId>,
    /// What the token says, as JSON.
    pub(crate) claims: Box<RawValue>,
    pub(crate) remote_ip: IpAddr,
}

/// A member, and who says so.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) by: MembershipSource,
    pub(crate) shown: Shown,
}

/// What a source knows of an account besides its membership; it counts before the token.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    pub(crate) name: Option<String>,
    pub(crate) nick: Option<String>,
    pub(crate) profile: Option<Box<RawValue>>,
    pub(crate) updated_at: Option<String>,
}

/// What a source says.
#[derive(Debug)]
enum Word {
    Member(Shown),
    Stranger,
    /// It does not know the account in this room.
    Nothing,
}

/// Why nobody can be admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MembershipError {
    /// The account is no member, or nobody knows the room: which of them is not told.
    #[error("not a member")]
    Stranger,
    /// A source could not be asked.
    #[error("a source of members could not be asked")]
    Unavailable,
}

impl From<Unavailable> for MembershipError {
    fn from(_: Unavailable) -> Self {
        Self::Unavailable
    }
}

impl Membership {
    pub(crate) fn new(config: &RoomConfig, cluster: &Cluster, metrics: &Metrics) -> Self {
        let webhook = config
            .webhook_url
            .as_ref()
            .zip(config.webhook_secret.as_ref());
        Self {
            order: config.membership.clone(),
            registry: Registry::new(cluster.records.clone()),
            webhook: webhook.map(|(url, secret)| {
                let timeout = config.webhook_timeout;
                Webhook::new(
                    url,
                    secret.clone(),
                    timeout,
                    cluster.records.clone(),
                    metrics,
                )
            }),
            roll: Roll::default(),
        }
    }

    /// Whether the account belongs to the room.
    ///
    /// # Errors
    /// It does not, or that cannot be found out.
    pub(crate) async fn of(
        &self,
        asked: &Asked,
        claims: &Claims,
    ) -> Result<Admitted, MembershipError> {
        for by in self.order.iter().copied() {
            match self.word_of(by, asked, claims).await? {
                Word::Member(shown) => return Ok(Admitted { by, shown }),
                Word::Stranger => return Err(MembershipError::Stranger),
                Word::Nothing => {}
            }
        }
        Err(MembershipError::Stranger)
    }

    /// Whether the source that admitted somebody still would.
    pub(crate) async fn still_holds(
        &self,
        by: MembershipSource,
        asked: &Asked,
    ) -> Result<bool, MembershipError> {
        let word = match by {
            // A token says the same until it ends, and with it the session.
            MembershipSource::Token | MembershipSource::Open => return Ok(true),
            MembershipSource::Registry => {
                self.registry
                    .word(&asked.app, asked.room, &asked.account)
                    .await?
            }
            MembershipSource::Webhook => self.ask_webhook(asked).await?,
        };
        Ok(matches!(word, Word::Member(_)))
    }

    /// Whether the backend still admits somebody, whatever it said before.
    pub(crate) async fn still_allowed(&self, asked: &Asked) -> Result<bool, MembershipError> {
        match &self.webhook {
            Some(webhook) => Ok(matches!(webhook.fresh_word(asked).await?, Word::Member(_))),
            None => Err(MembershipError::Unavailable),
        }
    }

    /// Forgets what the backend said about a room, on every edge; whoever is there on its word is asked about again.
    pub(crate) async fn refresh(&self, app: &AppId, room: RoomId) -> Result<usize, Unavailable> {
        webhook::forget(self.registry.records(), app, room).await
    }

    async fn word_of(
        &self,
        by: MembershipSource,
        asked: &Asked,
        claims: &Claims,
    ) -> Result<Word, MembershipError> {
        match by {
            MembershipSource::Token => Ok(match claims.rooms.role(asked.room) {
                Some(role) if role >= 0 => Word::Member(Shown::default()),
                Some(_) => Word::Stranger,
                None => Word::Nothing,
            }),
            MembershipSource::Registry => {
                self.registry
                    .word(&asked.app, asked.room, &asked.account)
                    .await
            }
            MembershipSource::Webhook => self.ask_webhook(asked).await,
            MembershipSource::Open => Ok(Word::Member(Shown::default())),
        }
    }

    async fn ask_webhook(&self, asked: &Asked) -> Result<Word, MembershipError> {
        match &self.webhook {
            Some(webhook) => webhook.word(asked).await,
            None => Err(MembershipError::Unavailable),
        }
    }
}

impl Shown {
    /// What others are shown of the account: what its source knows, else its token, else its id.
    pub(crate) fn into_account(self, claims: &Claims, now: Duration) -> Account {
        let unknown = Account::unknown(claims.account.clone(), timestamp(now));
        let name = self.name.or_else(|| claims.name.clone());
        let name = name.unwrap_or(unknown.name);
        Account {
            nick: self
                .nick
                .or_else(|| claims.nick.clone())
                .unwrap_or_else(|| name.clone()),
            name,
            profile: self.profile.unwrap_or(unknown.profile),
            updated_at: self.updated_at.unwrap_or(unknown.updated_at),
            id: unknown.id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(more: &str) -> Claims {
        Claims::from_json(format!(r#"{{"sub":"alice","exp":1{more}}}"#).as_bytes()).unwrap()
    }

    #[test]
    fn the_source_counts_before_the_token_and_the_token_before_the_id() {
        let now = Duration::from_secs(1_771_070_400);
        let unnamed = Shown::default().into_account(&claims(""), now);
        assert_eq!((&*unnamed.name, &*unnamed.nick), ("alice", "alice"));
        let of_token = claims(r#","preferred_username":"al","name":"Alice""#);
        let named = Shown::default().into_account(&of_token, now);
        assert_eq!((&*named.name, &*named.nick), ("al", "Alice"));
        let shown = Shown {
            nick: Some("The Boss".to_owned()),
            ..Shown::default()
        };
        let known = shown.into_account(&of_token, now);
        assert_eq!((&*known.name, &*known.nick), ("al", "The Boss"));
    }
}
