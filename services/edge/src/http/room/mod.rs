//! The door of the room dialect (spec room §1).
//!
//! Everything is asked before the upgrade and refused with an HTTP status and a plain text, in one order: path, rate,
//! drain, token, origin, member, upgrade, device and quota. That a room exists is not told to strangers.

mod credential;
mod refusal;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::request::Parts as Head;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse as _, Response};
use cluster::{LeaseKey, Peer, SessionId};
use protocol::close::CloseReason;
use protocol::room::{Claims, RoomId, Wire, empty_object, timestamp};
use serde_json::value::RawValue;

use super::connection::Connection;
use super::knock::address_of;
use super::upgrade::Upgrade;
use crate::auth::{Bearer, Stamp, Verified, VerifyError, verify_or_wait};
use crate::config::MembershipSource;
use crate::dialects::Dialect;
use crate::dialects::room::{Entrance, Room};
use crate::lane::{Admission, LaneEnded, LaneHandle, Upgraded, unix_now};
use crate::membership::{Asked, MembershipError, audit};
use crate::metrics::{Metrics, Outcome, Refusal as Limit};
use crate::parts::Parts;
use crate::session::guards::{Guards, Patience, Wanted};
use crate::tenancy::Tenancy;
use credential::{Credential, credential};
use refusal::Refusal;

const DIALECT: &str = "room";

/// Admits a client, or says why not; how it is spoken to is its own choice.
pub(super) async fn connect(
    State(parts): State<Arc<Parts>>,
    Extension(connection): Extension<Arc<Connection>>,
    request: Request,
) -> Response {
    open(parts, connection, request, None).await
}

/// The same for the guide's client, which can be given a server but no query.
pub(super) async fn connect_guide(
    State(parts): State<Arc<Parts>>,
    Extension(connection): Extension<Arc<Connection>>,
    request: Request,
) -> Response {
    open(parts, connection, request, Some(Wire::Guide)).await
}

async fn open(
    parts: Arc<Parts>,
    connection: Arc<Connection>,
    request: Request,
    wire: Option<Wire>,
) -> Response {
    let (head, _) = request.into_parts();
    match admit(&parts, &connection, &head, wire).await {
        Ok((upgrade, entry)) => upgrade.accept(&connection, move |upgraded| async move {
            enter(&parts, upgraded, entry).await
        }),
        Err(refusal) => {
            tracing::debug!(reason = %refusal, "a client was refused");
            parts.metrics.room.handshakes.count(refusal.outcome());
            let limits = refusal.limit();
            limits
                .iter()
                .for_each(|limit| parts.metrics.quota_refusals.count(*limit));
            refusal.into_response()
        }
    }
}

/// An admitted client between its upgrade and its lane.
struct Entry {
    lane: LaneHandle,
    entrance: Entrance,
    guards: Guards,
    expires_at: Option<u64>,
    by: MembershipSource,
    asked: Arc<Asked>,
}

async fn admit(
    parts: &Parts,
    connection: &Connection,
    head: &Head,
    wire: Option<Wire>,
) -> Result<(Upgrade, Entry), Refusal> {
    let room = room_of(&head.uri).ok_or(Refusal::NotFound)?;
    let wire = wire
        .or_else(|| wire_of(&head.uri))
        .unwrap_or(parts.config.room.wire);
    let remote_ip = address_of(parts, connection, &head.headers);
    parts
        .connects
        .admit(remote_ip, Instant::now())
        .map_err(|over| Refusal::TooManyConnects(over.retry_after))?;
    if parts.drain.is_cancelled() {
        return Err(Refusal::Draining);
    }
    let tenancy = parts.tenancy.load();
    let (verified, claims) =
        authenticate(&parts.metrics, &tenancy, &head.uri, &head.headers).await?;
    let stamp = not_revoked(parts, &verified, &claims).await?;
    let mut asked = asked(&verified, &claims, room, remote_ip);
    let admitted = parts.membership.of(&asked, &claims).await?;
    let upgrade = Upgrade::from_head(head).map_err(Refusal::NotAnUpgrade)?;

    if admitted.by != MembershipSource::Webhook {
        // Kept for as long as the session lives, and asked for by nobody else.
        asked.claims = empty_object();
    }
    let asked = Arc::new(asked);
    let lane = parts.lanes.next((&asked.app, asked.room)).clone();
    let session = lane.new_session_id();
    let mut guards = take_guards(parts, &verified, &asked, session).await?;
    guards.enrolled = match admitted.by {
        MembershipSource::Token | MembershipSource::Open => None,
        by @ (MembershipSource::Registry | MembershipSource::Webhook) => {
            Some(parts.membership.roll.enrol(by, Arc::clone(&asked)))
        }
    };
    let now = unix_now();
    let account = admitted.shown.into_account(&claims, now);
    let peer = Arc::new(Peer {
        metadata: Some(account.to_metadata(&timestamp(now))),
        id: account.id,
    });
    let entry = Entry {
        lane,
        guards,
        expires_at: parts
            .config
            .room
            .close_on_expiry
            .then_some(verified.expires_at),
        by: admitted.by,
        asked,
        entrance: Entrance {
            signer: verified.via,
            stamp,
            peer,
            room,
            wire,
            session,
        },
    };
    Ok((upgrade, entry))
}

