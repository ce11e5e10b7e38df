"""What the edge refuses, with which code, and that the connection outlives it.

The SDK itself refuses most malformed input before it reaches the wire; what is left are
names that only the edge can judge, rights, and limits.
"""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from metered_realtime import (
    Connected,
    Disconnected,
    Message,
    ServerError,
    ServerRequestError,
)

import apps
from pair import CLUSTERED
from party import Parties, Party, unique

CHANNELS_PER_SESSION = 100


async def refuses(party: Party, request, code: str) -> None:
    """`request` fails with `code`, and the connection serves on."""
    with pytest.raises(ServerRequestError) as refused:
        await request
    assert refused.value.code == code
    await party.answers()
    assert not party.all(Disconnected)
    assert not party.all(ServerError), "an error came without its request id"


async def test_57_outside_the_scope_is_channel_not_authorized(parties: Parties):
    narrow = await parties.by_key(apps.NARROW_PUBLISHABLE)
    await refuses(narrow, narrow.sdk.subscribe("closed/room"), "channel_not_authorized")
    await refuses(narrow, narrow.sdk.publish("closed/room", 1), "channel_not_authorized")


async def test_57_the_channels_of_the_token_narrow_the_key(parties: Parties, room: str):
    alice = await parties.by_token("alice", channels=[room, f"{room}/*"])
    await alice.enter(room)
    await alice.enter(f"{room}/side")
    outside = unique("suite/elsewhere")
    await refuses(alice, alice.sdk.subscribe(outside), "channel_not_authorized")
    await refuses(alice, alice.sdk.publish(outside, 1), "channel_not_authorized")


@pytest.mark.parametrize(
    "channel", ["_metered/x", "_internal/x", "_system/x", "_SYSTEM/x", "_Metered/"]
)
async def test_58_reserved_channels_are_refused_in_any_case(parties: Parties, channel: str):
    alice = await parties.by_token("alice")
    await refuses(alice, alice.sdk.subscribe(channel), "channel_reserved")
    await refuses(alice, alice.sdk.publish(channel, 1), "channel_reserved")


@pytest.mark.parametrize("channel", ["open/a", "open/", "deep/a", "deep/a/b/c", "literal/*"])
async def test_59_60_61_a_name_inside_the_patterns_is_allowed(parties: Parties, channel: str):
    narrow = await parties.by_key(apps.NARROW_PUBLISHABLE)
    await narrow.enter(channel)
    await narrow.sdk.publish(channel, 1)


@pytest.mark.parametrize("channel", ["open/a/b", "open", "Open/a", "deep", "literal/a", "xopen/a"])
async def test_59_60_61_a_name_outside_the_patterns_is_refused(parties: Parties, channel: str):
    narrow = await parties.by_key(apps.NARROW_PUBLISHABLE)
    await refuses(narrow, narrow.sdk.subscribe(channel), "channel_not_authorized")


async def test_62_an_action_missing_in_the_key_is_not_permitted(parties: Parties, room: str):
    listener = await parties.by_key(apps.LISTENER_PUBLISHABLE)
    await listener.listen(room)
    await refuses(listener, listener.sdk.publish(room, 1), "action_not_permitted")
    await refuses(listener, listener.sdk.send("anybody", 1), "action_not_permitted")


@pytest.mark.parametrize("missing", ["publish", "subscribe", "send"])
async def test_62_an_action_missing_in_the_token_is_not_permitted(parties, room: str, missing: str):
    granted = [
        action for action in ("publish", "subscribe", "presence", "send") if action != missing
    ]
    alice, bob = await parties.by_token("alice", permissions=granted), await parties.by_token("bob")
    requests = {
        "publish": lambda: alice.sdk.publish(room, 1),
        "subscribe": lambda: alice.sdk.subscribe(room),
        "send": lambda: alice.sdk.send(bob.peer_id, 1),
    }
    await refuses(alice, requests.pop(missing)(), "action_not_permitted")
    for permitted in requests.values():
        await permitted()


