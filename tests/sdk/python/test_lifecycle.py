"""Drops, expiry, drains, kicks and takeovers as the SDK lives through them."""

from __future__ import annotations

import asyncio
import time

from metered_realtime import Connected, Disconnected, GoingAway, Message, Presence

import tokens
from party import Parties, names, unique
from proxy import Proxy
from rest import Rest
from watch import PATIENCE


async def test_77_an_idle_connection_with_a_3_second_window_survives(parties: Parties, room: str):
    alice = await parties.by_token("alice", options={"inactivity_timeout": 3.0})
    await alice.enter(room)
    await alice.quiet(Disconnected, during=8.0)
    assert alice.sdk.state == "connected"
    await alice.answers()


async def test_79_after_a_cut_the_subscriptions_return_with_their_options(
    edge, parties: Parties, room: str
):
    sender = await parties.by_token("sender", peerMetadata={"name": "Sender"})
    rooms = {f"{room}/curious": True, f"{room}/plain": False}
    for name in rooms:
        await sender.enter(name)
    async with Proxy(edge.far_port) as proxy:
        alice = await parties.by_token("alice", options={"url": proxy.url})
        for name, wish in rooms.items():
            await alice.enter(name, include_sender_metadata=wish)

        proxy.cut()
        await alice.event(Connected, lambda welcome: welcome.is_reconnect)
        for name, wish in rooms.items():
            # The second snapshot: the roster as it is after the reconnect.
            await alice.event(Presence, lambda frame, name=name: frame.channel == name, nth=2)
            assert sender.peer_id in names(alice.presence(name)[1].joined)
            await sender.saw_leave(name, alice.peer_id)
            await sender.saw_join(name, alice.peer_id, nth=2)
            await sender.sdk.publish(name, "again")
            message = await alice.event(Message, lambda m, name=name: m.channel == name)
            assert message.sender_metadata == ({"name": "Sender"} if wish else None)
        assert proxy.accepted == 2
        await alice.sdk.close()


async def test_79_100_subscriptions_are_replayed_in_one_burst(edge, parties: Parties, room: str):
    rooms = [f"{room}/{number}" for number in range(100)]
    async with Proxy(edge.far_port) as proxy:
        alice = await parties.by_token("alice", options={"url": proxy.url})
        await asyncio.gather(*(alice.enter(name) for name in rooms))
        for drop in (1, 2, 3):
            proxy.cut()
            await alice.event(Connected, lambda welcome: welcome.is_reconnect, nth=drop)
            for name in rooms:
                await alice.event(
                    Presence, lambda frame, name=name: frame.channel == name, nth=drop + 1
                )
        assert len(alice.all(Disconnected)) == 3, "the burst itself closed a connection"
        await alice.sdk.close()


async def test_81_an_expiring_token_closes_with_4002_and_a_fresh_one_goes_on(
    parties: Parties, room: str
):
    sub, expiry = unique("short"), int(time.time()) + 3
    handed_out = []

    async def provider() -> str:
        first = not handed_out
        handed_out.append(tokens.sign(sub, exp=expiry if first else int(time.time()) + 3600))
        return handed_out[-1]

    alice = await parties.by_provider(provider)
    await alice.enter(room)
    gone = await alice.event(Disconnected)
    left_at = time.time()
    assert (gone.code, gone.will_reconnect) == (4002, True)
    assert expiry - 1.0 <= left_at <= expiry + 0.5, f"closed {expiry - left_at:.2f} s before expiry"

    await alice.event(Connected, lambda welcome: welcome.is_reconnect)
    assert len(handed_out) == 2
    await alice.event(Presence, nth=2)
    bob = await parties.by_token("bob")
    await bob.sdk.publish(room, "welcome back")
    assert (await alice.event(Message)).data == "welcome back"


