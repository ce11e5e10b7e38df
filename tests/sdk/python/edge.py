"""One edge under test: a process, started and stopped like any user would.

Knows the binary, its environment variables and the two lines that it prints once it
listens. Knows nothing of what is said over the wire.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
import time
from pathlib import Path

BINARY = Path(
    os.environ.get("SWITCHBOARD_BIN")
    or Path(__file__).resolve().parents[3] / "target" / "debug" / "switchboard"
)
START_WITHIN = 20.0
STOP_WITHIN = 30.0

_LISTENING = "switchboard listening on http://"
_ADMIN = "switchboard admin on http://"


class Edge:
    """A running edge; `address` and `admin_address` are `host:port`."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process = process
        self._log = log
        self._lines: queue.Queue[str | None] = queue.Queue()
        # The pipe is read to its end, else an edge that prints a lot would block on it.
        threading.Thread(target=self._pump, daemon=True).start()
        self.address, self.admin_address = self._addresses()

    @classmethod
    def start(
        cls, config: str, directory: Path, *, port: int = 0, redis_url: str | None = None
    ) -> Edge:
        """Starts an edge on `config` (TOML) and waits until it listens; port 0 = any."""
        if not BINARY.exists():
            raise FileNotFoundError(f"{BINARY} is missing: run `cargo build -p edge` first")
        stem = f"edge-{time.monotonic_ns()}"
        file = directory / f"{stem}.toml"
        file.write_text(config, encoding="utf-8")
        log = directory / f"{stem}.log"
        with log.open("w", encoding="utf-8") as stderr:
            process = subprocess.Popen(
                [BINARY],
                env={
                    "PATH": os.environ.get("PATH", ""),
                    "SWITCHBOARD_CONFIG": str(file),
                    "SWITCHBOARD_LISTEN": f"127.0.0.1:{port}",
                    "SWITCHBOARD_ADMIN_LISTEN": "127.0.0.1:0",
                    "RUST_BACKTRACE": "1",
                    **({"SWITCHBOARD_REDIS_URL": redis_url} if redis_url else {}),
                },
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        try:
            return cls(process, log)
        except BaseException:
            process.kill()
            process.wait()
            raise

    @property
    def url(self) -> str:
        """What the SDKs take as `url`."""
        return f"ws://{self.address}"

    @property
    def urls(self) -> list[str]:
        """Where clients may go, in turn. A pair of edges has two."""
        return [self.url]

    @property
    def addresses(self) -> list[str]:
        """Where the control plane may be called, in turn."""
        return [self.address]

    @property
    def port(self) -> int:
        """For an edge that takes this one's place."""
        return int(self.address.rpartition(":")[2])

    @property
    def far_port(self) -> int:
        """For a client that comes by another way than the first one of a test."""
        return int(self.addresses[-1].rpartition(":")[2])

    def log(self) -> str:
        """Everything that the edge wrote to standard error so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> int:
        """SIGTERM, then the exit code; an edge that does not leave is a failure."""
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"the edge still runs {STOP_WITHIN} s after SIGTERM\n{self._tail()}"
            ) from None

    def kill(self) -> None:
        """SIGKILL; harmless when the edge is gone already."""
        self._process.kill()
        self._process.wait()

    def assert_healthy(self) -> None:
        """No panic, whatever the test did to it."""
        assert "panicked at" not in self.log(), f"the edge panicked\n{self._tail()}"

    def _pump(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _addresses(self) -> tuple[str, str]:
        found: dict[str, str] = {}
        deadline = time.monotonic() + START_WITHIN
        while len(found) < 2:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(
                    f"the edge printed no address within {START_WITHIN} s\n{self._tail()}"
                ) from None
            if line is None:
                raise AssertionError(f"the edge ended before it listened\n{self._tail()}")
            for prefix in (_LISTENING, _ADMIN):
                if line.startswith(prefix):
                    found[prefix] = line.removeprefix(prefix).strip().rstrip("/")
        return found[_LISTENING], found[_ADMIN]

    def _tail(self) -> str:
        return "\n".join(self.log().splitlines()[-40:])
