//! Leases: claimed, audited, given back, looked up.
//!
//! A record names its holder twice: by a name that no other session has, which orders claims with equal fences, and by the
//! registration of its edge, which says whether it lives. The first never changes; the second does when an edge's sign of
//! life was lost.

use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

use fred::bytes_utils::Str;
use fred::prelude::Value;
use fred::types::scripts::Script;

use super::{BadReply, Call, Reply, number};
use crate::leases::{FREE_TAKEOVERS, Fence, Holder, Place, TAKEOVER_WINDOW, Turn};
use crate::origin::{Incarnation, SessionId};

pub(in crate::redis) static ATTACH: LazyLock<Script> =
    LazyLock::new(|| Script::from_lua(include_str!("../lua/attach.lua")));
pub(in crate::redis) static RELEASE: LazyLock<Script> =
    LazyLock::new(|| Script::from_lua(include_str!("../lua/release.lua")));
pub(in crate::redis) static AUDIT: LazyLock<Script> =
    LazyLock::new(|| Script::from_lua(include_str!("../lua/audit.lua")));
pub(in crate::redis) static HOLDER: LazyLock<Script> =
    LazyLock::new(|| Script::from_lua(include_str!("../lua/holder.lua")));

/// A lease that no edge audits any more is forgotten; each audit that finds less than half of it left begins it anew.
pub(in crate::redis) const LEASE_LIFE: Duration = Duration::from_secs(15 * 60);

/// How long a released lease is remembered: two audits, so that an older session that missed its eviction finds out, and
/// longer than the window of takeovers.
pub(in crate::redis) const RELEASED_LIFE: Duration = Duration::from_secs(30);

/// Leases of one partition in one audit, so that Redis is never busy with it for more than a millisecond or two.
pub(in crate::redis) const AUDIT_LEASES_MAX: usize = 256;

/// The name of a session that no other session of the cluster has; of one length, so that it sorts as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::redis) struct Claimant {
    /// The run of the edge that the session began on.
    pub(in crate::redis) incarnation: Incarnation,
    pub(in crate::redis) session: SessionId,
}

/// One attach.
#[derive(Clone, Debug)]
pub(in crate::redis) struct Claim<'a> {
    pub(in crate::redis) lease: Str,
    /// The log of takeovers of the lease's partition.
    pub(in crate::redis) takeovers: Str,
    pub(in crate::redis) claimant: Claimant,
    pub(in crate::redis) registration: Incarnation,
    pub(in crate::redis) region: &'a str,
    /// The highest fence that this edge ever saw for the lease.
    pub(in crate::redis) floor: Fence,
    pub(in crate::redis) manners: Manners,
    pub(in crate::redis) turn: Turn,
    /// Whoever holds the lease by one of these registrations is nobody.
    pub(in crate::redis) dead: &'a [Incarnation],
}

/// What to do about a living holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::redis) enum Manners {
    Evict,
    Refuse,
}

/// How an attach went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::redis) enum Attached {
    Granted {
        fence: Fence,
        /// By the clock of Redis, in microseconds; to be told in audits.
        since_us: u64,
        /// Who is to be evicted.
        previous: Option<Held>,
    },
    Wait(Place),
    Superseded,
    Refused {
        holder: Held,
        since_us: u64,
    },
}

/// A lease as its record has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::redis) struct Held {
    pub(in crate::redis) claimant: Claimant,
    pub(in crate::redis) registration: Incarnation,
    pub(in crate::redis) fence: Fence,
}

/// A lease that this edge believes to hold.
#[derive(Clone, Debug)]
pub(in crate::redis) struct Believed {
    pub(in crate::redis) lease: Str,
    pub(in crate::redis) claimant: Claimant,
    pub(in crate::redis) fence: Fence,
    pub(in crate::redis) since_us: u64,
}

/// What an audit found; `place` counts in the leases that were asked about. All others are on record as they should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::redis) struct Audited {
    pub(in crate::redis) lost: Vec<Lost>,
    pub(in crate::redis) ousted: Vec<Ousted>,
}

/// A lease that is not this edge's any more. The winner may be the same session: then only its fence was not known here,
/// since the answer to an attach was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::redis) struct Lost {
    pub(in crate::redis) place: usize,
    pub(in crate::redis) fence: Fence,
    pub(in crate::redis) winner: Claimant,
}

/// Who was on record and is not any more, since this edge's claim is the greater; to be evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::redis) struct Ousted {
    pub(in crate::redis) place: usize,
    pub(in crate::redis) claimant: Claimant,
    pub(in crate::redis) registration: Incarnation,
}

/// [`ATTACH`].
pub(in crate::redis) fn attach(claim: Claim<'_>) -> Call {
    let manners = match claim.manners {
        Manners::Evict => "evict",
        Manners::Refuse => "refuse",
    };
    let place: Value = match claim.turn {
        Turn::First => "".into(),
        Turn::Waited(place) => number(place.0),
    };
    let mut args = vec![
        claim.claimant.to_string().into(),
        claim.registration.to_string().into(),
        claim.region.into(),
        number(claim.floor.0),
        manners.into(),
        place,
        number(FREE_TAKEOVERS as u64),
        number(TAKEOVER_WINDOW.as_micros() as u64),
        number(LEASE_LIFE.as_millis() as u64),
    ];
    args.extend(claim.dead.iter().map(|dead| Value::from(dead.to_string())));
    (vec![claim.lease, claim.takeovers], args)
}

