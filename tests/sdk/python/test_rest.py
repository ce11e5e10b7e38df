"""The REST control plane (checklist 85–94) together with the clients that it acts on.

Every exchange is held against the OpenAPI document when its test ends.
"""

from __future__ import annotations

import asyncio
import time
from urllib.parse import quote

import pytest
from metered_realtime import Message

import apps
import tokens
from party import Parties, unique
from rest import Exchange, Rest


def refused(answer: Exchange, status: int, error: str) -> None:
    assert (answer.status, answer.body["error"]) == (status, error), answer
    assert answer.body["message"]


ENDPOINTS = [
    ("POST", "/v1/tokens", {"peerId": "x"}),
    ("GET", "/v1/channels/room/peers", None),
    ("POST", "/v1/channels/room/publish", {"data": 1}),
    ("DELETE", "/v1/peers/nobody", None),
    ("GET", "/v1/usage", None),
]
BAD_CREDENTIALS = {
    "no credential": None,
    "the id alone": apps.DEMO.id,
    "a publishable key": apps.PUBLISHABLE,
    "a publishable key as a pair": f"{apps.PUBLISHABLE}:{apps.DEMO.secret}",
    "a wrong secret": f"{apps.DEMO.id}:sk_secret_wrong",
    "the secret of another app": f"{apps.DEMO.id}:{apps.OTHER.secret}",
    "an unknown id": f"sk_id_nobody:{apps.DEMO.secret}",
    "an empty secret": f"{apps.DEMO.id}:",
    "a token": tokens.sign("x"),
}


@pytest.mark.parametrize("method, path, body", ENDPOINTS, ids=[path for _, path, _ in ENDPOINTS])
@pytest.mark.parametrize("credential", BAD_CREDENTIALS)
async def test_85_every_bad_credential_gets_the_same_401(
    rest: Rest, method: str, path: str, body, credential: str
):
    answer = await rest.call(method, path, body=body, bearer=BAD_CREDENTIALS[credential])
    refused(answer, 401, "unauthorized")
    reference = await rest.call(method, path, body=body)
    assert answer.body == reference.body, "the answer tells which part was wrong"


BAD_TOKEN_REQUESTS = {
    "no peer id": {},
    "an empty peer id": {"peerId": ""},
    "a peer id over 128": {"peerId": "x" * 129},
    "a peer id that is not ASCII": {"peerId": "é"},
    "a peer id that is no string": {"peerId": 7},
    "channels that are no list": {"peerId": "x", "channels": "room"},
    "101 channels": {"peerId": "x", "channels": [f"room/{n}" for n in range(101)]},
    "17 permissions": {"peerId": "x", "permissions": ["send"] * 17},
    "an unknown permission": {"peerId": "x", "permissions": ["fly"]},
    "a life over a day": {"peerId": "x", "expiresInSec": 86401},
    "no life": {"peerId": "x", "expiresInSec": 0},
    "metadata over 8 KB": {"peerId": "x", "metadata": {"x": "y" * 8400}},
    "peer metadata over 4 KB": {"peerId": "x", "peerMetadata": {"x": "y" * 4200}},
    "peer metadata that is no object": {"peerId": "x", "peerMetadata": [1]},
}


@pytest.mark.parametrize("case", BAD_TOKEN_REQUESTS)
async def test_87_a_bad_token_request_is_400(rest: Rest, case: str):
    refused(await rest.mint(**BAD_TOKEN_REQUESTS[case]), 400, "invalid_request")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"\xff"])
async def test_87_a_body_that_is_no_object_is_400(rest: Rest, body: bytes):
    answer = await rest.call("POST", "/v1/tokens", body=body, bearer=apps.DEMO.bearer)
    refused(answer, 400, "invalid_request")


async def test_88_the_peer_list_names_members_with_their_metadata(
    parties: Parties, rest, room: str
):
    (await rest.peers(room)).accepted(channel=room, peers=[])

    alice = await parties.by_token("alice", peerMetadata={"name": "Alice"})
    bare = await parties.by_token("bare")
    for party in (alice, bare):
        await party.enter(room)
    answer = await rest.peers(room)
    assert answer.body["channel"] == room
    assert sorted(answer.body["peers"], key=lambda peer: peer["peerId"]) == [
        {"peerId": alice.peer_id, "metadata": {"name": "Alice"}},
        {"peerId": bare.peer_id},
    ]
    # The name may also be written with its slashes as they are.
    plain = await rest.call("GET", f"/v1/channels/{room}/peers", bearer=apps.DEMO.bearer)
    assert plain.body["channel"] == room
    # Another app has a room of its own under that name.
    (await rest.peers(room, apps.OTHER)).accepted(channel=room, peers=[])


async def test_88_a_name_is_decoded_exactly_once(parties: Parties, rest: Rest):
    name = unique("a%2Fb/ö ?#&+/peers")
    alice = await parties.by_token("alice")
    await alice.enter(name)
    (await rest.peers(name)).accepted(channel=name, peers=[{"peerId": alice.peer_id}])


async def test_89_a_publish_over_rest_reaches_the_subscribers(parties: Parties, rest: Rest, room):
    curious, plain = await parties.by_token("curious"), await parties.by_token("plain")
    await curious.enter(room, include_sender_metadata=True)
    await plain.enter(room)
    answer = await rest.publish(room, data={"n": 1}, **{"from": "robot"}, peerMetadata={"v": 2})
    answer.accepted(channel=room, delivered=2)
    assert await curious.event(Message) == Message(room, "robot", {"n": 1}, {"v": 2})
    assert await plain.event(Message) == Message(room, "robot", {"n": 1}, None)

    await rest.publish(room, data=None)
    assert await curious.event(Message, nth=2) == Message(room, "system", None, None)


