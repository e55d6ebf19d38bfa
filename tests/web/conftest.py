"""The API on real ledgers, asked in this process."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
from fastapi import FastAPI
from httpx2 import Response
from starlette.testclient import TestClient

from leasehold.adapters.database.retention import DatabaseRetention
from leasehold.adapters.database.tokens import DatabaseTokens
from leasehold.adapters.memory.book import Book
from leasehold.adapters.memory.store import MemoryStore
from leasehold.adapters.memory.views import MemoryViews
from leasehold.assemble import Parts
from leasehold.cli.program import outcome
from leasehold.cli.tools import Tools
from leasehold.core.events import Cancelled
from leasehold.core.redaction import Redaction
from leasehold.core.references import log_reference, result_reference
from leasehold.core.reports import Payload
from leasehold.core.units import MIB
from leasehold.flow.ids import IdMaker
from leasehold.flow.ledger_client import LedgerClient
from leasehold.flow.ordering import Ordering
from leasehold.flow.registry import Handler
from leasehold.flow.tokens import Made, Wanted, make
from leasehold.ports.access import Role
from leasehold.ports.ledger import Change, Operation
from leasehold.ports.views import Views
from leasehold.testing.clock import ManualClock
from leasehold.testing.ledger_bench import LedgerBench, Moves
from leasehold.testing.simulator.machines import NoBell
from leasehold.web.application import create_app
from leasehold.web.guard import Access
from leasehold.web.source import Source, Writing
from tests.cli.conftest import Said
from tests.database.postgres_bench import PostgresBench
from tests.database.sqlite_bench import SqliteBench
from tests.servers.clusters import Clusters

HERE = "http://127.0.0.1"
Bench = SqliteBench | PostgresBench
Command = Callable[..., Said]


@pytest.fixture(params=["sqlite", "postgresql"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """A ledger of each kind in turn."""
    if request.param == "sqlite":
        bench: Bench = SqliteBench(tmp_path)
        yield bench
        bench.close()
        return
    clusters: Clusters = request.getfixturevalue("clusters")
    cluster = clusters["newest"]
    name = cluster.fresh()
    bench = PostgresBench(cluster.url(name))
    yield bench
    bench.close()
    cluster.drop(name)


@pytest.fixture
def moves(bench: LedgerBench) -> Moves:
    return Moves(bench)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def app(bench: LedgerBench, store: MemoryStore) -> FastAPI:
    return create_app(Source(bench.views, lambda: store, writing(bench, store)))


MARGIN = 1_000


def writing(bench: LedgerBench, store: MemoryStore, *, handlers: Callable[[str], Handler] | None = None) -> Writing:
    """What changes are made with, on this bench."""
    ids = IdMaker(ManualClock(), random.Random(0))
    client = LedgerClient(bench.ledger, bench.views, store, NoBell(), ManualClock(), ids=ids, payload_limit=MIB)
    return Writing(client, Ordering(handlers, MARGIN))


class Api:
    """The API as a client sees it, below ``/api/v1``."""

    def __init__(self, app: FastAPI) -> None:
        self.client = TestClient(app, base_url=HERE)

    def get(self, path: str, **query: str | int | list[str]) -> dict[str, Any]:
        """The document at a path."""
        answer = self.client.get(f"/api/v1{path}", params=query)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json"
        return answer.json()

    def post(self, path: str, body: object = None, *, status: int = 200, **headers: str) -> dict[str, Any]:
        """What is answered to a change."""
        answer = self.client.post(f"/api/v1{path}", json=body, headers=dashed(headers))
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/json"
        return answer.json()

    def not_changed(self, path: str, body: object = None, **headers: str) -> dict[str, Any]:
        """The problem that is answered to a change."""
        return self.problem_of(self.client.post(f"/api/v1{path}", json=body, headers=dashed(headers)))

    def refused(self, path: str, **query: str | int | list[str]) -> dict[str, Any]:
        """The problem at a path."""
        return self.problem_of(self.client.get(f"/api/v1{path}", params=query))

    def problem_of(self, answer: Response) -> dict[str, Any]:
        """The problem that is answered; what each problem owes is held here."""
        problem: dict[str, Any] = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem.keys() - {"errors", "changes", "task"} == {"type", "title", "status", "detail"}
        assert problem["status"] == answer.status_code >= 400
        assert "Traceback" not in answer.text
        kind = self.client.get(problem["type"])
        assert (kind.json()["type"], kind.json()["status"]) == (problem["type"], answer.status_code)
        return problem


def dashed(headers: dict[str, str]) -> dict[str, str]:
    """Names of headers, which Python cannot spell."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture
