//! How a device without a socket is woken: the tokens that it has given.

use serde::{Deserialize, Serialize};

use super::Party;
use super::board::Board;
use super::store::StoreError;

/// Longest token, in bytes: those of all four kinds are shorter than this.
pub(crate) const TOKEN_BYTES_MAX: usize = 4096;

/// A token of one push service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PushToken {
    /// Whose.
    #[serde(rename = "type")]
    pub(crate) kind: PushKind,
    /// What names the app instance there.
    pub(crate) value: String,
}

/// A push service (spec device §6.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PushKind {
    /// Firebase Cloud Messaging.
    Fcm,
    /// Huawei.
    Hms,
    /// Apple, for notifications.
    Apns,
    /// Apple, for calls.
    Apkvoip,
}

impl PushKind {
    pub(crate) const ALL: [Self; 4] = [Self::Fcm, Self::Hms, Self::Apns, Self::Apkvoip];

    /// The kind on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Fcm => "fcm",
            Self::Hms => "hms",
            Self::Apns => "apns",
            Self::Apkvoip => "apkvoip",
        }
    }
}

impl Board {
    /// The device can be woken by this token, also before its first session; another of its kind is forgotten.
    ///
    /// # Errors
    /// The shared state could not be changed.
    pub(crate) async fn put_push_token(
        &self,
        party: &Party,
        token: PushToken,
    ) -> Result<(), StoreError> {
        let (number, name) = (party.number.as_ref(), party.name.as_deref());
        let numbers = &self.0.numbers;
        let introduced = numbers.introduce(&party.app, &party.user, number, name);
        introduced.await?;
        let Party {
            app, user, device, ..
        } = party;
        let put = self.0.store.change_device(app, user, device, |device| {
            device.push.retain(|kept| kept.kind != token.kind);
            device.push.push(token.clone());
            if device.lines.is_empty() {
                device.resize(party.lines);
            }
        });
        put.await.map(drop)
    }

    /// The device is not woken any more by its token of this kind, or by none at all.
    ///
    /// # Errors
    /// The shared state could not be changed.
    pub(crate) async fn remove_push_token(
        &self,
        party: &Party,
        kind: Option<PushKind>,
    ) -> Result<(), StoreError> {
        let Party {
            app, user, device, ..
        } = party;
        if self.0.store.device(app, user, device).await?.is_none() {
            return Ok(());
        }
        let removed = self.0.store.change_device(app, user, device, |device| {
            let goes = |token: &PushToken| kind.is_none_or(|kind| token.kind == kind);
            device.push.retain(|token| !goes(token));
        });
        removed.await.map(drop)
    }
}
