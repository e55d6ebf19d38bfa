"""What the commands that look show: tables for people, stable JSON for programs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from leasehold.core.events import Cancelled, Completed, Dispatched, Failed, Started
from leasehold.core.model import Failure, FailureKind, Run
from leasehold.core.reports import Malformed
from leasehold.ports.ledger import Operation
from leasehold.ports.views import FailureGroup, RunView
from tests.cli.conftest import Said, words
from tests.fakes import NOW, FakeViews, a_task

Command = Callable[..., Said]
RUN = Run(1, 1, "run1", "w1", NOW + 30_000, NOW - 90_000)
BOOM = Failure(FailureKind.EXCEPTION, "ValueError", "not a WAV file", "jobs.py:transcribe", "Traceback ...")


@pytest.fixture
def views() -> FakeViews:
    """A completed, a failed, a cancelled, a running and a due task of batch november."""
    views = FakeViews()
    sent, begun = (NOW - 95_000, Dispatched(NOW + 500_000)), (NOW - 90_000, Started(RUN))
    views.add(a_task(1, batch="november"), sent, begun, (NOW - 80_000, Completed(RUN, NOW - 80_000)))
    failed = Failed(RUN, NOW - 70_000, BOOM, unrecoverable=True)
    views.add(a_task(2, batch="november"), sent, begun, (NOW - 70_000, failed))
    views.add(a_task(3, batch="november"), (NOW - 60_000, Cancelled("ann", "too dear")))
    views.add(a_task(4, batch="november"), sent, (NOW - 5_000, Started(RUN)))
    views.add(a_task(5))
    views.rows[a_task(1).id] = views.rows[a_task(1).id]._replace(key="a.wav", result='"hello"')
    views.rows[a_task(4).id] = views.rows[a_task(4).id]._replace(fraction=0.45, note="segment\x1b[2J 9")
    facts = (a_task(2).id, 1, 1, "run1", "w1", NOW - 90_000, NOW, NOW - 70_000, "failed", None, None, None)
    views.run_rows = [RunView(*facts, BOOM, "log", None, 3)]
    cause = ("transcribe", "ValueError", "not a WAV file", "jobs.py:f")
    views.groups = [FailureGroup("ab12", *cause, 1, NOW, NOW, a_task(2).id)]
    return views


def test_tasks_are_listed_newest_first(run: Command) -> None:
    said = run("tasks", "ls")
    lines = words(said.out)
    assert lines[0].startswith("ID STATUS HANDLER WHAT BATCH QUEUE DONE")
    assert lines[2] == (
        f"{a_task(4).id} in_progress transcribe source=a.wav november default 45% 0/0 w1 5 s ago "
        "segment\N{REPLACEMENT CHARACTER}[2J 9"
    )
    assert len(lines) == 6
    assert said.err == ""


def test_tasks_are_listed_for_programs_one_per_line(run: Command) -> None:
    lines = run("tasks", "ls", "status:failed", "--json").lines
    assert len(lines) == 1
    assert lines[0] | {"reason": "not a WAV file", "status": "failed", "attempts": 1, "worker": "w1"} == lines[0]
    assert lines[0]["ended_at"] == "2027-01-15T07:58:50.000Z"


def test_a_list_that_is_cut_says_so(run: Command) -> None:
    said = run("tasks", "ls", "--limit", "2")
    assert len(words(said.out)) == 3
    assert said.err == "2 of 5 tasks; --limit shows more.\n"


def test_an_empty_list_is_a_sentence(run: Command) -> None:
    assert run("tasks", "ls", "why:lapsed").err == "No task fits.\n"


@pytest.mark.parametrize("part", [a_task(2).id, "000000000002"])
def test_a_task_is_found_by_a_part_of_its_id(run: Command, part: str) -> None:
    assert run("tasks", "show", part, "--json").json["id"] == a_task(2).id


def test_a_part_that_means_several_tasks_is_refused(run: Command) -> None:
    said = run("tasks", "show", "0190")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("leasehold: 5 tasks have an id that begins or ends with '0190', or that key: 01900000-")


def test_a_task_that_does_not_exist_is_an_error_in_one_sentence(run: Command) -> None:
    said = run("why", "ffff")
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "no task has an id that begins or ends with 'ffff', or that key. List them" in said.err


def test_a_task_is_shown_with_its_runs_failures_and_trail(run: Command) -> None:
    lines = words(run("tasks", "show", "000000000002").out)
    assert lines[0] == "transcribe failed"
    assert f"id {a_task(2).id}" in lines
    assert "reason not a WAV file" in lines
    assert "1 w1 07:58:30 20 s failed 1.1 08:00:00 3 B" in lines
    assert "run 1: ValueError in jobs.py:transcribe: not a WAV file" in lines
    assert lines[-1] == "07:58:50 failed failed 1.1 not a WAV file"


def test_a_task_is_shown_whole_for_programs(run: Command) -> None:
    shown = run("tasks", "show", "000000000001", "--json").json
    assert shown["arguments"] == {"source": "a.wav"}
    assert shown["result"] == "hello"
    assert [line["kind"] for line in shown["trail"]] == ["submitted", "dispatched", "started", "completed"]


def test_the_logs_of_a_task_are_printed_run_by_run(run: Command) -> None:
    said = run("tasks", "logs", "000000000002")
    assert (said.out, said.err) == ("log\n", "--- run 1 on w1: failed\n")
    assert run("tasks", "logs", "000000000002", "--run", "1", "--json").lines[0]["log"] == "log"


def test_a_run_that_was_not_is_refused(run: Command) -> None:
    said = run("tasks", "logs", "000000000002", "--run", "7")
    assert (said.code, said.err) == (
        2,
        "leasehold: there is no run 7: the task has had 1 run. See: leasehold tasks logs --help\n",
    )


def test_why_says_one_paragraph_and_what_to_do(run: Command) -> None:
    said = run("why", "000000000002")
    assert said.out.splitlines()[0] == f"Task {a_task(2).id} (transcribe): failed"
    assert 'It failed at 07:58:50 (1 min 10 s ago): "not a WAV file"' in said.out
    assert f"  leasehold tasks retry {a_task(2).id}" in said.out
    assert run("why", "000000000002", "--json").json["remedies"][0]["command"].startswith("tasks retry ")


def test_failures_are_grouped(run: Command) -> None:
    said = run("failures")
    assert words(said.out)[1].startswith("1 transcribe ValueError not a WAV file jobs.py:f now now ab12")
    assert "leasehold tasks retry --filter 'group:ab12'" in said.err
    assert run("failures", "--json").lines[0]["group"] == "ab12"


def test_batches_are_listed_and_shown(run: Command) -> None:
    assert words(run("batch", "ls").out)[1] == "november 1 min 40 s ago 4 75% 0 1 1 1 1"
    shown = run("batch", "show", "november").out
    assert shown.splitlines()[0] == "november: 4 tasks, 75% ended"
    assert "to go  1, 1.8 tasks/min, about 33 s to go" in shown
    assert "Running the longest:" in shown
    assert run("batch", "show", "november", "--json").json["left"] == 1


def test_a_batch_that_does_not_exist_gets_a_hint(run: Command) -> None:
    said = run("batch", "show", "novembr")
    assert (said.code, said.err) == (2, "leasehold: there is no batch 'novembr'. Did you mean 'november'?\n")


def test_a_batch_is_exported_as_json_lines_or_csv(run: Command) -> None:
    lines = run("batch", "export", "november").lines
    assert {line["id"] for line in lines} >= {a_task(1).id}
    table = run("batch", "export", "november", "--format", "csv").out.splitlines()
    assert table[0] == "id,handler,key,status,ended_at,attempts,losses,reason,arguments,result"
    assert any(line.endswith(',"{""source"": ""a.wav""}","""hello"""') for line in table)


def test_queues_are_listed(run: Command, views: FakeViews) -> None:
    views.paused.add("default")
    assert words(run("queue", "ls").out)[1] == "default paused 0 0 1 0 0 1 1 1 1"
    assert run("queue", "ls", "--json").lines[0]["counts"]["pending/due"] == 1


def test_pausing_a_queue_that_never_was_is_taken_for_a_slip(run: Command) -> None:
    said = run("queue", "pause", "defualt")
    assert (said.code, said.err) == (2, "leasehold: there is no queue 'defualt'. Did you mean 'default'?\n")


def test_damaged_messages_are_listed(run: Command, views: FakeViews) -> None:
    assert run("queue", "quarantine").err == "No message was damaged.\n"
    views.damaged = [(NOW - 5_000, Malformed("tasks:default", "d1", "{\x1b[2J", "it is no JSON"))]
    assert (
        words(run("queue", "quarantine").out)[1] == "5 s ago tasks:default it is no JSON {\N{REPLACEMENT CHARACTER}[2J"
    )
    assert run("queue", "quarantine", "--json").lines == [
        {
            "found_at": "2027-01-15T07:59:55.000Z",
            "source": "tasks:default",
            "reason": "it is no JSON",
            "digest": "d1",
            "body": "{\x1b[2J",
        }
    ]


def test_operations_are_listed(run: Command, views: FakeViews) -> None:
    views.started = [Operation("op1", "retry", "status:failed", "z", "ann", "again", NOW - 5_000, "", 10, 4)]
    assert words(run("operations", "ls").out)[1] == "op1 retry going on 4 of 10 5 s ago ann status:failed again"
    assert run("operations", "ls", "--json").lines[0]["state"] == "going on"


def test_an_operation_that_failed_says_why(run: Command, views: FakeViews) -> None:
    one = Operation("op1", "retry", "id:01", "z", "ann", "", NOW - 5_000)
    why = "id:01 begins the ids of over 1,000 tasks. Write more of the id"
    views.started = [one._replace(finished="failed", finished_at=NOW, stopped_by=why), one._replace(id="op2")]
    said = run("operations", "ls")
    assert words(said.out)[1].startswith("op1 retry failed")
    assert said.err == f"Operation op1 failed: {why}.\n"
    assert run("operations", "ls", "--json").lines[0]["stopped_by"] == why


def test_an_audit_prints_its_verdict(run: Command) -> None:
    said = run("audit")
    assert said.code == 0
    assert said.out.splitlines()[-1].startswith("Nothing is lost: 5 tasks, 1 completed, 4 listed with their reason;")
    assert run("audit", "--json").json["ok"] is True


def test_an_audit_says_which_queue_could_not_be_asked(run: Command, views: FakeViews) -> None:
    views.mute = "the network is down"
    said = run("audit")
    assert said.code == 0
    assert "Note: what is on queue 'default' is not known: the network is down." in said.out
    assert said.out.splitlines()[-1].endswith("; counters, trails and leases agree.")


def test_an_audit_asks_in_vain_and_says_nothing_of_a_queue_whose_tasks_have_all_ended(
    run: Command, views: FakeViews
) -> None:
    views.mute = "queue 'jobs-tasks-old' does not exist"
    views.rows = {task_id: view for task_id, view in views.rows.items() if view.task.terminal}
    assert views.rows
    assert "not known" not in run("audit").out


def test_an_audit_that_finds_something_unexplained_exits_with_1(run: Command, views: FakeViews) -> None:
    views.miscount = 3
    said = run("audit")
    assert said.code == 1
    assert "Unexplained: 1 counter differs" in said.out
