"""Two edges over one Redis that look like one edge to a test.

The clients of a test go to them in turn, and so do calls of the control plane. Redis is a
process of the pair's own: empty at the start, nothing saved, gone at the end.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path

from edge import START_WITHIN, Edge

CLUSTERED = bool(os.environ.get("SWITCHBOARD_TEST_CLUSTER"))
_ATTEMPTS = 5


def start_edge(config: str, directory: Path, *, port: int = 0) -> Edge | Pair:
    """An edge; with `SWITCHBOARD_TEST_CLUSTER` set, a pair that stands for one."""
    start = Pair.start if CLUSTERED else Edge.start
    return start(config, directory, port=port)


class Pair:
    """Two running edges; `address` and `port` are the first one's."""

    def __init__(self, redis: Redis, edges: list[Edge]) -> None:
        self._redis = redis
        self._edges = edges

    @classmethod
    def start(cls, config: str, directory: Path, *, port: int = 0) -> Pair:
        """Takes what `Edge.start` takes; `port` is the first edge's."""
        pair = cls(Redis.start(directory), [])
        try:
            for wanted in (port, 0):
                edge = Edge.start(config, directory, port=wanted, redis_url=pair._redis.url)
                pair._edges.append(edge)
        except BaseException:
            pair.kill()
            raise
        return pair

    @property
    def url(self) -> str:
        return self._edges[0].url

    @property
    def urls(self) -> list[str]:
        return [edge.url for edge in self._edges]

    @property
    def address(self) -> str:
        return self._edges[0].address

    @property
    def addresses(self) -> list[str]:
        return [edge.address for edge in self._edges]

    @property
    def admin_address(self) -> str:
        return self._edges[0].admin_address

    @property
    def port(self) -> int:
        return self._edges[0].port

    @property
    def far_port(self) -> int:
        return self._edges[-1].port

    def log(self) -> str:
        return "\n".join(edge.log() for edge in self._edges)

    def stop(self) -> int:
        """Both leave, then Redis goes; the exit code is the worse one."""
        try:
            return max((edge.stop() for edge in self._edges), key=abs)
        finally:
            self._redis.kill()

    def kill(self) -> None:
        for edge in self._edges:
            edge.kill()
        self._redis.kill()

    def assert_healthy(self) -> None:
        for edge in self._edges:
            edge.assert_healthy()


class Redis:
    """A running Redis."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self._process = process
        self.port = port
        self.url = f"redis://127.0.0.1:{port}"

    @classmethod
    def start(cls, directory: Path) -> Redis:
        for _ in range(_ATTEMPTS):
            redis = cls._launch(directory)
            if redis._answers():
                return redis
            # Somebody else may have taken the port in between.
            redis.kill()
        raise AssertionError(f"redis-server did not start, see {directory}/redis.log")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    @classmethod
    def _launch(cls, directory: Path) -> Redis:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        settings = {"bind": "127.0.0.1", "port": port, "dir": directory, "save": "", "appendonly": "no"}
        words = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
        with (directory / "redis.log").open("ab") as log:
            process = subprocess.Popen(["redis-server", *words], stdout=log, stderr=log)
        return cls(process, port)

    def _answers(self) -> bool:
        deadline = time.monotonic() + START_WITHIN
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                    connection.sendall(b"PING\r\n")
                    return connection.recv(7) == b"+PONG\r\n"
            except OSError:
                time.sleep(0.02)
        return False
