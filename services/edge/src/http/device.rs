//! The door of the device dialect (spec device-session §1).
//!
//! It stands under any prefix, since clients put one in front: `[<prefix>][/tenant/<tenant>]/signaling/v1`. A client is
//! told why it may not come in only by a close code, after the upgrade: to a phone a refused upgrade is a bad network, and
//! it tries again for ever. The device is attached to before the upgrade is accepted, so that a newcomer that has to wait
//! its turn waits in its connect, for which it has a timeout, and not for its state, for which it has none.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use cluster::{Fence, LeaseKey, SessionId};
use percent_encoding::percent_decode_str;
use protocol::DeviceId;
use protocol::close::CloseReason;
use protocol::device::Claims;
use sha2::{Digest as _, Sha256};

use super::connection::Connection;
use super::knock::knock;
use super::refusal::refuse;
use super::rest::{self, ErrorBody, RestError};
use crate::auth::{Bearer, Stamp, Verified, VerifyError, verify_or_wait};
use crate::calls::{Party, lease_key};
use crate::dialects::Dialect;
use crate::dialects::device::{Device, close_frame};
use crate::lane::{Admission, LaneEnded, LaneHandle, Upgraded, unix_now};
use crate::metrics::{Outcome, Refusal};
use crate::parts::Parts;
use crate::session::guards::{Guards, Patience, Wanted};

const SUBPROTOCOL: &str = "webtrit-protocol";
const PATH: &str = "/signaling/v1";

/// Admits a device, or answers what every unknown path gets.
pub(super) async fn connect_or_not_found(
    State(parts): State<Arc<Parts>>,
    Extension(connection): Extension<Arc<Connection>>,
    request: Request,
) -> Response {
    if !request.uri().path().ends_with(PATH) {
        return rest::not_found().await.into_response();
    }
    let (head, _) = request.into_parts();
    let mut upgrade = match knock(&parts, &connection, &head, &parts.metrics.device) {
        Ok(upgrade) => upgrade,
        Err(refused) => return refused,
    };
    if !upgrade.select(&head.headers, SUBPROTOCOL) {
        parts.metrics.device.handshakes.count(Outcome::BadUpgrade);
        return not_spoken();
    }
    let entry = admit(&parts, &head.uri).await;
    upgrade.accept(&connection, move |upgraded| async move {
        enter(&parts, upgraded, entry).await
    })
}

/// An admitted device between its upgrade and its lane.
struct Entry {
    lane: LaneHandle,
    verified: Verified,
    stamp: Stamp,
    party: Arc<Party>,
    guards: Guards,
}

/// What the request says, as far as it matters.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    tenant: Option<String>,
    token: String,
    force: bool,
}

async fn admit(parts: &Parts, uri: &Uri) -> Result<Entry, CloseReason> {
    let asked = asked(uri);
    let (verified, claims, stamp) = authenticate(parts, &asked).await?;
    let lane = parts.lanes.next(&verified.app.id).clone();
    let session = lane.new_session_id();
    let party = party_of(&verified, claims, &asked.token);
    let key = lease_key(&party.app, &party.user, &party.device);
    let guards = take_guards(parts, &verified, key, &asked, session).await?;
    let fence = guards
        .lease
        .as_ref()
        .map_or(Fence::NONE, |lease| lease.fence());
    let party = Arc::new(Party {
        session,
        fence,
        ..party
    });
    Ok(Entry {
        lane,
        verified,
        stamp,
        party,
        guards,
    })
}

/// Who it is. A tenant, on the path or in the token, has to be the app whose key signed the token.
async fn authenticate(
    parts: &Parts,
    asked: &Asked,
) -> Result<(Verified, Claims, Stamp), CloseReason> {
    let refused = |error: VerifyError| {
        tracing::debug!(reason = %error, "a device's token was refused");
        parts.metrics.token_refusals.count(error);
        // That a signer's keys are not there yet says nothing about the token.
        if error == VerifyError::KeysUnavailable {
            CloseReason::BackendUnavailable
        } else if error == VerifyError::Expired {
            CloseReason::TokenExpired
        } else {
            CloseReason::InvalidToken
        }
    };
    let tenancy = parts.tenancy.load();
    let verified = verify_or_wait(&tenancy, &asked.token, unix_now().as_secs()).await;
    let verified = verified.map_err(refused)?;
    let claims = Claims::from_json(verified.claims.as_bytes());
    let claims = claims.map_err(|_| refused(VerifyError::BadClaims))?;
    let mut tenants = asked.tenant.iter().chain(&claims.tenant);
    if !tenants.all(|tenant| verified.app.is_called(tenant)) {
        return Err(CloseReason::ScopeMismatch);
    }
    if verified.app.suspended {
        return Err(CloseReason::AppSuspended);
    }
    let stamp = Stamp::read(&verified.claims, claims.device.clone());
    let bearer = Bearer {
        app: &verified.app.id,
        subject: &claims.user,
        stamp: &stamp,
    };
    match parts.revocations.has(bearer).await {
        Ok(false) => Ok((verified, claims, stamp)),
        Ok(true) => Err(refused(VerifyError::Revoked)),
        Err(_) => Err(CloseReason::BackendUnavailable),
    }
}

/// Who brings a token without a connect.
pub(super) async fn identify(
    parts: &Parts,
    token: &str,
    tenant: Option<String>,
) -> Result<(Verified, Claims), RestError> {
    let asked = Asked {
        tenant,
        token: token.to_owned(),
        force: false,
    };
    let identified = authenticate(parts, &asked).await;
    let identified = identified.map(|(verified, claims, _)| (verified, claims));
    identified.map_err(|reason| {
        if reason == CloseReason::BackendUnavailable {
            RestError::unavailable()
        } else if reason == CloseReason::AppSuspended {
            RestError::suspended()
        } else {
            RestError::unauthorized()
        }
    })
}

