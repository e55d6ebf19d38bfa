"""One task and many, over HTTP: stored when they are answered, once where they have keys."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import pytest

from leasehold.adapters.memory.store import MemoryStore
from leasehold.core.errors import LedgerUnavailable
from leasehold.flow.registry import Registry
from leasehold.testing.ledger_bench import LedgerBench
from leasehold.web import intake
from leasehold.web.application import create_app
from leasehold.web.intake import Intake, Lines, Terms
from leasehold.web.source import Source, Writing
from tests.web.conftest import Api, writing

TYPE = "/api/v1/problems/"
STREAM = "/api/v1/tasks/stream"
Row = dict[str, Any]


def task(nth: int = 0, **more: object) -> Row:
    """A task as a row."""
    return {"handler": "convert", "arguments": {"n": nth}, "lease_ms": 60_000, **more}


def lines(rows: Iterable[object]) -> bytes:
    """Rows as they are sent."""
    return b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows)


def streamed(api: Api, body: bytes | Iterator[bytes], query: str = "", **headers: str) -> list[Row]:
    """The lines that are answered."""
    answer = api.client.post(STREAM + query, content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def test_a_task_is_stored_when_it_is_answered(api: Api) -> None:
    said = api.post("/tasks", task(1, batch="b", queue="media", priority=3, attempts=2, key="k"), status=201)
    assert (said["existed"], said["status"]) == (False, "pending")
    shown = api.get(f"/tasks/{said['id']}")
    kept = ("handler", "batch", "queue", "priority", "attempts_allowed", "key", "lease_ms", "arguments")
    assert [shown[name] for name in kept] == ["convert", "b", "media", 3, 2, "k", 60_000, {"n": 1}]
    assert shown["trail"][0]["detail"] == "submitted by local operator from testclient"


def test_a_key_makes_it_repeatable_and_so_does_the_header(api: Api) -> None:
    both: list[tuple[Any, Any]] = [({"key": "k"}, {}), ({}, {"idempotency_key": "once"})]
    for more, headers in both:
        first = api.post("/tasks", task(**more), status=201, **headers)
        assert api.post("/tasks", task(**more), **headers) == {**first, "existed": True}
        problem = api.not_changed("/tasks", task(2, **more), **headers)
        assert (problem["type"], problem["status"], problem["task"]) == (TYPE + "key-taken", 409, first["id"])
    assert api.post("/tasks", task(), status=201)["id"] != api.post("/tasks", task(), status=201)["id"]


def test_a_handler_that_is_known_says_queue_and_lease_and_checks_arguments(
    bench: LedgerBench, store: MemoryStore
) -> None:
    def transcribe(source: str, language: str = "en") -> None: ...

    registry = Registry()
    registry.add(transcribe, name="transcribe", lease="5m", queue="media", priority=2)
    api = Api(create_app(Source(bench.views, lambda: store, writing(bench, store, handlers=registry.get))))
    id = api.post("/tasks", {"handler": "transcribe", "arguments": {"source": "a"}}, status=201)["id"]
    shown = api.get(f"/tasks/{id}")
    assert (shown["queue"], shown["priority"], shown["lease_ms"]) == ("media", 2, 300_000)
    wrong = api.not_changed("/tasks", {"handler": "transcribe", "arguments": {"source": "a", "lang": "de"}})
    assert (wrong["type"], wrong["status"]) == (TYPE + "bad-arguments", 400)
    assert "has no argument 'lang'" in wrong["detail"]
    unknown = api.not_changed("/tasks", {"handler": "transcribed"})
    assert (unknown["type"], unknown["status"]) == (TYPE + "unknown-handler", 400)


@pytest.mark.parametrize(
    ("body", "slug"),
    [
        ({"handler": "convert"}, "usage"),
        (task(lease_ms=500), "bad-lease"),
        (task(key=""), "bad-request"),
        (task(queue="a b"), "bad-request"),
        (task(batch="a\0b"), "bad-request"),
        (task(priority=10**10), "bad-request"),
        (task(retires=3), "bad-request"),
        (task(arguments={"a": json.loads("[" * 70 + "]" * 70)}), "bad-arguments"),
    ],
)
def test_a_task_that_cannot_be_is_refused_and_nothing_is_stored(api: Api, body: Row, slug: str) -> None:
    assert api.not_changed("/tasks", body)["type"] == TYPE + slug
    assert api.get("/tasks/count")["count"] == 0


def test_rows_are_answered_one_by_one_and_bad_ones_are_left_out(api: Api) -> None:
    wrong = [{"handler": "convert"}, b"", [], task(3, nmae="x"), task(4, arguments={"a": "\ud800"})]
    rows = [task(1), b"{", task(2), *wrong]
    *answers, last = streamed(api, lines(rows))
    assert [each["row"] for each in answers] == [1, 2, 3, 4, 5, 6, 7]  # the empty line is none
    bad = {each["row"]: each["problem"]["detail"] for each in answers if "problem" in each}
    assert set(bad) == {2, 4, 5, 6, 7}
    assert "lease_ms" in bad[4]
    assert bad[6] == "nmae: there is no such parameter here"
    assert last == {"done": True, "rows": 7, "submitted": 2, "existing": 0, "rejected": 5}
    assert api.get("/tasks/count")["count"] == 2
    shown = api.get(f"/tasks/{answers[2]['id']}")
    assert shown["arguments"] == {"n": 2}
    assert shown["trail"][0]["detail"] == "submitted by local operator from testclient"


def test_the_same_rows_again_are_the_same_tasks(api: Api) -> None:
    rows = lines([task(1, key="a"), task(2, key="b")])
    first, again = streamed(api, rows), streamed(api, rows)
    assert again[-1] == {"done": True, "rows": 2, "submitted": 0, "existing": 2, "rejected": 0}
    assert [each["id"] for each in again[:-1]] == [each["id"] for each in first[:-1]]
    taken = streamed(api, lines([task(3, key="b"), task(4, key="c"), task(5, key="c")]))
    assert [each["row"] for each in taken[:-1] if each.get("problem", {}).get("type") == TYPE + "key-taken"] == [1, 3]


def test_the_header_gives_rows_without_a_key_one_of_their_number(api: Api) -> None:
    rows = lines([task(1), task(2, key="own"), task(3)])
    first = streamed(api, rows, **{"idempotency-key": "night"})
    again = streamed(api, rows, **{"idempotency-key": "night"})
    assert [each["id"] for each in again[:-1]] == [each["id"] for each in first[:-1]]
    assert [api.get(f"/tasks/{each['id']}")["key"] for each in first[:-1]] == ["night/1", "own", "night/3"]
    assert streamed(api, rows)[-1]["submitted"] == 2


def test_quiet_answers_only_what_was_rejected(api: Api) -> None:
    answers = streamed(api, lines([task(1), b"{", task(2)]), "?quiet=true")
    assert [each.get("row") for each in answers] == [2, None]


def test_more_than_any_other_body_may_hold_comes_in_chunks(
    api: Api, bench: LedgerBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    monkeypatch.setattr(bench.ledger, "submit", counting(bench.ledger.submit, written))
    pad = "x" * 1_000
    body = (lines([task(nth, arguments={"pad": pad})]) for nth in range(2_500))
    assert streamed(api, body)[-1] == {"done": True, "rows": 2_500, "submitted": 2_500, "existing": 0, "rejected": 0}
    assert sum(written) == 2_500
    assert max(written) <= intake.ROWS


def counting(submit: Any, written: list[int]) -> Any:  # noqa: ANN401 - stands where the ledger's own stood
    def counted(tasks: list[object], connection: object = None) -> object:
        written.append(len(tasks))
        return submit(tasks, connection)

    return counted


def test_a_ledger_that_goes_away_in_the_middle_is_the_last_line(
    api: Api, bench: LedgerBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit, calls = bench.ledger.submit, iter([True])

    def once(tasks: list[Any], connection: object = None) -> object:
        if next(calls, False):
            return submit(tasks, connection)
        raise LedgerUnavailable("the ledger is away")

    monkeypatch.setattr(bench.ledger, "submit", once)
    *answers, last = streamed(api, lines(task(nth) for nth in range(intake.ROWS + 1)))
    assert len(answers) == intake.ROWS
    assert last["problem"]["type"] == TYPE + "ledger-unavailable"
    assert (last["rows"], last["submitted"]) == (intake.ROWS, intake.ROWS)
    assert "done" not in last


def test_a_line_that_is_too_long_is_rejected_and_not_kept() -> None:
    cut = Lines(10)
    for piece in (b"a\nbbbb", b"b" * 20, b"b" * 20, b"\ncc\n", b"d" * 11 + b"\n", b"\n", b"e"):
        cut.feed(piece)
        assert len(cut._rest) <= 10
    cut.end()
    assert [(line.row, line.text) for line in cut.taken()] == [(1, b"a"), (2, None), (3, b"cc"), (4, None), (5, b"e")]


def test_what_is_there_is_committed_while_the_sender_pauses(bench: LedgerBench, store: MemoryStore) -> None:
    """Somebody sends a row and waits for its answer before he sends the next."""
    made: Writing = writing(bench, store)

    async def conversation() -> list[bytes]:
        answered = asyncio.Event()

        async def body() -> AsyncIterator[bytes]:
            yield lines([task(1)])
            await asyncio.wait_for(answered.wait(), 60)
            yield lines([task(2)])

        said: list[bytes] = []
        async for piece in Intake(Terms(made, "ada", None, quiet=False, longest=1_000)).answers(body()):
            said.append(piece)
            answered.set()
        return said

    first, second, last = asyncio.run(conversation())
    assert [json.loads(piece)["row"] for piece in (first, second)] == [1, 2]
    assert json.loads(last)["done"] is True
