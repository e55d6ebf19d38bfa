"""Whatever the OpenAPI document allows, and more, is answered as it says: never a 5xx, nothing undocumented."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from leasehold.adapters.memory.book import Book
from leasehold.adapters.memory.store import MemoryStore
from leasehold.adapters.memory.views import MemoryViews
from leasehold.core.events import Cancelled
from leasehold.testing.clock import ManualClock
from leasehold.testing.ledger_bench import Moves
from leasehold.web.application import create_app
from leasehold.web.source import Source
from tests.database.postgres_bench import PostgresBench
from tests.database.sqlite_bench import SqliteBench
from tests.servers.clusters import Clusters
from tests.web.conftest import writing

DOCUMENT = "/api/v1/openapi.json"
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
FEW, MANY = 8, 100
EVERY = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture)


@schemathesis.serializer("application/x-ndjson")
def as_it_is(_: object, value: object) -> bytes:
    """Lines are text already."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


class Told(NamedTuple):
    """An application, and what it says of itself."""

    app: FastAPI
    schema: Any


def told(bench: SqliteBench | PostgresBench) -> Told:
    """The application over a ledger in which there is something of everything."""
    moves, store = Moves(bench), MemoryStore()
    done, failed, cancelled, _ = moves.out(4, batch="november", queue="media")
    for task_id in (done, failed):
        moves.apply(task_id, moves.started())
    moves.complete(done, '{"text": "hello"}')
    moves.apply(failed, moves.failed())
    moves.apply(cancelled, Cancelled("ada", "not needed"))
    app = create_app(Source(bench.views, lambda: store, writing(bench, store)), hosts={"testserver"})
    return Told(app, schemathesis.openapi.from_asgi(DOCUMENT, app))


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    bench = SqliteBench(tmp_path_factory.mktemp("schemathesis"))
    yield told(bench)
    bench.close()


@pytest.fixture(scope="module")
def on_postgresql(clusters: Clusters) -> Iterator[Told]:
    cluster = clusters["newest"]
    name = cluster.fresh()
    bench = PostgresBench(cluster.url(name))
    yield told(bench)
    bench.close()
    cluster.drop(name)


def labels() -> list[str]:
    """Every operation of the document."""
    paths = create_app(Source(MemoryViews(Book(), ManualClock()), MemoryStore)).openapi()["paths"]
    found = [f"{method.upper()} {path}" for path, item in paths.items() for method in item]
    found.remove("GET /api/v1/live")  # its answer has no end
    return found


def hold(told: Told, label: str, examples: int) -> None:
    """Ask whatever may be asked."""
    found = [each.ok() for each in told.schema.get_all_operations() if each.ok().label == label]
    (operation,) = found

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=EVERY,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:  # noqa: ANN401 - the tool's own type knows nothing of this application
        case.call_and_validate(checks=CHECKS)

    ask()


@pytest.mark.parametrize("label", labels())
def test_what_may_be_asked_is_answered_as_the_document_says(on_sqlite: Told, label: str) -> None:
    hold(on_sqlite, label, FEW)


@pytest.mark.prove
@pytest.mark.parametrize("label", labels())
def test_what_may_be_asked_of_postgresql_is_answered_as_the_document_says(on_postgresql: Told, label: str) -> None:
    hold(on_postgresql, label, MANY)
