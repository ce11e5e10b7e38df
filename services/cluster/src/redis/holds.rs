//! Tells Redis which members this edge holds, and reads who else is there.
//!
//! Runs the calls that entries hand out, each a run of one script (`lua/hold.lua`), and gives the answers back to them.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use fred::prelude::Value;
use fred::types::scripts::Script;

use super::entry::{Entry, Extent, HoldCall, Holding};
use super::keys::{PARTITIONS, TopicKey};
use super::link::Link;
use super::parcel::{parse_naming, parse_version, peer_text, take_peer};
use super::shared::Shared;
use crate::Unavailable;
use crate::origin::Incarnation;
use crate::peer::Peer;
use crate::presence::Roster;

static HOLD: LazyLock<Script> = LazyLock::new(|| Script::from_lua(include_str!("lua/hold.lua")));

/// Topics told or read at once when everything has to be: enough to keep Redis busy, not so many that others wait.
const PACE: usize = 128;

/// Starts the call that a topic needs now, if it needs one.
pub(super) fn call(shared: &Arc<Shared>, key: TopicKey) {
    if shared.links.current().is_none() {
        // The next link begins with all that is due.
        return;
    }
    if let Some(call) = shared.table.with_known(key, Entry::call).flatten() {
        let task = Arc::clone(shared);
        shared.spawn(async move { run(&task, key, call).await });
    }
}

/// Runs a call, and whatever became due meanwhile.
async fn run(shared: &Arc<Shared>, key: TopicKey, call: HoldCall) {
    let mut next = Some(call);
    while let Some(call) = next {
        let result = hold(shared, &call).await;
        let failed = result.is_err();
        if call.wants_roster {
            shared.status.add(|counts| &counts.resyncs, 1);
        }
        let teller = shared.teller();
        shared
            .table
            .with_known(key, |entry| entry.settle(&call, result, &teller));
        if failed {
            // Told again over the next link; what may not wait has its own deadline.
            shared.table.watch(key);
            return;
        }
        shared.table.watch(key);
        next = shared.table.with_known(key, Entry::call).flatten();
    }
}

/// Tells and reads everything again: what this edge holds, and whom it follows.
pub(super) async fn offer_all(shared: &Arc<Shared>) {
    call_all(shared, Entry::must_offer).await;
}

/// News was lost: every followed topic is read again.
pub(super) fn reread_all(shared: &Arc<Shared>) {
    let task = Arc::clone(shared);
    shared.spawn(async move { call_all(&task, Entry::must_reread).await });
}

/// Marks every topic and runs the calls that are due then, a few topics at a time.
async fn call_all(shared: &Arc<Shared>, mark: fn(&mut Entry)) {
    let keys = shared.table.keys(|_| true);
    for some in keys.chunks(PACE) {
        let runs = some.iter().filter_map(|key| {
            let due = shared.table.with_known(*key, |entry| {
                mark(entry);
                entry.call()
            });
            due.flatten().map(|call| run(shared, *key, call))
        });
        futures_util::future::join_all(runs).await;
    }
}

async fn hold(shared: &Shared, call: &HoldCall) -> Result<Holding, Unavailable> {
    let link = shared.links.current().ok_or(Unavailable)?;
    hold_as(shared, &link, shared.edges.registration(), call).await
}

/// Tells Redis what the edge of a registration holds of one topic.
pub(super) async fn hold_as(
    shared: &Shared,
    link: &Link,
    registration: Incarnation,
    call: &HoldCall,
) -> Result<Holding, Unavailable> {
    let channel = &call.channel;
    let partition = TopicKey::parse(channel).map_or(0, TopicKey::partition) % PARTITIONS;
    let keys = vec![
        format!("{channel}:m").into(),
        format!("{channel}:h").into(),
        format!("{channel}:v").into(),
        format!("{channel}:e:{registration}").into(),
        shared.names.member_index(partition, registration),
    ];
    let extent = match call.extent {
        Extent::Some => "some",
        Extent::All => "all",
    };
    let mut args: Vec<Value> = vec![
        channel.clone().into(),
        link.publish_command().into(),
        i64::try_from(shared.config.named_members)
            .unwrap_or(i64::MAX)
            .into(),
        extent.into(),
        if call.wants_roster { "roster" } else { "" }.into(),
        i64::try_from(call.joins.len()).unwrap_or(i64::MAX).into(),
    ];
    for peer in &call.joins {
        args.push(peer.id.as_str().into());
        args.push(peer_text(peer).into());
    }
    args.extend(call.leaves.iter().map(|peer| Value::from(peer.as_str())));
    let reply = shared.run(link, &HOLD, keys, args).await?;
    parse(reply, call.wants_roster).ok_or(Unavailable)
}

/// Everybody in a topic, whether this edge follows it or not.
pub(super) async fn roster(shared: &Shared, key: TopicKey) -> Result<Roster, Unavailable> {
    let link = shared
        .links
        .by(shared.deadline())
        .await
        .ok_or(Unavailable)?;
    let reading = HoldCall {
        channel: shared.names.channel(key),
        joins: Vec::new(),
        leaves: Vec::new(),
        extent: Extent::Some,
        wants_roster: true,
    };
    let holding = hold_as(shared, &link, shared.edges.registration(), &reading).await?;
    Ok(Roster {
        version: holding.version,
        members: holding.roster.unwrap_or_default(),
        naming: holding.naming,
    })
}

fn parse(reply: Value, has_roster: bool) -> Option<Holding> {
    let [epoch, sequence, naming, changed, roster]: [Value; 5] =
        reply.into_array().try_into().ok()?;
    let text = |value: Value| value.into_string();
    let members = || -> Option<Vec<Arc<Peer>>> {
        roster
            .into_array()
            .into_iter()
            .map(|member| {
                let bytes: Bytes = member.into_bytes()?;
                take_peer(&mut &bytes[..]).ok().map(Arc::new)
            })
            .collect()
    };
    Some(Holding {
        version: parse_version(&text(epoch)?, &text(sequence)?).ok()?,
        naming: parse_naming(&text(naming)?).ok()?,
        changed: changed.as_u64()? == 1,
        roster: if has_roster { Some(members()?) } else { None },
    })
}
