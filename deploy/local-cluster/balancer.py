"""Spreads TCP connections over the edges that say they are ready.

Usage: balancer.py LISTEN EDGE=ADMIN...     each a host:port; EDGE takes clients, ADMIN answers /readyz

New connections go to the ready edges in turn; those that stand are left alone, also when their edge turns unready. It
is for playing: no TLS, no limits, and every client has this process's address.
"""

import asyncio
import itertools
import sys

EVERY_S = 0.5
PATIENCE_S = 2


class Edge:
    def __init__(self, words):
        self.clients, self.admin = (address(word) for word in words.split("="))
        self.ready = None

    async def ask(self):
        """Whether new clients should come, and what it answered if not."""
        try:
            reader, writer = await asyncio.open_connection(*self.admin)
            try:
                writer.write(b"GET /readyz HTTP/1.0\r\n\r\n")
                head, _, body = (await reader.read()).partition(b"\r\n\r\n")
                return head.split(b" ", 2)[1] == b"200", body.decode(errors="replace")
            finally:
                writer.close()
        except (OSError, IndexError) as error:
            return False, str(error)

    async def watch(self):
        while True:
            try:
                ready, why = await asyncio.wait_for(self.ask(), PATIENCE_S)
            except asyncio.TimeoutError:
                ready, why = False, "no answer"
            if ready != self.ready and not (self.ready is None and not ready):
                say(f"{self.clients[1]} is ready" if ready else f"{self.clients[1]} is not ready: {why}")
                self.ready = ready
            await asyncio.sleep(EVERY_S)


async def serve(edges, turns, reader, writer):
    start = next(turns)
    order = [edges[(start + offset) % len(edges)] for offset in range(len(edges))]
    for edge in (edge for edge in order if edge.ready):
        try:
            far_reader, far_writer = await asyncio.open_connection(*edge.clients)
        except OSError:
            continue
        say(f"client {writer.get_extra_info('peername')[1]} is on edge {edge.clients[1]}")
        await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))
        return
    writer.close()


async def copy(reader, writer):
    try:
        while some := await reader.read(65536):
            writer.write(some)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.close()


def address(word):
    host, port = word.rsplit(":", 1)
    return host, int(port)


def say(text):
    print(f"balancer: {text}", flush=True)


async def main(listen, *words):
    edges, turns = [Edge(word) for word in words], itertools.count()
    host, port = address(listen)
    await asyncio.start_server(lambda reader, writer: serve(edges, turns, reader, writer), host, port)
    await asyncio.gather(*(edge.watch() for edge in edges))


try:
    asyncio.run(main(*sys.argv[1:]))
except KeyboardInterrupt:
    pass
