"""A STUN server on loopback, so that WebRTC tests leave this machine alone.

Answers binding requests (RFC 8489 §6.3.1) with the sender's own address and counts them.
"""

from __future__ import annotations

import asyncio

from aioice import stun


class StunServer(asyncio.DatagramProtocol):
    """Use as an async context manager; `url` goes into `iceServers`."""

    def __init__(self) -> None:
        self.requests = 0
        self._transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> StunServer:
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=("0.0.0.0", 0))
        return self

    async def __aexit__(self, *_exc: object) -> None:
        assert self._transport is not None
        self._transport.close()

    @property
    def url(self) -> str:
        assert self._transport is not None
        return f"stun:127.0.0.1:{self._transport.get_extra_info('sockname')[1]}"

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        request = stun.parse_message(data)
        self.requests += 1
        answer = stun.Message(
            message_method=request.message_method,
            message_class=stun.Class.RESPONSE,
            transaction_id=request.transaction_id,
        )
        answer.attributes["XOR-MAPPED-ADDRESS"] = addr
        assert self._transport is not None
        self._transport.sendto(bytes(answer), addr)
