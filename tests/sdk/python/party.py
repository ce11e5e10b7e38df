"""One SDK client in a test, with everything that it saw.

Builds unmodified `SignallingClient` and `MeteredPeer` objects against one edge and closes
them at the end. Holds one invariant for every test: the edge never sends a frame that the
SDK's own parser refuses.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from metered_realtime import (
    Connected,
    Data,
    Direct,
    Disconnected,
    FatalError,
    GoingAway,
    Joined,
    Left,
    Message,
    MeteredPeer,
    PeerJoined,
    PeerLeft,
    Presence,
    ReconnectOptions,
    ServerError,
    SignallingClient,
    StateChange,
    SubscribeOptions,
)

import tokens
from apps import PUBLISHABLE
from watch import Watch

_CLIENT_EVENTS = (
    Connected, Disconnected, StateChange, Message, Direct, Presence, ServerError, GoingAway,
)  # fmt: skip
_PEER_EVENTS = (StateChange, Joined, Left, PeerJoined, PeerLeft, Data, FatalError)

# The same ladder as the SDK's own, only shorter, so that tests do not wait for it.
QUICK = ReconnectOptions(initial_delay=0.1, max_delay=0.5)

TokenProvider = Callable[[], Awaitable[str]]


def unique(stem: str) -> str:
    """A name that no other test uses; the tests of a run share one edge."""
    return f"{stem}-{uuid.uuid4().hex[:12]}"


class Party(Watch):
    """A `SignallingClient` and what it saw."""

    def __init__(self, sdk: SignallingClient) -> None:
        super().__init__(sdk, *_CLIENT_EVENTS)
        self.sdk = sdk

    @property
    def peer_id(self) -> str:
        """The peer id that the latest welcome gave."""
        return self.all(Connected)[-1].peer_id

    async def enter(self, channel: str, *, include_sender_metadata: bool = False) -> Presence:
        """Subscribes and waits for the snapshot that answers it."""
        before = len(self.presence(channel))
        options = SubscribeOptions(include_sender_metadata=include_sender_metadata)
        await self.sdk.subscribe(channel, options)
        return await self.event(Presence, lambda frame: frame.channel == channel, nth=before + 1)

    async def listen(self, channel: str, *, include_sender_metadata: bool = False) -> None:
        """Subscribes without waiting for presence, for those who may not see it."""
        options = SubscribeOptions(include_sender_metadata=include_sender_metadata)
        await self.sdk.subscribe(channel, options)

    def presence(self, channel: str) -> list[Presence]:
        """The presence frames of one channel so far, the snapshot first."""
        return self.all(Presence, lambda frame: frame.channel == channel)

    async def saw_join(self, channel: str, peer_id: str, *, nth: int = 1) -> Presence:
        return await self.event(
            Presence,
            lambda frame: frame.channel == channel and peer_id in names(frame.joined),
            nth=nth,
        )

    async def saw_leave(self, channel: str, peer_id: str, *, nth: int = 1) -> Presence:
        return await self.event(
            Presence,
            lambda frame: frame.channel == channel and peer_id in names(frame.left),
            nth=nth,
        )

    async def turned(self, state: str) -> None:
        """The client reached a state, as its own events tell it."""
        await self.event(StateChange, lambda change: change.to == state)

    async def answers(self) -> None:
        """The connection is open and served: leaving a channel is always acknowledged."""
        await self.sdk.unsubscribe(unique("nowhere"))


class PeerParty(Watch):
    """A `MeteredPeer` and what it saw."""

    def __init__(self, sdk: MeteredPeer) -> None:
        super().__init__(sdk, *_PEER_EVENTS)
        self.sdk = sdk

    @property
    def peer_id(self) -> str:
        peer_id = self.sdk.peer_id
        assert peer_id is not None, "asked for the id of a peer that never connected"
        return peer_id

    async def met(self, peer_id: str) -> PeerJoined:
        return await self.event(PeerJoined, lambda event: event.peer.id == peer_id)


class Parties:
    """Builds the parties of one test and closes them at its end.

    They go to the given urls in turn, so with two edges neighbours are on different ones.
    """

    def __init__(self, urls: list[str]) -> None:
        self._urls = itertools.cycle(urls)
        self._complaints = _Complaints()
        self._open: list[SignallingClient | MeteredPeer] = []

    async def by_key(self, key: str = PUBLISHABLE, **options: Any) -> Party:
        """A connected client with a publishable key."""
        return await self._connected(self.client(api_key=key, **options))

    async def by_token(
        self, stem: str = "peer", *, options: dict[str, Any] | None = None, **claims: Any
    ) -> Party:
        """A connected client with a token of our own for a fresh peer id, or for `sub`."""
        sub = claims.pop("sub", None) or unique(stem)

        async def provider() -> str:
            return tokens.sign(sub, **claims)

        return await self.by_provider(provider, **(options or {}))

    async def by_provider(self, provider: TokenProvider, **options: Any) -> Party:
        """A connected client that asks `provider` on every connect."""
        return await self._connected(self.client(token_provider=provider, **options))

    def client(self, **options: Any) -> Party:
        """A client that is not connected yet."""
        return Party(self._keep(SignallingClient, options))

    def peer(
        self, stem: str = "peer", *, options: dict[str, Any] | None = None, **claims: Any
    ) -> PeerParty:
        """A `MeteredPeer` with a stable peer id, not joined yet."""
        sub = claims.pop("sub", None) or unique(stem)

        async def provider() -> str:
            return tokens.sign(sub, **claims)

        return PeerParty(self._keep(MeteredPeer, {"token_provider": provider, **(options or {})}))

    async def close(self) -> None:
        """Closes everybody, then fails the test if the SDK refused any frame."""
        # Judged before the goodbye: a `MeteredPeer` that closes forgets the others first and
        # then wonders who it is that leaves.
        said = list(self._complaints.said)
        for sdk in self._open:
            await sdk.close()
        assert not said, f"the SDK refused frames: {said}"

    async def _connected(self, party: Party) -> Party:
        await party.sdk.connect()
        return party

    def _keep(self, kind: type, options: dict[str, Any]) -> Any:
        defaults = {"url": next(self._urls), "reconnect": QUICK, "logger": self._complaints}
        sdk = kind(**{**defaults, **options})
        self._open.append(sdk)
        return sdk


def names(peers: Any) -> list[str]:
    """The peer ids of one half of a presence frame."""
    return [peer.peer_id for peer in peers]


class _Complaints:
    """A logger for the SDK that keeps what it says about frames of the edge."""

    _ABOUT_FRAMES = (
        "malformed inbound frame",
        "dropping non-text frame",
        "unexpected second welcome frame",
        "peer-left for unknown peer",
        "event handler raised",
    )

    def __init__(self) -> None:
        self.said: list[str] = []

    def debug(self, msg: str, ctx: dict[str, Any] | None = None) -> None: ...

    def info(self, msg: str, ctx: dict[str, Any] | None = None) -> None: ...

    def warning(self, msg: str, ctx: dict[str, Any] | None = None) -> None:
        if msg in self._ABOUT_FRAMES:
            self.said.append(f"{msg} {ctx}")

    error = warning
