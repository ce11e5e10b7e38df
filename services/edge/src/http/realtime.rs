//! The door of the realtime dialect: `GET /v1` (spec realtime §1).

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use cluster::{LeaseKey, Peer, SessionId};
use percent_encoding::percent_decode_str;
use protocol::close::CloseReason;

use super::connection::Connection;
use super::knock::knock;
use super::refusal::refuse;
use crate::auth::{AdmitError, Bearer, Credential, Identity, VerifyError, authenticate};
use crate::dialects::Dialect;
use crate::dialects::realtime::{Opening, Realtime, close_frame};
use crate::lane::{Admission, LaneEnded, Upgraded, unix_now};
use crate::metrics::{Outcome, Refusal};
use crate::parts::Parts;
use crate::session::guards::{Guards, Patience, Wanted};
use crate::turn;

const DIALECT: &str = "realtime";

/// Admits a client, or says why not.
pub(super) async fn connect(
    State(parts): State<Arc<Parts>>,
    Extension(connection): Extension<Arc<Connection>>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    let upgrade = match knock(&parts, &connection, &head, &parts.metrics.realtime) {
        Ok(upgrade) => upgrade,
        Err(refused) => return refused,
    };
    let credential = credential(head.uri.query().unwrap_or_default());
    let identity = authenticate(
        &parts.tenancy.load(),
        credential,
        origin(&head.headers),
        unix_now().as_secs(),
    );
    upgrade.accept(&connection, move |upgraded| async move {
        enter(&parts, upgraded, identity).await;
    })
}

/// Everything between the upgrade and the lane.
async fn enter(parts: &Parts, mut upgraded: Upgraded, identity: Result<Identity, AdmitError>) {
    let identity = match identity {
        Ok(identity) => identity,
        Err(error) => {
            tracing::debug!(reason = %error, "a client was refused");
            if let AdmitError::Token(reason) = error {
                parts.metrics.token_refusals.count(reason);
            }
            return turn_away(parts, upgraded, error.close_reason()).await;
        }
    };
    let lane = parts.lanes.next(&identity.scope.key.app.id);
    let id = lane.new_session_id();
    let guards = match admit(parts, &mut upgraded, &identity, id).await {
        Ok(guards) => guards,
        Err(reason) => return turn_away(parts, upgraded, reason).await,
    };
    let admission = Admission {
        id,
        upgraded,
        expires_at: identity.expires_at,
        dialect: Dialect::Realtime(realtime(parts, identity)),
        guards: Some(guards),
        tracked: parts.tasks.token(),
    };
    if let Err(LaneEnded(admission)) = lane.admit(admission).await {
        turn_away(parts, admission.upgraded, CloseReason::GoingAway).await;
    }
}

/// What the newcomer has to hold as session `id`, or why it has to go.
async fn admit(
    parts: &Parts,
    upgraded: &mut Upgraded,
    identity: &Identity,
    id: SessionId,
) -> Result<Guards, CloseReason> {
    let mut taking = pin!(take_guards(parts, identity, id));
    // The response leaves with the first frame, if that comes at once; whoever has to wait hears that the door is open.
    match poll_fn(|context| Poll::Ready(taking.as_mut().poll(context))).await {
        Poll::Ready(taken) => taken,
        Poll::Pending => {
            upgraded.respond();
            taking.await
        }
    }
}

async fn take_guards(
    parts: &Parts,
    identity: &Identity,
    id: SessionId,
) -> Result<Guards, CloseReason> {
    not_revoked(parts, identity).await?;
    let app = &identity.scope.key.app;
    let guards = Guards::take(
        &parts.cluster,
        &parts.metrics,
        Wanted {
            app: &app.id,
            allowance: app.plan.allowance(),
            lease: lease_key(identity),
            patience: Patience::Waits,
            session: id,
        },
        || identity.scope.key_in_force(&parts.tenancy.load()).map(drop),
    );
    tokio::select! {
        guards = guards => guards,
        () = parts.drain.cancelled() => Err(CloseReason::GoingAway),
    }
}

/// Whether the newcomer's token, if it has one, still counts.
async fn not_revoked(parts: &Parts, identity: &Identity) -> Result<(), CloseReason> {
    let Some(stamp) = &identity.stamp else {
        return Ok(());
    };
    let bearer = Bearer {
        app: &identity.scope.key.app.id,
        subject: &identity.peer,
        stamp,
    };
    match parts.revocations.has(bearer).await {
        Ok(false) => Ok(()),
        Ok(true) => {
            parts.metrics.token_refusals.count(VerifyError::Revoked);
            Err(CloseReason::InvalidToken)
        }
        Err(_) => Err(CloseReason::BackendUnavailable),
    }
}

/// A token with a device is that device; a key may say that each of its peers has one session.
fn lease_key(identity: &Identity) -> Option<LeaseKey> {
    let key = &identity.scope.key;
    (identity.device.is_some() || key.one_session_per_peer).then(|| LeaseKey {
        app: key.app.id.clone(),
        dialect: DIALECT,
        peer: identity.peer.clone(),
        device: identity.device.clone(),
        room: None,
    })
}

fn realtime(parts: &Parts, identity: Identity) -> Realtime {
    let key = &identity.scope.key;
    let turn = parts.turn.as_ref().filter(|_| key.inject_turn);
    let metadata = match turn {
        Some(turn) => turn::inject(
            identity.metadata,
            &turn.ice_servers(&identity.peer, unix_now().as_secs()),
        ),
        None => identity.metadata,
    };
    let meter = parts.cluster.quotas.meter(&key.app.id);
    let opening = Opening {
        expires_at: identity.expires_at,
        metadata,
    };
    let peer = Arc::new(Peer {
        id: identity.peer,
        metadata: identity.peer_metadata,
    });
    Realtime::new(
        identity.scope,
        peer,
        meter,
        parts.session_limits,
        opening,
        identity.stamp,
    )
}

async fn turn_away(parts: &Parts, upgraded: Upgraded, reason: CloseReason) {
    let metrics = &parts.metrics;
    metrics.realtime.handshakes.count(Outcome::of(reason));
    metrics.realtime.close(reason);
    if reason == CloseReason::OverConcurrentLimit {
        metrics.quota_refusals.count(Refusal::Sessions);
    }
    refuse(upgraded, &close_frame(reason)).await;
}

/// `token=` counts before `key=`; the first of each name is taken. The values are percent-encoded (spec §1.1).
fn credential(query: &str) -> Option<Credential> {
    let value_of = |wanted: &str| {
        let value = query
            .split('&')
            .find_map(|pair| pair.strip_prefix(wanted)?.strip_prefix('='))?;
        // What is no UTF-8 is no credential; an unknown one is refused in the same way.
        Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
    };
    value_of("token")
        .map(Credential::Token)
        .or_else(|| value_of("key").map(Credential::Key))
}

fn origin(headers: &HeaderMap) -> Option<&str> {
    // An origin that is no text is an origin nobody allows.
    headers
        .get(header::ORIGIN)
        .map(|origin| origin.to_str().unwrap_or("null"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_percent_decoded_and_a_token_counts_first() {
        assert_eq!(
            credential("key=a%2Fb%2Bc%20d"),
            Some(Credential::Key("a/b+c d".into()))
        );
        assert_eq!(
            credential("key=k&token=t"),
            Some(Credential::Token("t".into()))
        );
        assert_eq!(credential("keys=k&tok=t"), None);
        assert_eq!(credential(""), None);
    }
}
