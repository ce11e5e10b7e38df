"""Presence: the snapshot, the deltas, and who may see them."""

from __future__ import annotations

import asyncio

from metered_realtime import Message, Presence, SubscribeOptions

from party import Parties, names, unique
from proxy import Proxy


async def test_24_the_first_subscriber_gets_an_empty_snapshot(parties: Parties, room: str):
    alice = await parties.by_token("alice")
    assert await alice.enter(room) == Presence(room, (), ())


async def test_26_27_the_snapshot_lists_the_others_with_their_metadata(parties: Parties, room):
    alice = await parties.by_token("alice", peerMetadata={"name": "Alice"})
    bare, by_key = await parties.by_token("bare"), await parties.by_key()
    for party in (alice, bare, by_key):
        await party.enter(room)
    newcomer = await parties.by_token("newcomer")
    snapshot = await newcomer.enter(room)
    assert {peer.peer_id: peer.metadata for peer in snapshot.joined} == {
        alice.peer_id: {"name": "Alice"},
        bare.peer_id: None,
        by_key.peer_id: None,
    }
    assert snapshot.left == ()


async def test_28_the_others_get_one_join_delta(parties: Parties, room: str):
    alice = await parties.by_token("alice")
    await alice.enter(room)
    bob = await parties.by_token("bob", peerMetadata={"name": "Bob"})
    await bob.enter(room)
    delta = await alice.saw_join(room, bob.peer_id)
    assert [(peer.peer_id, peer.metadata) for peer in delta.joined] == [
        (bob.peer_id, {"name": "Bob"})
    ]
    assert delta.left == ()


async def test_29_30_unsubscribe_and_close_are_seen_as_leaves(parties: Parties, room: str):
    alice, bob, carol = [await parties.by_token(stem) for stem in ("alice", "bob", "carol")]
    for party in (alice, bob, carol):
        await party.enter(room)
    await bob.sdk.unsubscribe(room)
    assert names((await alice.saw_leave(room, bob.peer_id)).left) == [bob.peer_id]
    carol_id = carol.peer_id
    await carol.sdk.close()
    assert names((await alice.saw_leave(room, carol_id)).left) == [carol_id]


async def test_31_a_cut_wire_is_seen_as_a_leave(edge, parties: Parties, room: str):
    alice = await parties.by_token("alice")
    await alice.enter(room)
    async with Proxy(edge.far_port) as proxy:
        bob = await parties.by_token("bob", options={"url": proxy.url, "reconnect": False})
        await bob.enter(room)
        await alice.saw_join(room, bob.peer_id)
        proxy.cut()
        await alice.saw_leave(room, bob.peer_id)


async def test_32_a_repeated_subscribe_brings_a_new_snapshot_and_no_second_join(
    parties: Parties, room: str
):
    alice, bob = await parties.by_token("alice"), await parties.by_token("bob")
    await alice.enter(room)
    await bob.enter(room)
    assert names((await bob.enter(room)).joined) == [alice.peer_id]
    await bob.sdk.unsubscribe(room)
    await alice.saw_leave(room, bob.peer_id)
    joins = alice.all(Presence, lambda frame: bob.peer_id in names(frame.joined))
    assert len(joins) == 1


async def test_33_two_connections_of_a_peer_are_one_member(parties: Parties, room: str):
    watcher, fence = await parties.by_token("watcher"), await parties.by_token("fence")
    await watcher.enter(room)
    sub = unique("twin")
    first, second = await parties.by_token(sub=sub), await parties.by_token(sub=sub)
    await first.enter(room)
    await second.enter(room)
    assert names((await fence.enter(room)).joined).count(sub) == 1

    await first.sdk.close()
    await second.answers()
    # A leave of the first twin would have to come before that of the fence.
    await fence.sdk.unsubscribe(room)
    await watcher.saw_leave(room, fence.peer_id)
    assert not watcher.all(Presence, lambda frame: sub in names(frame.left))

    await second.sdk.close()
    await watcher.saw_leave(room, sub)
    assert len(watcher.all(Presence, lambda frame: sub in names(frame.joined))) == 1
    assert len(watcher.all(Presence, lambda frame: sub in names(frame.left))) == 1


async def test_34_no_delta_of_a_channel_precedes_its_snapshot(parties: Parties):
    crowd = [await parties.by_token("crowd") for _ in range(8)]
    for _ in range(5):
        room = unique("suite/rush")
        # All at once: each has to learn of everybody else, by its snapshot or by a delta.
        await asyncio.gather(*(party.enter(room) for party in crowd))
        everybody = {party.peer_id for party in crowd}
        for party in crowd:
            for other in everybody - {party.peer_id}:
                await party.saw_join(room, other)
            snapshot, *deltas = party.presence(room)
            told = names(snapshot.joined) + [n for delta in deltas for n in names(delta.joined)]
            assert sorted(told) == sorted(everybody - {party.peer_id}), "told twice, or of itself"


async def test_35_the_snapshot_is_paced_after_the_ack(parties: Parties):
    alice = await parties.by_token("alice")
    rounds, paced = 25, 0
    for _ in range(rounds):
        room = unique("suite/paced")
        # This returns with the ack; a snapshot in the same read would be here already.
        await alice.sdk.subscribe(room, SubscribeOptions())
        paced += not alice.presence(room)
        await alice.event(Presence, lambda frame, room=room: frame.channel == room)
    # Not all of them: this process may have been asleep while both frames arrived.
    assert paced >= 0.8 * rounds


async def test_38_without_the_presence_permission_there_are_no_presence_frames(
    parties: Parties, room: str
):
    blind = await parties.by_token("blind", permissions=["subscribe", "publish"])
    await blind.listen(room)
    alice = await parties.by_token("alice")
    assert names((await alice.enter(room)).joined) == [blind.peer_id], "the blind are seen"
    await alice.sdk.publish(room, "after the join")
    await blind.event(Message)
    assert not blind.all(Presence)


async def test_100_channels_each_have_their_own_roster(parties: Parties, room: str):
    rooms = [f"{room}/{number}" for number in range(100)]
    alice, bob = await parties.by_token("alice"), await parties.by_token("bob")
    await asyncio.gather(*(alice.enter(name) for name in rooms))
    await asyncio.gather(*(bob.enter(name) for name in rooms))
    for name in rooms:
        assert names(bob.presence(name)[0].joined) == [alice.peer_id]
        await alice.saw_join(name, bob.peer_id)