async def test_82_a_drain_says_going_away_and_the_client_finds_the_restarted_edge(
    start_edge, parties_of, room: str
):
    first = start_edge()
    parties: Parties = parties_of(first)
    alice = await parties.by_token("alice")
    await alice.enter(room)

    started = time.monotonic()
    assert await asyncio.to_thread(first.stop) == 0
    assert time.monotonic() - started < 20.0, "longer than the grace period"
    assert (await alice.event(GoingAway)).retry_after_ms > 0
    gone = await alice.event(Disconnected)
    assert (gone.code, gone.will_reconnect) == (1001, True)

    second = await asyncio.to_thread(start_edge, port=first.port)
    assert second.port == first.port
    await alice.event(Connected, lambda welcome: welcome.is_reconnect)
    await alice.event(Presence, nth=2)
    bob = await parties_of(second).by_token("bob")
    await bob.sdk.publish(room, "same room, new edge")
    assert (await alice.event(Message)).data == "same room, new edge"


async def test_a_killed_edge_is_left_behind_for_the_next_one(start_edge, parties_of, room: str):
    first = start_edge()
    alice = await parties_of(first).by_token("alice")
    await alice.enter(room)
    first.kill()
    assert (await alice.event(Disconnected)).code == 1006
    await asyncio.to_thread(start_edge, port=first.port)
    await alice.event(Connected, lambda welcome: welcome.is_reconnect)
    await alice.event(Presence, nth=2)


async def test_83_a_close_is_answered_within_a_second(parties: Parties):
    for party in (await parties.by_key(), await parties.by_token("alice")):
        started = time.monotonic()
        await party.sdk.close()
        assert time.monotonic() - started < 0.9
        assert party.sdk.state == "closed"
        assert party.all(Disconnected, lambda gone: gone.code not in (1000,)) == []


async def test_90_a_kick_closes_every_connection_with_4020_for_good(
    parties: Parties, rest: Rest, room: str
):
    sub = unique("kicked")
    watcher = await parties.by_token("watcher")
    await watcher.enter(room)
    first, second = await parties.by_token(sub=sub), await parties.by_token(sub=sub)
    await first.enter(room)

    (await rest.kick(sub)).accepted(peerId=sub, closed=2)
    for kicked in (first, second):
        gone = await kicked.event(Disconnected)
        assert (gone.code, gone.will_reconnect) == (4020, False)
        # The SDK changes its state after it announced the drop.
        await kicked.turned("closed")
    await watcher.saw_leave(room, sub)


async def test_90_a_kick_of_nobody_is_no_error(parties: Parties, rest: Rest):
    ghost = unique("ghost")
    (await rest.kick(ghost)).accepted(peerId=ghost, closed=0)


async def test_the_older_session_of_a_device_closes_with_4441(parties: Parties, room: str):
    sub, device = unique("owner"), unique("phone")
    # Not reconnecting: two clients that both insist would take the device in turns.
    older = await parties.by_token(sub=sub, device=device, options={"reconnect": False})
    await older.enter(room)
    newer = await parties.by_token(sub=sub, device=device)
    gone = await older.event(Disconnected)
    assert gone.code == 4441
    await older.turned("closed")

    await newer.enter(room)
    bob = await parties.by_token("bob")
    assert names((await bob.enter(room)).joined) == [sub]
    await bob.sdk.publish(room, "to the newer")
    assert (await newer.event(Message)).data == "to the newer"


async def test_another_device_or_another_peer_takes_nothing_over(parties: Parties):
    sub, device = unique("owner"), unique("phone")
    phone = await parties.by_token(sub=sub, device=device)
    tablet = await parties.by_token(sub=sub, device=unique("tablet"))
    stranger = await parties.by_token("stranger", device=device)
    for party in (phone, tablet, stranger):
        await party.answers()
        assert not party.all(Disconnected)


async def test_two_clients_that_fight_for_a_device_are_slowed_down(parties: Parties):
    sub, device = unique("owner"), unique("phone")
    rivals = [await parties.by_token(sub=sub, device=device) for _ in range(2)]

    def takeovers() -> int:
        gone = [g for rival in rivals for g in rival.all(Disconnected)]
        assert {g.code for g in gone} <= {4441}
        return len(gone)

    # Both reconnect within a few hundred milliseconds; unhindered that is some 30 in 10 s.
    await rivals[0].quiet(Disconnected, lambda gone: gone.code != 4441, during=PATIENCE)
    assert 3 <= takeovers() <= 15