/// The device that a token stands for, while it has no session.
pub(super) fn party_of(verified: &Verified, claims: Claims, token: &str) -> Party {
    Party {
        app: verified.app.id.clone(),
        device: claims.device.unwrap_or_else(|| device_of(token)),
        user: claims.user,
        number: claims.number,
        name: claims.name,
        lines: claims.lines,
        session: SessionId::NONE,
        fence: Fence::NONE,
    }
}

async fn take_guards(
    parts: &Parts,
    verified: &Verified,
    key: LeaseKey,
    asked: &Asked,
    session: SessionId,
) -> Result<Guards, CloseReason> {
    let wanted = Wanted {
        app: &verified.app.id,
        allowance: verified.app.plan.allowance(),
        lease: Some(key),
        patience: if asked.force {
            Patience::Waits
        } else {
            Patience::Yields
        },
        session,
    };
    let in_force = || verified.via.in_force(&parts.tenancy.load()).map(drop);
    let taking = Guards::take(&parts.cluster, &parts.metrics, wanted, in_force);
    tokio::select! {
        guards = taking => guards,
        () = parts.drain.cancelled() => Err(CloseReason::GoingAway),
    }
}

/// From the upgrade to the lane.
async fn enter(parts: &Parts, upgraded: Upgraded, entry: Result<Entry, CloseReason>) {
    let entry = match entry {
        Ok(entry) => entry,
        Err(reason) => return turn_away(parts, upgraded, reason).await,
    };
    let id = entry.party.session;
    let meter = parts.cluster.quotas.meter(&entry.party.app);
    let device = Device::new(
        entry.verified.via,
        entry.party,
        entry.stamp,
        meter,
        parts.device_limits,
    );
    let admission = Admission {
        id,
        upgraded,
        expires_at: Some(entry.verified.expires_at),
        dialect: Dialect::Device(Box::new(device)),
        guards: Some(entry.guards),
        tracked: parts.tasks.token(),
    };
    if let Err(LaneEnded(admission)) = entry.lane.admit(admission).await {
        turn_away(parts, admission.upgraded, CloseReason::GoingAway).await;
    }
}

async fn turn_away(parts: &Parts, upgraded: Upgraded, reason: CloseReason) {
    let metrics = &parts.metrics;
    metrics.device.handshakes.count(Outcome::of(reason));
    metrics.device.close(reason);
    if reason == CloseReason::OverConcurrentLimit {
        metrics.quota_refusals.count(Refusal::Sessions);
    }
    refuse(upgraded, &close_frame(reason)).await;
}

/// Whoever offers another sub-protocol, or none, would not understand a word.
fn not_spoken() -> Response {
    let body = ErrorBody {
        error: "invalid_request",
        message: format!("expected the sub-protocol {SUBPROTOCOL}"),
    };
    (StatusCode::BAD_REQUEST, axum::Json(body)).into_response()
}

/// The pair right before the door's own path names the tenant. Of the query the first of each name counts.
fn asked(uri: &Uri) -> Asked {
    let prefix = uri.path().strip_suffix(PATH).unwrap_or_default();
    let mut pieces = prefix.rsplit('/');
    let tenant = match (pieces.next(), pieces.next()) {
        (Some(tenant), Some("tenant")) if !tenant.is_empty() => Some(decoded(tenant)),
        (Some(_) | None, _) => None,
    };
    let query = uri.query().unwrap_or_default();
    let value_of = |wanted: &str| {
        let mut pairs = query.split('&');
        pairs.find_map(|pair| pair.strip_prefix(wanted)?.strip_prefix('='))
    };
    Asked {
        tenant,
        token: value_of("token").map(decoded).unwrap_or_default(),
        force: value_of("force") == Some("true"),
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// A token that names no device is one itself: whoever comes with the same one again is the same device.
fn device_of(token: &str) -> DeviceId {
    let digest = Sha256::digest(token.as_bytes());
    let name: String = digest[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    name.parse().expect("32 hexadecimal digits are a name")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(uri: &str) -> (Option<String>, String, bool) {
        let Asked {
            tenant,
            token,
            force,
        } = asked(&uri.parse().unwrap());
        (tenant, token, force)
    }

    #[test]
    fn the_pair_before_the_path_is_the_tenant() {
        let tenant = |path: &str| of(&format!("{path}/signaling/v1?token=t")).0;
        assert_eq!(tenant(""), None);
        assert_eq!(tenant("/base/path"), None);
        assert_eq!(tenant("/tenant/acme"), Some("acme".into()));
        assert_eq!(tenant("/a/tenant/b/tenant/c%20d"), Some("c d".into()));
        assert_eq!(tenant("/tenant/acme/base"), None);
        assert_eq!(tenant("/tenant"), None);
        assert_eq!(tenant("/tenant/"), None);
        assert_eq!(tenant("/xtenant/acme"), None);
    }

    #[test]
    fn only_the_word_true_forces() {
        let force = |query: &str| of(&format!("/signaling/v1?{query}"));
        assert_eq!(force("token=a.b&force=true"), (None, "a.b".into(), true));
        for query in [
            "token=a&force=false",
            "token=a",
            "token=a&force=1",
            "token=a&force=",
        ] {
            assert_eq!(force(query), (None, "a".into(), false), "{query}");
        }
        assert_eq!(force("reregister=true"), (None, String::new(), false));
        assert_eq!(force("xtoken=b&token=a%2Eb&token=c").1, "a.b");
    }

    #[test]
    fn a_token_without_a_device_is_one() {
        assert_eq!(device_of("a"), device_of("a"));
        assert_ne!(device_of("a"), device_of("b"));
    }
}
