"""What a handler can rely on while it behaves."""

import json
from pathlib import Path

from leasehold.core.model import FailureKind
from leasehold.ports.slots import Answer, Began, Loading, Returned, Saving, Told
from tests.slots.bench import Bench, Held
from tests.slots.conftest import Make


def test_a_run_begins_and_returns_its_result_as_json(shared: Bench) -> None:
    run_id = shared.start("add", a=40)
    end = shared.end(run_id)
    assert end.result == "42"
    assert [type(event) for event in shared.seen if event.run_id == run_id] == [Began, Returned]
    assert shared.began(run_id).at_boot <= end.at_boot


def test_arguments_are_converted_as_the_hints_say(shared: Bench) -> None:
    assert shared.run("add", a="40", b=2.0).result == "42"


def test_arguments_that_do_not_fit_fail_for_good(shared: Bench) -> None:
    end = shared.run("add", a="forty")
    assert end.failure.kind is FailureKind.ARGUMENTS
    assert "'forty' for 'a'" in end.failure.message
    assert end.unrecoverable


def test_large_values_go_both_ways(shared: Bench) -> None:
    value = ["grün \u0000 \ud800", "x" * 3_000_000]
    assert json.loads(shared.run("give", value=value).result) == value


def test_a_run_knows_who_it_is(shared: Bench) -> None:
    assert json.loads(shared.run("about", task="t1").result) == ["t1", 3, 1, 3 << 20 | 1, None, True]


def test_a_checkpoint_comes_back_in_the_next_run(shared: Bench) -> None:
    assert [shared.run("count", task="counting").result for _ in range(3)] == ["1", "2", "3"]
    assert shared.states["counting"] == '{"count": 3}'
    assert shared.wait(lambda event: isinstance(event, Saving) and event.fraction == 0.3).note == "counted"
    assert shared.wait(lambda event: isinstance(event, Loading))


def test_a_large_checkpoint_comes_back(shared: Bench) -> None:
    shared.states["large"] = json.dumps({"count": 1, "rest": "x" * 1_000_000})
    assert shared.run("count", task="large").result == "2"
    assert len(shared.states["large"]) > 1_000_000


def test_threads_of_a_run_can_save_and_load(shared: Bench) -> None:
    assert shared.run("save_from_thread", task="threads").result == "42"


def test_a_checkpoint_that_cannot_be_kept_is_an_error_in_the_handler(make: Make) -> None:
    bench = make()
    bench.answer = Answer(error="the store is full")
    end = bench.run("count")
    assert (end.failure.type, end.failure.message) == ("StoreUnavailable", "the store is full")


def test_a_checkpoint_must_be_json(shared: Bench) -> None:
    assert "cannot be written as JSON" in shared.run("save_what_is_no_json").failure.message


def test_progress_is_told(shared: Bench) -> None:
    run_id = shared.start("progress", done=1, total=4)
    shared.end(run_id)
    assert Told(run_id, 0.25, "on the way") in shared.seen


def test_a_run_that_fills_the_pipe_waits_for_the_worker_and_goes_on(make: Make) -> None:
    bench = make()
    run_id = bench.start("tell_much", times=20_000)
    assert bench.end(run_id).result == "null"
    told = [event for event in bench.seen if isinstance(event, Told)]
    assert [event.fraction for event in told] == [number / 20_000 for number in range(20_000)]


def test_a_note_is_cut(shared: Bench) -> None:
    run_id = shared.start("tell_a_story")
    assert shared.end(run_id).result == "null"
    told = shared.wait(lambda event: event.run_id == run_id and isinstance(event, Told))
    assert len(told.note) == 500


def test_an_unknown_handler_is_known_to_be_unknown(shared: Bench) -> None:
    assert shared.pool.knows("noop")
    assert not shared.pool.knows("noope")


def test_results_beyond_json_are_written_by_pydantic(shared: Bench) -> None:
    assert shared.run("return_a_date").result == '"2024-02-29"'


def test_a_result_that_is_no_json_fails_for_good(shared: Bench) -> None:
    end = shared.run("return_no_json")
    assert end.failure.kind is FailureKind.RESULT
    assert "JSON cannot hold" in end.failure.message
    assert end.unrecoverable


def test_one_process_runs_one_job_after_the_other(make: Make) -> None:
    bench = make()
    assert len({bench.run("pid").result for _ in range(5)}) == 1


def test_a_run_that_is_interrupted_ends_without_blame(make: Make, held: Held) -> None:
    bench = make()
    run_id = bench.start("until_interrupted", fifo=held.path)
    held.wait_until_held()
    bench.pool.interrupt("drain")
    end = bench.end(run_id)
    assert (end.cause, end.begun) == ("drain", True)


def test_the_answer_to_a_checkpoint_can_interrupt(make: Make, held: Held) -> None:
    bench = make()
    bench.answer = Answer(interrupted="cancelled")
    assert bench.run("count", task="x").result == "1"


def test_an_answer_that_fills_the_pipe_arrives(make: Make) -> None:
    """On a full disk a checkpoint comes back by pipe, and no run hangs because it does not fit at once."""
    bench = make()
    bench.run("noop")
    process = bench.pool._slots[0].process
    for number in range(50):
        Path(process.folder, f"w{number}").symlink_to("/dev/full")
    bench.states["task"] = json.dumps({"count": 1, "bulk": "x" * 3_000_000})
    assert bench.run("count").result == "2"
