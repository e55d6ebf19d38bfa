"""What is asked over HTTP is what is there: the same rows, the same answers, on each kind of ledger."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from leasehold.adapters.database.tokens import DatabaseTokens
from leasehold.adapters.memory.store import MemoryStore
from leasehold.core.errors import NoSuchQueue, NoSuchWorker, UsageError
from leasehold.core.events import Cancelled
from leasehold.core.model import Policy, Status
from leasehold.core.redaction import HIDDEN
from leasehold.core.references import result_reference
from leasehold.core.reports import Payload
from leasehold.flow.client import Client, Order
from leasehold.flow.ids import IdMaker
from leasehold.flow.problems import NotAllowed, NotLoggedIn
from leasehold.flow.reading import text_of
from leasehold.flow.shapes import parsed
from leasehold.ports.access import Role
from leasehold.ports.ledger import Accepted, Change, Existing, KeyConflict
from leasehold.remote.client import RemoteClient
from leasehold.remote.http import Api
from leasehold.testing.clock import ManualClock
from leasehold.testing.ledger_bench import Moves
from leasehold.testing.simulator.machines import NoBell
from leasehold.web.application import create_app
from leasehold.web.guard import Access
from leasehold.web.hiding import Hiding
from leasehold.web.source import Source
from tests.web.conftest import Bench, made, writing
from tests.web.serving import on_a_port

UNTOLD = ("not_after", "receipt", "run_charged", "seen", "charged")
"""What only those need who carry tasks on."""
POLICY = Policy(90_000, 7, 11, 3_000, 50_000, 4)
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
RICH = '{"x":1.5e+300,"y":[null,true,{"z":"\\u00e9 \\ud83d\\ude00"}]}'
ORDERS = [
    Order("work", '{"x":1}', POLICY),
    Order("work", RICH, POLICY, "media", -3, "k", "b/1 ?#", 0, "acme", TRACE, find=("x", "y.z")),
    Order("work", "{}", POLICY, delay=3_600_000, key="later"),
    Order("large", f'{{"text":"{"a" * 60_000}"}}', POLICY),
]


class House(NamedTuple):
    """One ledger with two doors."""

    bench: Bench
    store: MemoryStore
    near: Client
    far: RemoteClient
    viewer: RemoteClient
    nobody: RemoteClient


@pytest.fixture
def house(bench: Bench, store: MemoryStore) -> Iterator[House]:
    tokens = DatabaseTokens(bench.database)
    written = writing(bench, store)
    source = Source(bench.views, lambda: store, written, hiding=Hiding(from_viewers=("results",)))
    app = create_app(source, access=Access(tokens, everybody=False), hosts=None)
    with on_a_port(app) as url, ExitStack() as stack:

        def client(token: str | None) -> RemoteClient:
            chance = random.Random(3)
            ids = IdMaker(ManualClock(), random.Random(str(token)))
            api = Api(url, token, NoBell(), chance)
            return stack.enter_context(
                RemoteClient(api, NoBell(), ManualClock(), ids=ids, payload_limit=500_000, owns=True)
            )

        texts = [made(tokens, name, role).text for name, role in (("otto", Role.OPERATOR), ("vera", Role.VIEWER))]
        yield House(bench, store, written.client, *(client(text) for text in (*texts, None)))


def row(house: House, task_id: str) -> Any:  # noqa: ANN401 - a whole row
    """What is stored of a task, but for what every task has of its own."""
    view = house.bench.views.task(task_id)
    assert view is not None
    own = {"id": "", "created_at": 0, "updated_at": 0, "due_at": view.task.due_at - view.task.created_at}
    return view._replace(task=view.task._replace(**own), arguments_ref=None), view.arguments_ref is None


@pytest.mark.parametrize("order", ORDERS, ids=["plain", "everything", "later", "large"])
def test_a_task_submitted_over_http_is_stored_as_one_submitted_beside_the_ledger(house: House, order: Order) -> None:
    near = house.near.submit(order).task_id
    far = house.far.submit(order._replace(key=order.key and order.key + "2")).task_id
    shown = row(house, far)
    assert (shown[0]._replace(key=order.key), shown[1]) == row(house, near)
    assert house.bench.views.audit(far)[0].detail == "submitted by otto from 127.0.0.1"


def test_a_key_is_known_through_both_doors(house: House) -> None:
    order = ORDERS[1]
    near = house.near.submit(order)
    assert house.far.submit(order) == Existing(near.task_id, Status.PENDING)
    (_, answer), *_ = house.far.submit_many([(1, order._replace(arguments="{}"))])
    assert answer == KeyConflict(near.task_id)


def test_a_submit_that_is_repeated_is_done_once(house: House) -> None:
    task_id = IdMaker(ManualClock(), random.Random(9))()
    for order in (ORDERS[0], ORDERS[1], ORDERS[3]):
        known = order._replace(id=task_id[:-1] + str(ORDERS.index(order)))
        answers = [house.far.submit(known) for _ in range(3)]
        assert answers == [Accepted(known.id or "")] * 3
    assert house.bench.views.count("") == 3


def test_every_view_is_told_as_it_is(house: House) -> None:
    moves, views = Moves(house.bench), house.bench.views
    done, failed, cancelled, running = moves.out(4, batch="b/1 ?#", queue="media")
    for task_id in (done, failed, running):
        moves.apply(task_id, moves.started())
    moves.complete(done, '{"text":"hello"}')
    moves.apply(failed, moves.failed())
    moves.apply(cancelled, Cancelled("ada", "not needed"))
    far = house.far.views
    for task_id in (done, failed, cancelled, running):
        assert far.runs(task_id) == views.runs(task_id)
        assert far.audit(task_id) == views.audit(task_id)
        known, told = views.task(task_id), far.task(task_id)
        assert known is not None
        assert told is not None
        hidden = {
            name: getattr(known.task, name) for name in ("not_after", "receipt", "run_charged", "seen", "charged")
        }
        as_told = known._replace(arguments=text_of(parsed(known.arguments)))  # JSON, however it was written
        assert told._replace(task=told.task._replace(**hidden)) == as_told
    ids = [done, failed, cancelled, running]
    assert far.outcomes(ids) == views.outcomes(ids)
    assert far.ended("b/1 ?#") == views.ended("b/1 ?#")
    assert far.ended("b/1 ?#", far.ended("b/1 ?#").cursor).rows == []
    assert far.ended("b/1 ?#", None, 1) == views.ended("b/1 ?#", None, 1)
    assert sorted(map(str, far.counts(batch="b/1 ?#"))) == sorted(map(str, views.counts(batch="b/1 ?#")))
    assert far.batch("b/1 ?#") == views.batch("b/1 ?#")
    assert (far.batch("none"), far.task("none"), far.ended("none").rows) == (None, None, [])
    assert far.batches() == views.batches()
    assert far.queues() == views.queues()
    assert far.workers() == views.workers()
    assert far.failures() == views.failures()
    assert far.find_id(done[-8:]) == views.find_id(done[-8:]) == [done]
    assert far.count("status:failed") == 1
    page = far.tasks("", limit=3)
    assert [each.task.id for each in (*page.rows, *far.tasks("", cursor=page.cursor).rows)] == ids[::-1]


def test_changes_are_made_by_whose_token_it_is(house: House) -> None:
    moves, views = Moves(house.bench), house.bench.views
    first, _ = moves.given(2, queue="media")
    assert house.far.cancel([first, "unknown"], by="somebody else", reason="wrong") == (
        [first],
        [("unknown", "it is not in the ledger")],
    )
    assert views.audit(first)[-1].detail == "cancelled by otto from 127.0.0.1: wrong"
    assert house.far.retry([first]).changed == [first]
    operation = house.far.operate("cancel", "queue:media", reason="all")
    assert house.far.views.operations() == [operation]
    assert house.far.views.operation(operation.id) == operation
    assert house.far.views.operation(operation.id[-8:]) is house.far.views.operation("none") is None
    assert (operation.by, operation.kind) == ("otto from 127.0.0.1", "cancel")
    assert house.far.operate("retry", "queue:none").id != operation.id, "where nothing matches, too"
    assert house.far.cancel_operation(operation.id)
    assert not house.far.cancel_operation("unknown")
    house.far.pause("media", paused=True)
    assert [queue.paused for queue in views.queues()] == [True]
    with pytest.raises(NoSuchQueue):
        house.far.pause("mdia", paused=True)
    with pytest.raises(NoSuchWorker):
        house.far.recall("i-0")


def test_a_viewer_reads_and_waits_and_changes_nothing(house: House) -> None:
    moves = Moves(house.bench)
    (task_id,) = moves.out(1, batch="b")
    moves.apply(task_id, moves.started())
    moves.complete(task_id, '{"text":"hello"}')
    assert [each.status for each in house.viewer.wait([task_id], 0)] == [Status.COMPLETED]
    assert [each.task_id for each in house.viewer.batch_outcomes("b")] == [task_id]
    (outcome,) = house.viewer.outcomes([task_id])
    with pytest.raises(UsageError, match="does not show all of the result"):
        house.viewer.result_text(outcome)
    for change in (
        lambda: house.viewer.cancel([task_id]),
        lambda: house.viewer.submit(ORDERS[0]),
        lambda: house.viewer.operate("retry", ""),
    ):
        with pytest.raises(NotAllowed, match="vera may look"):
            change()
    with pytest.raises(NotLoggedIn, match="Set LEASEHOLD_TOKEN"):
        house.nobody.outcomes([task_id])
    assert house.bench.views.count("") == 1


def test_a_large_result_arrives_whole_and_a_hidden_one_not_at_all(house: House) -> None:
    moves = Moves(house.bench)
    large, hidden, null = moves.out(3)
    for task_id in (large, hidden, null):
        moves.apply(task_id, moves.started())
    value = b'["large"]'
    ref = result_reference(large, "run-1.1", value)
    house.store.create(ref, value)
    moves.ledger.apply([Change(large, moves.completed(), payload=Payload(result_ref=ref))])
    moves.complete(hidden, '{"api_token":"hush"}')
    moves.complete(null, "null")
    found = {each.task_id: each for each in house.far.outcomes([large, hidden, null])}
    assert house.far.result_text(found[large]) == '["large"]'
    assert house.far.result_text(found[null]) == "null"
    with pytest.raises(UsageError, match="stands for what is hidden") as raised:
        house.far.result_text(found[hidden])
    assert HIDDEN in str(raised.value)


def test_a_task_is_submitted_by_the_name_of_its_handler(house: House) -> None:
    with pytest.raises(UsageError, match="lease_ms"):
        house.far.submit_named("work", {"x": 1})
    stored = house.far.submit_named("work", {"x": 1}, lease="1m", key="k", delay="1h", attempts=2)
    shown = house.far.views.task(stored.task_id)
    assert shown is not None
    assert (shown.task.policy.lease, shown.task.policy.attempts, shown.key) == (60_000, 2, "k")
    assert isinstance(house.far.submit_named("work", {"x": 1}, lease="1m", key="k"), Existing)
    with pytest.raises(UsageError, match="is taken by"):
        house.far.submit_named("work", {"x": 2}, lease="1m", key="k")
