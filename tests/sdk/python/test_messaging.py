"""Publish and direct: who hears it, in which order, with which metadata."""

from __future__ import annotations

import asyncio

import pytest
from metered_realtime import Direct, Message, ServerRequestError

import apps
from party import Parties, Party, unique

IN_FLIGHT = 80
JSON_KINDS = [
    None, True, False, 0, -1, 1.5, 1e300, 2**53, "", "text", "\u0000 \u2028 😀 \"quoted\" \\",
    [], [1, [2, [3]]], {}, {"nested": {"list": [None, {"deep": "er"}]}, "": "empty name"},
]  # fmt: skip


async def fence(sender: Party, listener: Party, room: str) -> None:
    """Everything that was published before has reached `listener` when this returns."""
    marker = unique("fence")
    await sender.sdk.publish(room, marker)
    await listener.event(Message, lambda message: message.data == marker)


async def test_39_every_other_subscriber_gets_the_message(parties: Parties, room: str):
    alice, bob, carol = [await parties.by_token(stem) for stem in ("alice", "bob", "carol")]
    for party in (alice, bob, carol):
        await party.enter(room)
    await alice.sdk.publish(room, {"hello": "all"})
    for listener in (bob, carol):
        message = await listener.event(Message)
        assert message == Message(room, alice.peer_id, {"hello": "all"}, None)


async def test_40_the_publisher_hears_no_echo(parties: Parties, room: str):
    alice, bob = await parties.by_token("alice"), await parties.by_token("bob")
    await alice.enter(room)
    await bob.enter(room)
    await alice.sdk.publish(room, "mine")
    await bob.event(Message, lambda message: message.data == "mine")
    await fence(bob, alice, room)
    assert not alice.all(Message, lambda message: message.data == "mine")


async def test_40_a_second_connection_of_the_publisher_hears_it(parties: Parties, room: str):
    sub = unique("twin")
    first, second = await parties.by_token(sub=sub), await parties.by_token(sub=sub)
    await second.enter(room)
    await first.sdk.publish(room, "from the twin")
    message = await second.event(Message)
    assert (message.sender_peer_id, message.data) == (sub, "from the twin")


async def test_41_42_publishing_needs_no_subscription_and_no_listener(parties: Parties, room: str):
    alice, bob = await parties.by_token("alice"), await parties.by_token("bob")
    await alice.sdk.publish(room, "nobody listens")
    await bob.enter(room)
    await alice.sdk.publish(room, "from outside")
    assert (await bob.event(Message)).data == "from outside"


async def test_43_every_kind_of_json_survives_in_messages_and_directs(parties: Parties, room: str):
    alice, bob = await parties.by_token("alice"), await parties.by_token("bob")
    await bob.enter(room)
    for value in JSON_KINDS:
        await alice.sdk.publish(room, value)
        await alice.sdk.send(bob.peer_id, value)
    await bob.event(Message, nth=len(JSON_KINDS))
    await bob.event(Direct, nth=len(JSON_KINDS))
    assert [message.data for message in bob.all(Message)] == JSON_KINDS
    assert [direct.data for direct in bob.all(Direct)] == JSON_KINDS


async def test_44_80_messages_in_flight_keep_their_order(parties: Parties, room: str):
    alice, bob = await parties.by_token("alice"), await parties.by_token("bob")
    await bob.enter(room)
    await asyncio.gather(*(alice.sdk.publish(room, number) for number in range(IN_FLIGHT)))
    await bob.event(Message, nth=IN_FLIGHT)
    assert [message.data for message in bob.all(Message)] == list(range(IN_FLIGHT))


async def test_45_sender_metadata_comes_only_to_those_who_asked(parties: Parties, room: str):
    alice = await parties.by_token("alice", peerMetadata={"name": "Alice"})
    curious, plain = await parties.by_token("curious"), await parties.by_token("plain")
    await curious.enter(room, include_sender_metadata=True)
    await plain.enter(room)
    await alice.sdk.publish(room, "hi")
    assert (await curious.event(Message)).sender_metadata == {"name": "Alice"}
    assert (await plain.event(Message)).sender_metadata is None


async def test_45_a_sender_without_metadata_shows_none(parties: Parties, room: str):
    by_key, no_claim = await parties.by_key(), await parties.by_token("bare")
    curious = await parties.by_token("curious")
    await curious.enter(room, include_sender_metadata=True)
    await by_key.sdk.publish(room, "key")
    await no_claim.sdk.publish(room, "token")
    await curious.event(Message, nth=2)
    assert [message.sender_metadata for message in curious.all(Message)] == [None, None]