/// Who it is. A page that is not trusted must not borrow the cookie of whoever looks at it; every other credential is sent
/// on purpose.
async fn authenticate(
    metrics: &Metrics,
    tenancy: &Tenancy,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<(Verified, Claims), Refusal> {
    let credential = credential(uri, headers).ok_or(Refusal::Unauthorized)?;
    let refused = |error: VerifyError| {
        tracing::debug!(reason = %error, "a token was refused");
        metrics.token_refusals.count(error);
        // That a signer's keys are not there yet says nothing about the token.
        if error == VerifyError::KeysUnavailable {
            Refusal::Unavailable
        } else {
            Refusal::Unauthorized
        }
    };
    let verified = verify_or_wait(tenancy, credential.token(), unix_now().as_secs()).await;
    let verified = verified.map_err(refused)?;
    let claims = Claims::from_json(verified.claims.as_bytes());
    let claims = claims.map_err(|_| refused(VerifyError::BadClaims))?;
    let origin = headers.get(header::ORIGIN);
    if let (Credential::Cookie(_), Some(origin)) = (&credential, origin) {
        let is_trusted = origin
            .to_str()
            .is_ok_and(|origin| tenancy.trusts_cookie(&verified.via, origin));
        if !is_trusted {
            return Err(Refusal::ForeignOrigin);
        }
    }
    if verified.app.suspended {
        return Err(Refusal::Suspended);
    }
    Ok((verified, claims))
}

/// What the token can be revoked by, if it has not been.
async fn not_revoked(
    parts: &Parts,
    verified: &Verified,
    claims: &Claims,
) -> Result<Stamp, Refusal> {
    let stamp = Stamp::read(&verified.claims, claims.device.clone());
    let bearer = Bearer {
        app: &verified.app.id,
        subject: &claims.account,
        stamp: &stamp,
    };
    match parts.revocations.has(bearer).await {
        Ok(false) => Ok(stamp),
        Ok(true) => {
            parts.metrics.token_refusals.count(VerifyError::Revoked);
            Err(Refusal::Unauthorized)
        }
        Err(_) => Err(Refusal::Unavailable),
    }
}

fn asked(verified: &Verified, claims: &Claims, room: RoomId, remote_ip: IpAddr) -> Asked {
    let json = RawValue::from_string(verified.claims.clone());
    Asked {
        app: verified.app.id.clone(),
        room,
        account: claims.account.clone(),
        device: claims.device.clone(),
        // They have just been read as JSON.
        claims: json.unwrap_or_else(|_| empty_object()),
        remote_ip,
    }
}

async fn take_guards(
    parts: &Parts,
    verified: &Verified,
    asked: &Asked,
    session: SessionId,
) -> Result<Guards, Refusal> {
    let lease = asked.device.clone().map(|device| LeaseKey {
        app: asked.app.clone(),
        dialect: DIALECT,
        peer: asked.account.clone(),
        device: Some(device),
        room: Some(asked.room),
    });
    let wanted = Wanted {
        app: &asked.app,
        allowance: verified.app.plan.allowance(),
        lease,
        patience: Patience::Goes,
        session,
    };
    let in_force = || verified.via.in_force(&parts.tenancy.load()).map(drop);
    let taken = Guards::take(&parts.cluster, &parts.metrics, wanted, in_force).await;
    taken.map_err(Refusal::of_guards)
}

/// From the upgrade to the lane.
async fn enter(parts: &Parts, upgraded: Upgraded, entry: Entry) {
    let meter = parts.cluster.quotas.meter(&entry.asked.app);
    let room = Room::new(
        entry.entrance,
        parts.edge_id.clone(),
        meter,
        parts.room_limits,
    );
    let admission = Admission {
        id: room.session(),
        upgraded,
        expires_at: entry.expires_at,
        dialect: Dialect::Room(Box::new(room)),
        guards: Some(entry.guards),
        tracked: parts.tasks.token(),
    };
    if let Err(LaneEnded(admission)) = entry.lane.admit(admission).await {
        parts.metrics.room.handshakes.count(Outcome::Draining);
        let farewell = admission.dialect.close_frame(CloseReason::GoingAway);
        return super::refusal::refuse(admission.upgraded, &farewell).await;
    }
    // Whoever was removed while it was on its way is found now; whoever is removed later is on the roll and will be heard of.
    if entry.by == MembershipSource::Registry {
        audit::look_again(parts, entry.by, &entry.asked).await;
    }
}

/// The last piece of the path, exactly as it was sent: what has to be decoded first is no room.
fn room_of(uri: &Uri) -> Option<RoomId> {
    uri.path().rsplit('/').next()?.parse().ok()
}

fn wire_of(uri: &Uri) -> Option<Wire> {
    let pairs = uri.query().unwrap_or_default().split('&');
    let mut wires = pairs.filter_map(|pair| pair.strip_prefix("wire="));
    Wire::from_query(wires.next()?)
}

impl From<MembershipError> for Refusal {
    fn from(error: MembershipError) -> Self {
        match error {
            MembershipError::Stranger => Self::NotAMember,
            MembershipError::Unavailable => Self::Unavailable,
        }
    }
}

impl Refusal {
    /// Which limit a refusal counts against, if it is one.
    fn limit(&self) -> Option<Limit> {
        match self {
            Self::TooManyConnects(_) => Some(Limit::Connects),
            Self::OverSessions => Some(Limit::Sessions),
            Self::NotFound
            | Self::Draining
            | Self::Unauthorized
            | Self::ForeignOrigin
            | Self::NotAMember
            | Self::Suspended
            | Self::NotAnUpgrade(_)
            | Self::DeviceBusy
            | Self::Unavailable => None,
        }
    }
}
