"""Waiting without sleeping: what an SDK object emitted, and the next thing it will emit.

Level, not edge: a watch remembers every event since its start, so a wait cannot miss one
that came early. Every wait has a deadline and says what it saw instead.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

PATIENCE = 10.0
"""Seconds that a condition gets unless a test says otherwise."""

E = TypeVar("E")
T = TypeVar("T")


def _anything(_event: Any) -> bool:
    return True


class Watch:
    """Every event of the given kinds that `emitter` emits from now on, in order."""

    def __init__(self, emitter: Any, *kinds: type) -> None:
        self.events: list[Any] = []
        self._news = asyncio.Event()
        for kind in kinds:
            emitter.on(kind, self._note)

    def all(self, kind: type[E], where: Callable[[E], bool] = _anything) -> list[E]:
        """The matching events so far."""
        return [event for event in self.events if type(event) is kind and where(event)]

    async def event(
        self,
        kind: type[E],
        where: Callable[[E], bool] = _anything,
        *,
        nth: int = 1,
        within: float = PATIENCE,
    ) -> E:
        """The `nth` matching event since the start of the watch, waited for if need be."""
        try:
            async with asyncio.timeout(within):
                while len(matching := self.all(kind, where)) < nth:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(
                f"no {kind.__name__} (number {nth}) within {within} s; "
                f"the last that came: {self.events[-8:]}"
            ) from None
        return matching[nth - 1]

    async def quiet(
        self, kind: type[E], where: Callable[[E], bool] = _anything, *, during: float
    ) -> None:
        """Holds when no further matching event comes during so many seconds."""
        before = len(self.all(kind, where))
        try:
            event = await self.event(kind, where, nth=before + 1, within=during)
        except AssertionError:
            return
        raise AssertionError(f"did not expect {event}")

    def _note(self, event: Any) -> None:
        self.events.append(event)
        self._news.set()


async def eventually(
    what: str, attempt: Callable[[], Awaitable[T | None]], *, within: float = PATIENCE
) -> T:
    """The first truthy answer of `attempt`; for conditions that announce themselves nowhere."""
    deadline = time.monotonic() + within
    while True:
        answer = await attempt()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {what}; last answer: {answer!r}")
        await asyncio.sleep(0.05)