def api(app: FastAPI) -> Api:
    return Api(app)


@pytest.fixture
def plain() -> Api:
    """The API on an empty ledger in memory: for what no ledger is asked."""
    return Api(create_app(Source(MemoryViews(Book(), ManualClock()), MemoryStore)))


class Away:
    """A read side that fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Callable[..., object]:
        def fail(*_: object, **__: object) -> object:
            raise self._error

        return fail


def failing(error: Exception, store: Callable[[], MemoryStore] = MemoryStore) -> Api:
    """The API on such a read side."""
    return Api(create_app(Source(cast("Views", Away(error)), store)))


@dataclass
class System:
    """What commands read from, here the same as the API does."""

    views: Views
    store: MemoryStore
    redaction: Redaction = field(default_factory=Redaction)

    def close(self) -> None:
        """It is not theirs."""


@pytest.fixture
def run(
    bench: LedgerBench,
    store: MemoryStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    """Run a command on the ledger that the API reads."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "leasehold.db").touch()
    tools = Tools(assemble=lambda _: cast("Parts", System(bench.views, store)), zone=UTC)

    def command(*words: str) -> Said:
        code = outcome(words, obj=tools)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return command


class Story(NamedTuple):
    """Tasks of batch november, each in another state; ``large`` has its result and its log in the store."""

    done: str
    failed: str
    cancelled: str
    running: str
    large: str
    due: str

    @property
    def ids(self) -> list[str]:
        """All of them."""
        return list(self)


@pytest.fixture
def story(moves: Moves, store: MemoryStore) -> Story:
    done, failed, cancelled, running, large = moves.out(5, batch="november")
    for task_id in (done, failed, running, large):
        moves.apply(task_id, moves.started())
    moves.bench.let_pass(90)
    moves.complete(done, '{"text": "hello"}')
    payload = Payload(log="no samples\n", log_bytes=11)
    moves.ledger.apply([Change(failed, moves.failed(), payload=payload)])
    moves.apply(cancelled, Cancelled("ada", "not needed"))
    moves.ledger.apply([Change(large, moves.completed(), payload=in_store(store, large))])
    (due,) = moves.given(1, name="convert", queue="media")
    now = moves.ledger.now()
    moves.ledger.start_operation(Operation("op-1", "retry", "status:failed", "op-1", "ada", "mended", now))
    return Story(done, failed, cancelled, running, large, due)


def in_store(store: MemoryStore, task_id: str) -> Payload:
    """A result and a log that are too large for the ledger."""
    result, log = b'["large"]', b"the whole log\n"
    refs = result_reference(task_id, "run-1.1", result), log_reference(task_id, "run-1.1", log)
    for ref, value in zip(refs, (result, log), strict=True):
        store.create(ref, value)
    return Payload(result_ref=refs[0], log="log\n", log_ref=refs[1], log_bytes=len(log))


def forget(bench: Bench, task_id: str) -> None:
    """Forget a task, and keep its trail."""
    view = bench.views.task(task_id)
    assert view is not None
    gone = DatabaseRetention(bench.database).forget([view.task], trails=False, archived=False)
    assert gone == [task_id]


class House(NamedTuple):
    """A ledger that others can reach over HTTP."""

    bench: SqliteBench
    tokens: DatabaseTokens
    app: FastAPI
    viewer: Made
    operator: Made

    def client(self, made: Made | None = None, app: FastAPI | None = None) -> TestClient:
        """Somebody with a token, or without."""
        headers = {} if made is None else {"authorization": f"Bearer {made.text}"}
        return TestClient(app or self.app, base_url=HERE, headers=headers, follow_redirects=False)

    def made(self, name: str, role: Role, lifetime: int | None = None) -> Made:
        """Another token."""
        return made(self.tokens, name, role, lifetime)


def made(tokens: DatabaseTokens, name: str, role: Role, lifetime: int | None = None) -> Made:
    chance = random.Random(f"{name}{role}")
    return make(tokens, Wanted(name, role, lifetime), ids=IdMaker(ManualClock(), chance), random=chance, by="root")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    bench, store = SqliteBench(tmp_path), MemoryStore()
    tokens = DatabaseTokens(bench.database)
    source = Source(bench.views, lambda: store, writing(bench, store))
    app = create_app(source, access=Access(tokens, everybody=False), hosts=None)
    yield House(bench, tokens, app, made(tokens, "vera", Role.VIEWER), made(tokens, "otto", Role.OPERATOR))
    bench.close()
