"""Who gets in, what the welcome says, and how a refusal looks to the SDK."""

from __future__ import annotations

import time
import uuid

import pytest
from metered_realtime import Connected, SignallingConnectError

import apps
import tokens
from party import Parties, unique
from rest import Rest
from stun import StunServer
from watch import eventually


async def refusal(parties: Parties, **credential) -> SignallingConnectError:
    """The error of a first connect that has to fail; the client ends up closed."""
    party = parties.client(**credential)
    with pytest.raises(SignallingConnectError) as refused:
        await party.sdk.connect()
    assert party.sdk.state == "closed"
    assert not party.all(Connected), "a welcome came before the refusal"
    return refused.value


async def refused_token(parties: Parties, token: str) -> int:
    async def provider() -> str:
        return token

    return (await refusal(parties, token_provider=provider)).close_code


async def test_04_a_publishable_key_gets_a_uuid_and_no_expiry(parties: Parties):
    party = await parties.by_key()
    welcome = party.all(Connected)[0]
    assert str(uuid.UUID(welcome.peer_id)) == welcome.peer_id
    assert welcome.expires_at is None
    assert welcome.is_reconnect is False


async def test_05_a_second_connect_with_the_same_key_is_another_peer(parties: Parties):
    first, second = await parties.by_key(), await parties.by_key()
    assert first.peer_id != second.peer_id


async def test_06_a_token_signed_by_hand_names_the_peer_and_its_expiry(parties: Parties):
    sub, expiry = unique("alice"), int(time.time()) + 1800
    party = await parties.by_token(sub=sub, exp=expiry)
    welcome = party.all(Connected)[0]
    assert welcome.peer_id == sub
    assert welcome.expires_at == expiry


async def test_08_the_welcome_tells_the_time_in_seconds_and_the_frame_limit(parties: Parties):
    before = int(time.time())
    welcome = (await parties.by_key()).all(Connected)[0]
    assert before - 1 <= welcome.server_time <= time.time() + 1
    assert welcome.max_message_size >= 65536


async def test_09_the_metadata_claim_arrives_and_no_turn_is_invented(parties: Parties):
    servers = [{"urls": ["turn:turn.example:3478"], "username": "u", "credential": "c"}]
    with_claim = await parties.by_token(metadata={"iceServers": servers, "plan": "gold"})
    (server,) = with_claim.all(Connected)[0].ice_servers or ()
    assert (server.urls, server.username, server.credential) == (
        ["turn:turn.example:3478"], "u", "c",
    )  # fmt: skip
    without_claim = await parties.by_token()
    assert without_claim.all(Connected)[0].ice_servers is None


async def test_23_turn_credentials_are_injected_and_a_list_of_the_token_wins(
    start_edge, parties_of
):
    turn = '[turn]\nurls = ["turn:turn.example:3478"]\nsecrets = ["turn-secret"]\nttl_seconds = 600'
    parties = parties_of(start_edge(apps.config(turn)))

    (injected,) = (await parties.by_key()).all(Connected)[0].ice_servers or ()
    assert "turn:turn.example:3478" in injected.urls
    assert injected.username and injected.credential

    own = await parties.by_token(metadata={"iceServers": [{"urls": "stun:stun.example:3478"}]})
    (kept,) = own.all(Connected)[0].ice_servers or ()
    assert kept.urls == "stun:stun.example:3478"


@pytest.mark.parametrize("key", ["pk_live_nobody", "sk_id_demo", "x", "pk_live_démo&key=b/c+d"])
async def test_10_an_unknown_key_closes_with_4001(parties: Parties, key: str):
    assert (await refusal(parties, api_key=key)).close_code == 4001


BAD_TOKENS = {
    "11_signed_with_another_secret": lambda: tokens.sign(
        "eve", key=apps.SecretKey(apps.DEMO.id, "sk_secret_guess")
    ),
    "11_signed_with_the_secret_of_another_app": lambda: tokens.sign(
        "eve", key=apps.SecretKey(apps.DEMO.id, apps.OTHER.secret)
    ),
    "12_unknown_kid": lambda: tokens.sign("eve", key=apps.SecretKey("sk_id_nobody", "s")),
    "12_no_kid": lambda: tokens.encode(
        {"alg": "HS256"}, {"sub": "eve", "exp": int(time.time()) + 60}, apps.DEMO.secret
    ),
    "12_kid_of_a_publishable_key": lambda: tokens.sign(
        "eve", key=apps.SecretKey(apps.PUBLISHABLE, "")
    ),
    "13_garbage": lambda: "not.a.token",
    "14_alg_none": lambda: tokens.unsigned("eve"),
    "14_alg_of_another_family": lambda: tokens.encode(
        {"alg": "RS256", "kid": apps.DEMO.id},
        {"sub": "eve", "exp": int(time.time()) + 60},
        apps.DEMO.secret,
    ),
    "14_alg_hs512": lambda: tokens.encode(
        {"alg": "HS512", "kid": apps.DEMO.id},
        {"sub": "eve", "exp": int(time.time()) + 60},
        apps.DEMO.secret,
    ),
    "17_peer_metadata_over_4_kb": lambda: tokens.sign("eve", peerMetadata={"x": "y" * 4200}),
    "18_metadata_over_8_kb": lambda: tokens.sign("eve", metadata={"x": "y" * 8400}),
    "19_sub_over_128": lambda: tokens.sign("e" * 129),
    "19_sub_not_ascii": lambda: tokens.sign("éve"),
    "19_sub_empty": lambda: tokens.sign(""),
    "no_sub": lambda: tokens.sign(None),
    "no_exp": lambda: tokens.sign("eve", exp=None),
}


