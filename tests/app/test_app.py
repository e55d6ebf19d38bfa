"""What users of the Python face rely on, on a whole system in the test's own process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest

from leasehold import App, Recoverable, Retry, TaskCancelled, TaskFailed, Unrecoverable, current
from leasehold.adapters.memory import Faults
from leasehold.core.errors import (
    BadApplication,
    BadArguments,
    BadFilter,
    BadLease,
    KeyTaken,
    NoSuchTask,
    UnknownHandler,
    UsageError,
)
from leasehold.core.model import Status
from leasehold.testing import START, InlineSystem, run_inline
from tests.remote.inline import over_http

app = App("tests")
tries: list[int] = []


@app.task(lease="30s")
def double(number: int, plus: int = 0) -> int:
    return 2 * number + plus


@app.task(lease="30s", retry=Retry(attempts=3, backoff="1m..10m"))
def fails_twice(name: str) -> str:
    tries.append(current().token)
    if len(tries) < 3:
        raise OSError(f"{name} is not there yet")
    return name


@app.task(lease="30s")
def hopeless() -> None:
    raise Unrecoverable("the file is damaged")


@app.task(lease="30s", retry=Retry(attempts=2))
def later() -> str:
    run = current()
    state = run.load({"tries": 0})
    run.save({"tries": state["tries"] + 1})
    if not state["tries"]:
        raise Recoverable("come back in an hour", after="1h")
    return "done"


@app.task(lease="30s")
async def echo(text: str) -> str:
    await asyncio.sleep(0)
    return text


@app.task(lease="30s")
def sums(numbers: list[int], *, start: int = 0) -> int:
    return sum(numbers, start)


mood: list[str] = []


@app.task(lease="30s")
def moody(name: str) -> str:
    if not mood:
        raise Unrecoverable(name)
    return name


@pytest.fixture(params=["database", "api"])
def system(request: pytest.FixtureRequest) -> Iterator[InlineSystem]:
    """The system behind the App: its database, or the API of a real server over that."""
    tries.clear()
    mood.clear()
    with run_inline(app) as system, ExitStack() as stack:
        if request.param == "api":
            stack.enter_context(app.behind(stack.enter_context(over_http(system))))
        yield system


def test_a_task_is_still_an_ordinary_function() -> None:
    assert double(3, plus=1) == 7
    assert double.name == "double"


def test_a_result_comes_back_as_the_handler_returned_it(system: InlineSystem) -> None:
    assert double.submit(21).result() == 42
    assert sums.submit([1, 2], start=4).result() == 7
    assert echo.submit("é 😀").result() == "é 😀"


def test_a_failing_handler_is_tried_again_after_its_backoff(system: InlineSystem) -> None:
    assert fails_twice.submit("a.wav").result() == "a.wav"
    assert tries == sorted(set(tries)), "the fencing token rises from run to run"
    assert len(tries) == 3


def test_what_is_recoverable_after_an_hour_is_tried_after_an_hour(system: InlineSystem) -> None:
    assert later.submit().result() == "done"
    assert system.clock.now() - START >= 3_600_000


def test_what_is_unrecoverable_fails_at_once_with_its_reason(system: InlineSystem) -> None:
    handle = hopeless.submit()
    with pytest.raises(TaskFailed, match="the file is damaged"):
        handle.result()
    assert handle.view().task.attempts == 1


def test_arguments_that_do_not_fit_are_refused_before_anything_is_stored(system: InlineSystem) -> None:
    with pytest.raises(BadArguments, match=r"no argument 'numbr'.*Did you mean 'number'"):
        double.submit(numbr=1)  # pyright: ignore[reportCallIssue] - the mistake is the point
    with pytest.raises(BadArguments, match="number"):
        double.submit("many")  # pyright: ignore[reportArgumentType] - the mistake is the point
    with pytest.raises(BadArguments):
        sums.submit([object()])  # pyright: ignore[reportArgumentType] - the mistake is the point
    assert system.views.count("") == 0


def test_an_unknown_name_gets_a_hint() -> None:
    with pytest.raises(UnknownHandler, match="double"):
        app.submit("dubble", 1)


def test_the_same_key_is_the_same_task(system: InlineSystem) -> None:
    first = double.options(key="a", batch="b").submit(1)
    assert double.options(key="a", batch="b").submit(1).id == first.id
    with pytest.raises(KeyTaken, match=first.id):
        double.options(key="a", batch="b").submit(2)


def test_a_delayed_task_waits_for_its_time(system: InlineSystem) -> None:
    handle = double.options(delay="5m").submit(1)
    system.settle()
    assert handle.status is Status.PENDING
    assert handle.result() == 2
    assert system.clock.now() - START >= 300_000


def test_priority_decides_who_goes_first(system: InlineSystem) -> None:
    order: list[int] = []
    low = [double.options(priority=-1).submit(number) for number in range(3)]
    high = [double.options(priority=5).submit(number) for number in range(3)]
    system.dispatcher.step()
    sent = [task.body for task in system.task_queue("default").peek()]
    order = [next(at for at, body in enumerate(sent) if handle.id in body) for handle in (*high, *low)]
    assert order == sorted(order)


def test_cancelling_a_waiting_task_is_final(system: InlineSystem) -> None:
    handle = double.options(delay="1h").submit(1)
    assert handle.cancel("not needed")
    assert not handle.cancel(), "it has an outcome now"
    with pytest.raises(TaskCancelled, match="not needed"):
        handle.result()


def test_a_failed_task_can_be_retried_by_hand(system: InlineSystem) -> None:
    handle = hopeless.submit()
    with pytest.raises(TaskFailed):
        handle.result()
    assert handle.retry("the file was mended")
    assert handle.status is Status.PENDING
    with pytest.raises(TaskFailed):
        handle.result()


def test_a_handle_can_be_awaited(system: InlineSystem) -> None:
    async def wait() -> int:
        return await double.submit(4)

    assert asyncio.run(wait()) == 8


def test_a_result_that_takes_too_long_is_a_timeout_that_says_where_to_look(system: InlineSystem) -> None:
    handle = double.options(delay="1h").submit(1)
    with pytest.raises(TimeoutError, match=f"leasehold why {handle.id}"):
        handle.result(timeout="1m")


def test_a_task_of_another_ledger_is_not_found(system: InlineSystem) -> None:
    handle = double.submit(1)
    with run_inline(app), pytest.raises(NoSuchTask):
        handle.view()


# ---------------------------------------------------------------- many


def test_rows_become_tasks_and_rerunning_them_resumes(system: InlineSystem) -> None:
    rows = [{"number": str(number)} for number in range(5)]
    batch = double.submit_many(rows, key="number", batch="n")
    assert (batch.submitted, batch.existing, batch.rejected) == (5, 0, [])
    assert sorted(handle.result() for handle in batch.as_completed()) == [0, 2, 4, 6, 8]
    again = double.submit_many([*rows, {"number": "9"}], key="number", batch="n")
    assert (again.submitted, again.existing) == (1, 5)


def test_rows_that_do_not_fit_are_listed_and_the_others_go_on(system: InlineSystem) -> None:
    batch = double.submit_many([{"number": 1}, {"number": "x"}, {"nmber": 2}, {"number": 3}], key="number")
    assert batch.submitted == 2
    assert [row.number for row in batch.rejected] == [2, 3]
    assert batch.wait() == {"completed": 2}


def test_the_same_key_with_other_arguments_is_rejected_by_its_row(system: InlineSystem) -> None:
    double.submit_many([{"number": 1, "plus": 0}], key="number", batch="n")
    batch = double.submit_many([{"number": 1, "plus": 5}], key="number", batch="n")
    assert batch.submitted == 0
    assert "other arguments" in batch.rejected[0].reason


def test_common_arguments_are_the_same_for_all_rows(system: InlineSystem) -> None:
    batch = double.submit_many([{"number": 1}, {"number": 2}], plus=10)
    assert sorted(handle.result() for handle in batch.as_completed()) == [12, 14]


def test_what_failed_is_listed_and_retried_only_when_told_to(system: InlineSystem) -> None:
    rows = [{"name": "broken"}]
    assert moody.submit_many(rows, key="name", batch="m").wait() == {"failed": 1}
    listed = moody.submit_many(rows, key="name", batch="m")
    assert (listed.submitted, listed.existing, len(listed.failed)) == (0, 1, 1)
    assert listed.counts() == {"failed": 1}
    mood.append("good")
    assert moody.submit_many(rows, key="name", batch="m", retry_failed=True).wait() == {"completed": 1}


def test_a_thousand_tasks_are_cancelled_and_retried_by_a_filter(system: InlineSystem) -> None:
    batch = double.options(delay="1h").submit_many([{"number": n} for n in range(1_200)], batch="big")
    app.cancel_where("batch:big", reason="wrong files")
    system.settle()
    assert batch.counts() == {"cancelled": 1_200}
    app.retry_where("batch:big status:cancelled", reason="they were right")
    system.until_quiet()
    assert batch.counts() == {"completed": 1_200}
    retry, cancel = system.views.operations()
    assert (cancel.kind, cancel.changed, cancel.finished) == ("cancel", 1_200, "done")
    assert (retry.kind, retry.changed, retry.reason) == ("retry", 1_200, "they were right")


def test_a_filter_that_does_not_parse_starts_nothing(system: InlineSystem) -> None:
    with pytest.raises(BadFilter, match="batch"):
        app.cancel_where("bath:big")
    assert system.views.operations() == []


# ---------------------------------------------------------------- executor


def test_the_executor_resolves_futures_with_results_and_failures(system: InlineSystem) -> None:
    with app.executor() as executor:
        good = executor.submit(double, 5)
        bad = executor.submit(hopeless)
        assert good.result(timeout=60) == 10
        assert isinstance(bad.exception(timeout=60), TaskFailed)


def test_the_executor_takes_only_tasks(system: InlineSystem) -> None:
    with app.executor() as executor, pytest.raises(UsageError, match=r"@app\.task"):
        executor.submit(len, [1])


def test_a_lease_that_the_margin_eats_is_refused_at_the_first_use(tmp_path: Path) -> None:
    short = App("short", ledger=str(tmp_path / "jobs.db"), lease_margin="20s")
    task = short.task(lease="25s")(lambda: None)
    with pytest.raises(BadLease, match="lower lease_margin"):
        task.submit()
    assert not (tmp_path / "jobs.db").exists()


def test_a_handler_whose_queue_no_worker_could_serve_is_refused_where_it_is_made() -> None:
    with pytest.raises(BadApplication, match="queue 'media/eu' of handler 'double': no worker could serve it"):
        App("jobs").task(name="double", queue="media/eu")(lambda number: 2 * number)


def test_faults_of_the_queues_cost_time_not_results() -> None:
    faults = Faults(Random(3), lose_reply_receive=0.2, lose_reply_send=0.2, duplicate=0.2, fail_entry=0.2)
    with run_inline(app, seed=3, faults=faults):
        handles = [double.submit(number) for number in range(20)]
        assert [handle.result() for handle in handles] == [2 * number for number in range(20)]


def test_a_program_is_a_task_like_any_other(tmp_path: Path) -> None:
    """As far as the ledger; slots run it (tests/slots)."""
    with App("programs", ledger=str(tmp_path / "programs.db")) as programs:
        convert = programs.command("convert", "sox {source} {target}", unrecoverable=(2,), lease="1m", queue="media")
        with pytest.raises(BadArguments, match="'target'"):
            convert.submit(source="a b.wav")
        view = convert.submit(source="a b.wav", target="c.mp3").view()
        assert (view.task.name, view.task.queue, view.task.policy.lease) == ("convert", "media", 60_000)
        assert programs["convert"].handler.unrecoverable == (2,)
        with pytest.raises(BadApplication, match="in a worker's slot"):
            convert(source="a", target="b")
        with pytest.raises(BadApplication, match="there is a handler 'convert' already"):
            programs.command("convert", "true")