async def test_62_a_token_cannot_grant_more_than_its_key(parties: Parties):
    everything = ["publish", "subscribe", "presence", "send"]
    alice = await parties.by_token("alice", key=apps.NARROW, permissions=everything)
    await refuses(alice, alice.sdk.send("anybody", 1), "action_not_permitted")


async def test_63_the_101st_channel_is_refused_and_leaving_one_makes_room(parties, room: str):
    alice = await parties.by_token("alice")
    rooms = [f"{room}/{number}" for number in range(CHANNELS_PER_SESSION)]
    await asyncio.gather(*(alice.enter(name) for name in rooms))
    extra = f"{room}/extra"
    await refuses(alice, alice.sdk.subscribe(extra), "channel_limit_exceeded")
    await alice.enter(rooms[0])
    await alice.sdk.unsubscribe(rooms[0])
    await alice.enter(extra)
    await refuses(alice, alice.sdk.subscribe(rooms[0]), "channel_limit_exceeded")


async def test_64_a_frame_over_the_limit_closes_with_1009_and_the_client_returns(parties, room):
    alice = await parties.by_token("alice")
    await alice.enter(room)
    sending = asyncio.gather(alice.sdk.publish(room, "x" * 70_000), return_exceptions=True)
    gone = await alice.event(Disconnected)
    assert (gone.code, gone.will_reconnect) == (1009, True)
    (outcome,) = await sending
    assert isinstance(outcome, Exception), "the oversized publish was acknowledged"
    await alice.event(Connected, lambda welcome: welcome.is_reconnect)
    await alice.answers()


async def test_65_a_burst_over_the_bucket_closes_with_4011(parties: Parties, room: str):
    alice = await parties.by_token("alice", options={"reconnect": False})
    burst = (alice.sdk.publish(room, number) for number in range(1000))
    await asyncio.gather(*burst, return_exceptions=True)
    assert (await alice.event(Disconnected)).code == 4011


async def test_66_a_spent_quota_refuses_publish_and_send_while_deliveries_go_on(
    parties: Parties, room: str
):
    alice, bob = [await parties.by_token(stem, key=apps.QUOTA) for stem in ("alice", "bob")]
    await bob.enter(room)
    # Each edge draws its messages from the plan ahead of time: of a plan this small others may hold some, and one that is
    # refused meanwhile counts as used.
    within = 2 if CLUSTERED else apps.QUOTA_MESSAGES
    for number in range(within):
        await alice.sdk.publish(room, number)
    for number in range(within, apps.QUOTA_MESSAGES):
        with contextlib.suppress(ServerRequestError):
            await alice.sdk.publish(room, number)
    await bob.event(Message, nth=within)
    await refuses(alice, alice.sdk.publish(room, "over"), "over_message_quota")
    # On an edge of his own Bob may have what Alice could not draw.
    sender, receiver = (alice, bob) if CLUSTERED else (bob, alice)
    await refuses(sender, sender.sdk.send(receiver.peer_id, "over"), "over_message_quota")
    # What reaches a client is not counted: it still hears who comes and goes.
    await alice.enter(room)
    await bob.saw_join(room, alice.peer_id)


@pytest.mark.parametrize("channel", ["é" * 129, "😀" * 65])
async def test_69_a_channel_over_256_bytes_is_invalid(parties: Parties, channel: str):
    # The SDK counts characters, the limit counts bytes: only the edge can refuse these.
    alice = await parties.by_token("alice")
    await refuses(alice, alice.sdk.subscribe(channel), "invalid_channel")
    await refuses(alice, alice.sdk.publish(channel, 1), "invalid_channel")


async def test_69_a_channel_of_256_bytes_is_valid(parties: Parties):
    alice = await parties.by_token("alice")
    await alice.enter("é" * 128)


@pytest.mark.parametrize("peer_id", ["é", "tab\u00a0bed", "😀" * 40])
async def test_71_a_target_that_is_not_printable_ascii_is_invalid(parties: Parties, peer_id: str):
    alice = await parties.by_token("alice")
    await refuses(alice, alice.sdk.send(peer_id, 1), "invalid_peer_id")