@pytest.mark.parametrize("case", BAD_TOKENS)
async def test_a_bad_token_closes_with_4001(parties: Parties, case: str):
    assert await refused_token(parties, BAD_TOKENS[case]()) == 4001


async def test_15_an_expired_token_closes_with_4002(parties: Parties):
    assert await refused_token(parties, tokens.sign("late", expires_in=-5)) == 4002


async def test_17_18_19_the_largest_legal_claims_are_welcome(parties: Parties):
    party = await parties.by_token(
        sub=unique("m").ljust(128, "x"),
        peerMetadata={"x": "y" * 4000},
        metadata={"x": "y" * 8000},
    )
    assert len(party.peer_id) == 128


@pytest.mark.parametrize("channels", [["open/**"], ["**"], ["other/room"], ["open/a", "other"]])
async def test_20_channels_outside_the_key_close_with_4003(parties: Parties, channels: list[str]):
    token = tokens.sign("wide", key=apps.NARROW, channels=channels)
    assert await refused_token(parties, token) == 4003


async def test_21_the_session_over_the_plan_closes_with_4010_until_one_leaves(parties: Parties):
    admitted = [await parties.by_key(apps.SMALL_PUBLISHABLE) for _ in range(apps.SMALL_SESSIONS)]
    refused = await refusal(parties, api_key=apps.SMALL_PUBLISHABLE)
    assert refused.close_code == 4010

    await admitted.pop().sdk.close()

    async def admit():
        try:
            return await parties.by_key(apps.SMALL_PUBLISHABLE)
        except SignallingConnectError as still_full:
            assert still_full.close_code == 4010

    await eventually("the slot of a closed session is free again", admit)


async def test_22_a_connect_over_the_address_limit_is_answered_429(start_edge, parties_of):
    parties = parties_of(start_edge(apps.config(connects_per_minute=5), alone=True))
    for _ in range(5):
        await parties.by_key()
    # The SDK reports the HTTP status of a refused upgrade as the close code.
    assert (await refusal(parties, api_key=apps.PUBLISHABLE)).close_code == 429


async def test_a_suspended_account_closes_with_4012(parties: Parties):
    assert (await refusal(parties, api_key=apps.SUSPENDED_PUBLISHABLE)).close_code == 4012


async def test_a_failed_first_connect_may_be_tried_again_on_the_same_client(parties: Parties):
    answers = iter([tokens.unsigned("eve"), tokens.sign(unique("late"))])

    async def provider() -> str:
        return next(answers)

    party = parties.client(token_provider=provider)
    with pytest.raises(SignallingConnectError):
        await party.sdk.connect()
    await party.sdk.connect()
    await party.answers()


async def test_86_a_minted_token_connects_with_the_same_claims(parties: Parties, rest: Rest, room):
    async with StunServer() as stun:
        sub = unique("minted")
        answer = await rest.mint(
            peerId=sub,
            channels=[room],
            permissions=["subscribe", "presence"],
            expiresInSec=120,
            metadata={"iceServers": [{"urls": stun.url}]},
            peerMetadata={"name": "Minted"},
        )
        assert answer.status == 200
        assert abs(answer.body["expiresAt"] - time.time() - 120) < 5
        assert tokens.header_of(answer.body["token"])["kid"] == apps.DEMO.id

        async def provider() -> str:
            return answer.body["token"]

        minted = await parties.by_provider(provider)
        welcome = minted.all(Connected)[0]
        assert (welcome.peer_id, welcome.expires_at) == (sub, answer.body["expiresAt"])
        assert [server.urls for server in welcome.ice_servers or ()] == [stun.url]

    await minted.enter(room)
    watcher = await parties.by_token("watcher")
    (entry,) = (await watcher.enter(room)).joined
    assert (entry.peer_id, entry.metadata) == (sub, {"name": "Minted"})
