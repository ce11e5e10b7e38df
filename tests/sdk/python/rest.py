"""The REST control plane as a user's backend calls it, over the standard library alone.

Keeps every exchange, so that each can be held against the OpenAPI document.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from apps import DEMO, SecretKey

TIMEOUT = 10.0


@dataclass(frozen=True)
class Exchange:
    """One request and its answer; `body` is the decoded JSON, None when there was none."""

    method: str
    path: str
    status: int
    body: Any

    def accepted(self, **members: Any) -> None:
        """The answer is 200 with these members, and no part of the cluster kept silent."""
        assert self.status == 200, self
        assert {**self.body, **members} == self.body, self
        # What is gathered from several edges says whether all of them reported.
        assert self.body.get("complete", True) is True, self


class Rest:
    """Calls the given edges in turn; `exchanges` is everything said so far."""

    def __init__(self, addresses: list[str]) -> None:
        self._origins = itertools.cycle([f"http://{address}" for address in addresses])
        self.exchanges: list[Exchange] = []

    async def mint(self, key: SecretKey = DEMO, **body: Any) -> Exchange:
        return await self.call("POST", "/v1/tokens", body=body, bearer=key.bearer)

    async def peers(self, channel: str, key: SecretKey = DEMO) -> Exchange:
        path = f"/v1/channels/{quote(channel, safe='')}/peers"
        return await self.call("GET", path, bearer=key.bearer)

    async def publish(self, channel: str, key: SecretKey = DEMO, **body: Any) -> Exchange:
        path = f"/v1/channels/{quote(channel, safe='')}/publish"
        return await self.call("POST", path, body=body, bearer=key.bearer)

    async def kick(self, peer_id: str, key: SecretKey = DEMO) -> Exchange:
        path = f"/v1/peers/{quote(peer_id, safe='')}"
        return await self.call("DELETE", path, bearer=key.bearer)

    async def usage(self, key: SecretKey = DEMO) -> Exchange:
        return await self.call("GET", "/v1/usage", bearer=key.bearer)

    async def call(
        self, method: str, path: str, *, body: Any = None, bearer: str | None = None
    ) -> Exchange:
        """One request; `body` is sent as JSON, or as it is when it is bytes."""
        raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(next(self._origins) + path, data=raw, method=method)
        if raw is not None:
            request.add_header("Content-Type", "application/json")
        if bearer is not None:
            request.add_header("Authorization", f"Bearer {bearer}")
        status, text = await asyncio.to_thread(_answer, request)
        try:
            exchange = Exchange(method, path, status, json.loads(text) if text else None)
        except ValueError:
            raise AssertionError(
                f"{method} {path}: {status} without JSON: {text[:200]!r}"
            ) from None
        self.exchanges.append(exchange)
        return exchange


def _answer(request: urllib.request.Request) -> tuple[int, bytes]:
    # An error status is an answer like any other here, not an exception.
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read()