async def test_46_the_last_subscribe_decides_about_metadata(parties: Parties, room: str):
    alice = await parties.by_token("alice", peerMetadata={"name": "Alice"})
    bob = await parties.by_token("bob")
    seen = []
    for wish in (True, False, True):
        await bob.enter(room, include_sender_metadata=wish)
        await alice.sdk.publish(room, "again")
        seen.append((await bob.event(Message, nth=len(seen) + 1)).sender_metadata)
    assert seen == [{"name": "Alice"}, None, {"name": "Alice"}]


async def test_47_a_payload_of_65000_bytes_passes(parties: Parties, room: str):
    alice, bob = await parties.by_token("alice"), await parties.by_token("bob")
    await bob.enter(room)
    # The SDK compares the serialised data alone with the limit, so this is legal to it.
    for size in (65000, 65536 - len('""')):
        await alice.sdk.publish(room, "x" * size)
        await bob.event(Message, lambda message, size=size: message.data == "x" * size)
        await alice.sdk.send(bob.peer_id, "x" * size)
        await bob.event(Direct, lambda direct, size=size: direct.data == "x" * size)


async def test_48_a_direct_carries_the_sender_and_its_metadata(parties: Parties):
    alice = await parties.by_token("alice", peerMetadata={"name": "Alice"})
    bob = await parties.by_token("bob")
    await alice.sdk.send(bob.peer_id, {"psst": 1})
    assert await bob.event(Direct) == Direct(alice.peer_id, {"psst": 1}, {"name": "Alice"})
    await bob.sdk.send(alice.peer_id, "back")
    assert await alice.event(Direct) == Direct(bob.peer_id, "back", None)


async def test_49_50_key_and_token_clients_reach_each_other_without_a_channel(parties: Parties):
    by_key, by_token = await parties.by_key(), await parties.by_token("token")
    await by_key.sdk.send(by_token.peer_id, "to the token")
    await by_token.sdk.send(by_key.peer_id, "to the key")
    assert (await by_token.event(Direct)).data == "to the token"
    assert (await by_key.event(Direct)).data == "to the key"


async def test_52_an_offline_target_is_peer_not_found_and_nothing_closes(parties: Parties):
    alice = await parties.by_token("alice")
    with pytest.raises(ServerRequestError) as refused:
        await alice.sdk.send(unique("ghost"), "anybody there?")
    assert refused.value.code == "peer_not_found"
    await alice.answers()


async def test_53_80_directs_in_flight_keep_their_order(parties: Parties):
    alice, bob = await parties.by_token("alice"), await parties.by_token("bob")
    await asyncio.gather(*(alice.sdk.send(bob.peer_id, number) for number in range(IN_FLIGHT)))
    await bob.event(Direct, nth=IN_FLIGHT)
    assert [direct.data for direct in bob.all(Direct)] == list(range(IN_FLIGHT))


async def test_54_every_connection_of_the_target_gets_the_direct(parties: Parties):
    sub = unique("twin")
    first, second = await parties.by_token(sub=sub), await parties.by_token(sub=sub)
    alice = await parties.by_token("alice")
    await alice.sdk.send(sub, "both of you")
    assert (await first.event(Direct)).data == "both of you"
    assert (await second.event(Direct)).data == "both of you"


async def test_55_another_app_is_never_reached(parties: Parties, room: str):
    sub = unique("same-name")
    ours = await parties.by_token(sub=sub)
    theirs = await parties.by_token(sub=sub, key=apps.OTHER)
    for party in (ours, theirs):
        assert (await party.enter(room)).joined == ()

    alice = await parties.by_token("alice")
    await alice.sdk.publish(room, "ours")
    await alice.sdk.send(sub, "ours")
    await ours.event(Message)
    await ours.event(Direct)

    stranger = await parties.by_token("stranger", key=apps.OTHER)
    await stranger.sdk.publish(room, "theirs")
    await stranger.sdk.send(sub, "theirs")
    await theirs.event(Message)
    await theirs.event(Direct)
    with pytest.raises(ServerRequestError) as refused:
        await stranger.sdk.send(alice.peer_id, "across")
    assert refused.value.code == "peer_not_found"
    for party, word in ((ours, "ours"), (theirs, "theirs")):
        assert [event.data for event in party.all(Message) + party.all(Direct)] == [word, word]


async def test_78_unsubscribe_is_idempotent_and_stops_delivery(parties: Parties, room: str):
    alice, bob = await parties.by_token("alice"), await parties.by_token("bob")
    await bob.enter(room)
    other = unique("suite/other")
    await bob.enter(other)
    await bob.sdk.unsubscribe(room)
    await bob.sdk.unsubscribe(room)
    await alice.sdk.publish(room, "too late")
    await fence(alice, bob, other)
    assert not bob.all(Message, lambda message: message.channel == room)