async def test_89_nobody_listening_is_a_success(rest: Rest, room: str):
    (await rest.publish(room, data=1)).accepted(channel=room, delivered=0)


BAD_PUBLISHES = {
    "no data": {},
    "a sender that is not ASCII": {"data": 1, "from": "é"},
    "a sender over 128": {"data": 1, "from": "x" * 129},
    "peer metadata over 4 KB": {"data": 1, "peerMetadata": {"x": "y" * 4200}},
}


@pytest.mark.parametrize("case", BAD_PUBLISHES)
async def test_89_a_bad_publish_is_400(rest: Rest, room: str, case: str):
    refused(await rest.publish(room, **BAD_PUBLISHES[case]), 400, "invalid_request")


async def test_90_a_bad_peer_id_is_400(rest: Rest):
    refused(await rest.kick("é"), 400, "invalid_request")
    refused(await rest.kick("x" * 129), 400, "invalid_request")


async def test_90_a_kick_stays_inside_its_app(parties: Parties, rest: Rest):
    alice = await parties.by_token("alice")
    (await rest.kick(alice.peer_id, apps.OTHER)).accepted(peerId=alice.peer_id, closed=0)
    await alice.answers()


async def rest_usage_with(rest: Rest, messages: int) -> dict:
    """The usage once all edges have stated what they counted, which they do every second."""
    deadline = time.monotonic() + 5
    while True:
        usage = (await rest.usage(apps.COUNTED)).body
        if usage["messagesUsed"] == messages or time.monotonic() > deadline:
            return usage
        await asyncio.sleep(0.05)


async def test_91_usage_has_every_field_and_counts(parties: Parties, rest: Rest, room: str):
    before = (await rest.usage(apps.COUNTED)).body
    alice, bob = [await parties.by_token(stem, key=apps.COUNTED) for stem in ("alice", "bob")]
    await alice.sdk.publish(room, 1)
    await alice.sdk.send(bob.peer_id, 2)
    usage = await rest_usage_with(rest, before["messagesUsed"] + 2)
    assert set(usage) == {
        "appId", "periodStartUnix", "periodEndUnix", "concurrentNow", "peakConcurrent",
        "messagesUsed", "overageMessages", "overageConnections", "plan",
    }  # fmt: skip
    assert set(usage["plan"]) == {
        "name", "maxConcurrentConnections", "maxMessagesPerPeriod", "overagesAllowed",
        "overagesEnabled",
    }  # fmt: skip
    assert usage["appId"] == "counted"
    assert usage["concurrentNow"] == before["concurrentNow"] + 2
    assert usage["peakConcurrent"] >= usage["concurrentNow"]
    assert usage["messagesUsed"] == before["messagesUsed"] + 2


async def test_92_a_body_over_32_kb_is_413(rest: Rest, room: str):
    refused(await rest.publish(room, data="x" * 33_000), 413, "invalid_request")
    refused(await rest.mint(peerId="x", metadata={"x": "y" * 33_000}), 413, "invalid_request")
    assert (await rest.publish(room, data="x" * 32_000)).status == 200


@pytest.mark.parametrize(
    "method, path", [("GET", "/v1/nothing"), ("GET", "/v1/channels"), ("POST", "/v1/channels/room")]
)
async def test_93_an_unknown_path_is_404(rest: Rest, method: str, path: str):
    refused(await rest.call(method, path, bearer=apps.DEMO.bearer), 404, "not_found")


async def test_94_a_channel_outside_the_key_is_403(rest: Rest):
    refused(await rest.publish("closed/room", apps.NARROW, data=1), 403, "channel_not_authorized")
    outside = await rest.mint(apps.NARROW, peerId="x", channels=["closed/room"])
    refused(outside, 403, "channel_not_authorized")
    assert (await rest.publish("open/room", apps.NARROW, data=1)).status == 200


async def test_94_an_action_outside_the_key_is_403(rest: Rest):
    # This key may publish and subscribe, but not list who is there.
    refused(await rest.peers("open/room", apps.NARROW), 403, "action_not_permitted")
    beyond = await rest.mint(apps.NARROW, peerId="x", permissions=["send"])
    refused(beyond, 403, "action_not_permitted")


@pytest.mark.parametrize("channel", ["_system/x", "_Metered/x"])
async def test_reserved_channels_are_400(rest: Rest, channel: str):
    refused(await rest.publish(channel, data=1), 400, "channel_reserved")
    refused(await rest.peers(channel), 400, "channel_reserved")


@pytest.mark.parametrize("channel", ["a\nb", "x" * 257])
async def test_an_invalid_channel_is_400(rest: Rest, channel: str):
    refused(await rest.publish(channel, data=1), 400, "invalid_request")
    path = f"/v1/channels/{quote(channel, safe='')}/peers"
    refused(await rest.call("GET", path, bearer=apps.DEMO.bearer), 400, "invalid_request")


async def test_a_rest_publish_keeps_its_order(parties: Parties, rest: Rest, room: str):
    alice = await parties.by_token("alice")
    await alice.enter(room)
    for number in range(20):
        await rest.publish(room, data=number)
    await alice.event(Message, nth=20)
    assert [message.data for message in alice.all(Message)] == list(range(20))


async def test_many_calls_at_once_are_all_answered(rest: Rest, room: str):
    answers = await asyncio.gather(*(rest.publish(room, data=number) for number in range(40)))
    assert {answer.status for answer in answers} == {200}
