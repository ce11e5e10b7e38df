"""The fixtures of the suite: a shared edge, edges of one's own, clients, REST.

Tests share one edge for speed and keep apart by unique names; a test that stops its edge
or needs other limits starts its own. To run it, after `cargo build -p edge`:

    python3.11 -m venv .venv && .venv/bin/pip install -r requirements.txt && .venv/bin/pytest
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

import apps
from edge import Edge
from openapi import Contract
from pair import Pair, start_edge as start_one
from party import Parties, unique
from rest import Rest

StartEdge = Callable[..., Edge | Pair]


@pytest.fixture(scope="session")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge | Pair]:
    """The edge that most tests share."""
    edge = start_one(apps.config(), tmp_path_factory.mktemp("edge"))
    yield edge
    code = edge.stop()
    edge.assert_healthy()
    assert code == 0, f"the edge left with {code} after SIGTERM"


@pytest.fixture
def start_edge(tmp_path: Path) -> Iterator[StartEdge]:
    """Starts edges of the test's own: `start_edge(config, port=0)`.

    With `alone=True` it is one edge also where pairs are tested, for what edges do not share.
    """
    started: list[Edge | Pair] = []

    def start(config: str | None = None, *, port: int = 0, alone: bool = False) -> Edge | Pair:
        begin = Edge.start if alone else start_one
        edge = begin(apps.config() if config is None else config, tmp_path, port=port)
        started.append(edge)
        return edge

    yield start
    for edge in started:
        edge.kill()
        edge.assert_healthy()


@pytest.fixture
async def parties(edge: Edge | Pair) -> AsyncIterator[Parties]:
    """Clients of the shared edge."""
    parties = Parties(edge.urls)
    yield parties
    await parties.close()


@pytest.fixture
async def parties_of() -> AsyncIterator[Callable[[Edge | Pair], Parties]]:
    """Clients of an edge of the test's own."""
    made: list[Parties] = []

    def make(edge: Edge | Pair) -> Parties:
        made.append(Parties(edge.urls))
        return made[-1]

    yield make
    for parties in made:
        await parties.close()


@pytest.fixture
def room() -> str:
    """A channel that no other test uses."""
    return unique("suite/room")


@pytest.fixture(scope="session")
def contract(edge: Edge | Pair) -> Contract:
    """The OpenAPI document that the shared edge serves."""
    return Contract.served_by(edge.address)


@pytest.fixture
async def rest(edge: Edge | Pair, contract: Contract) -> AsyncIterator[Rest]:
    """REST on the shared edge; every exchange has to keep the documented contract."""
    rest = Rest(edge.addresses)
    yield rest
    for exchange in rest.exchanges:
        contract.check(exchange)