/// The answer to [`attach`].
pub(in crate::redis) fn parse_attach(reply: Value) -> Result<Attached, BadReply> {
    let mut reply = Reply::of(reply);
    match &*reply.text()? {
        "granted" => Ok(Attached::Granted {
            fence: Fence(reply.number()?),
            since_us: reply.number()?,
            previous: if reply.is_empty() {
                None
            } else {
                Some(reply.held()?)
            },
        }),
        "wait" => Ok(Attached::Wait(Place(reply.number()?))),
        "superseded" => Ok(Attached::Superseded),
        "refused" => {
            let since_us = reply.number()?;
            let holder = reply.held()?;
            Ok(Attached::Refused { holder, since_us })
        }
        _ => Err(BadReply),
    }
}

/// [`RELEASE`] of leases of one partition; no fence for a session whose attach was never answered.
pub(in crate::redis) fn release(leases: &[(Str, Claimant, Option<Fence>)]) -> Call {
    let mut args = vec![number(RELEASED_LIFE.as_millis() as u64)];
    for (_, claimant, fence) in leases {
        args.push(claimant.to_string().into());
        args.push(fence.map_or_else(|| "".into(), |fence| number(fence.0)));
    }
    let keys = leases.iter().map(|(lease, ..)| lease.clone()).collect();
    (keys, args)
}

/// [`AUDIT`] of at most [`AUDIT_LEASES_MAX`] leases of one partition. After any doubt about Redis it is also how leases
/// are offered again.
pub(in crate::redis) fn audit(
    registration: Incarnation,
    region: &str,
    leases: &[Believed],
) -> Call {
    let mut args = vec![
        registration.to_string().into(),
        region.into(),
        number(LEASE_LIFE.as_millis() as u64),
    ];
    for believed in leases {
        args.push(believed.claimant.to_string().into());
        args.push(number(believed.fence.0));
        args.push(number(believed.since_us));
    }
    (
        leases
            .iter()
            .map(|believed| believed.lease.clone())
            .collect(),
        args,
    )
}

/// The answer to [`audit`].
pub(in crate::redis) fn parse_audit(reply: Value) -> Result<Audited, BadReply> {
    let mut reply = Reply::of(reply);
    let (mut lost, mut ousted) = (reply.list()?, reply.list()?);
    let mut audited = Audited::default();
    while !lost.is_empty() {
        audited.lost.push(Lost {
            place: lost.place()?,
            fence: Fence(lost.number()?),
            winner: lost.claimant()?,
        });
    }
    while !ousted.is_empty() {
        audited.ousted.push(Ousted {
            place: ousted.place()?,
            claimant: ousted.claimant()?,
            registration: ousted.registration()?,
        });
    }
    Ok(audited)
}

/// A takeover as the log of its partition has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::redis) struct Takeover {
    /// Its place in the log.
    pub(in crate::redis) id: Str,
    pub(in crate::redis) loser: Claimant,
    /// The winner's.
    pub(in crate::redis) fence: Fence,
}

/// Entries of the log that are read at once; as many as it keeps, so that more means that some were missed.
pub(in crate::redis) const TAKEOVERS_MAX: usize = 1_000;

/// What `XRANGE` answers on a log of takeovers.
pub(in crate::redis) fn parse_takeovers(reply: Value) -> Result<Vec<Takeover>, BadReply> {
    let entries = reply.into_array().into_iter();
    entries
        .map(|entry| {
            let mut entry = Reply::of(entry);
            let id = entry.text()?;
            let mut fields = entry.list()?;
            fields.text()?;
            let loser = fields.claimant()?;
            fields.text()?;
            let fence = Fence(fields.number()?);
            Ok(Takeover { id, loser, fence })
        })
        .collect()
}

/// [`HOLDER`].
pub(in crate::redis) fn holder(lease: Str) -> Call {
    (vec![lease], Vec::new())
}

/// The answer to [`holder`]: who holds the lease, unless its registration is among the dead.
pub(in crate::redis) fn parse_holder(
    reply: Value,
    dead: &[Incarnation],
) -> Result<Option<Held>, BadReply> {
    let mut reply = Reply::of(reply);
    if reply.is_empty() {
        return Ok(None);
    }
    Ok(Some(reply.held()?).filter(|held| !dead.contains(&held.registration)))
}

impl Reply {
    fn held(&mut self) -> Result<Held, BadReply> {
        Ok(Held {
            claimant: self.claimant()?,
            registration: self.registration()?,
            fence: Fence(self.number()?),
        })
    }

    fn claimant(&mut self) -> Result<Claimant, BadReply> {
        let text = self.text()?;
        let (incarnation, session) = text.split_at_checked(16).ok_or(BadReply)?;
        Ok(Claimant {
            incarnation: Incarnation::from_u64(hex(incarnation)?),
            session: SessionId::from_u64(hex(session)?),
        })
    }

    fn registration(&mut self) -> Result<Incarnation, BadReply> {
        hex(&self.text()?).map(Incarnation::from_u64)
    }

    /// A place in Lua's list of keys, which begins with 1.
    fn place(&mut self) -> Result<usize, BadReply> {
        let place = usize::try_from(self.number()?).map_err(|_| BadReply)?;
        place.checked_sub(1).ok_or(BadReply)
    }
}

impl From<Held> for Holder {
    fn from(held: Held) -> Self {
        Self {
            incarnation: held.claimant.incarnation,
            session: held.claimant.session,
            fence: held.fence,
        }
    }
}

impl fmt::Display for Claimant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:016x}", self.incarnation, self.session.as_u64())
    }
}

fn hex(digits: &str) -> Result<u64, BadReply> {
    u64::from_str_radix(digits, 16).map_err(|_| BadReply)
}

#[cfg(test)]
mod tests;
