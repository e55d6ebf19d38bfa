"""The reference lists every command with every option, and the fields of what each prints as JSON."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from leasehold.cli.program import program
from leasehold.core.advice import Measured, advise
from leasehold.core.costing import Place, Prices
from leasehold.core.events import Completed, Dispatched, Started
from leasehold.core.measured import Backend
from leasehold.core.model import Failure, FailureKind, Run, Status, Why
from leasehold.core.planning import plan
from leasehold.core.reports import Malformed
from leasehold.core.traffic import Work
from leasehold.flow import cost_shapes, shapes
from leasehold.flow.advising import Advised
from leasehold.flow.audit import audit
from leasehold.flow.auditing.verdict import DeadLevel, Overlap, QueueLevel, Refusals, Span, StatusLevel
from leasehold.flow.costing import Wanted, costs
from leasehold.ports.access import Role, Token
from leasehold.ports.ledger import Operation
from leasehold.ports.views import BatchView, Count, FailureGroup, Outcome, QueueView, RunView
from tests.docs.pages import table, text_of
from tests.fakes import NOW, FakeViews, a_task

PAGE = text_of("docs/reference.md")
ROWS = table(PAGE, "Commands")
FIELDS = {row[0]: row[1] for row in table(PAGE, "JSON")}
EVERYWHERE = {"--ledger", "--app", "--json", "--help"}


def code(cell: str) -> list[str]:
    """What stands in backticks."""
    return cell.split("`")[1::2]


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its whole name."""
    if not isinstance(command, click.Group):
        yield " ".join(path), command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from commands(found, (*path, name))


def listed() -> dict[str, str]:
    """Every command in the table, with its options."""
    found: dict[str, str] = {}
    for cell, _, options, _ in ROWS:
        for usage in code(cell):
            words = [word for word in usage.split() if word.islower()]
            found[" ".join(words)] = options
    return found


COMMANDS = dict(commands(program))


def test_every_command_is_listed() -> None:
    assert sorted(listed()) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_listed(name: str) -> None:
    shown = [each for each in COMMANDS[name].params if isinstance(each, click.Option) and not each.hidden]
    options = {opt for each in shown for opt in each.opts}
    long = {option for option in options if option.startswith("--")}
    assert set(code(listed()[name])) == long - EVERYWHERE


def examples() -> dict[str, shapes.Shape]:
    """One of each shape."""
    views = FakeViews()
    run = Run(1, 1, "run1", "w1", NOW + 1_000, NOW)
    views.add(a_task(1), (NOW, Dispatched(NOW + 60_000)), (NOW, Started(run)), (NOW, Completed(run, NOW)))
    task_id = next(task.id for chunk in views.scan() for task in chunk)
    view, trail = views.task(task_id), views.audit(task_id)
    assert view is not None
    known = (task_id, 1, 1, "run1", "w1", NOW, NOW + 1_000, NOW, "completed", None, None, None, None, None, None, 0)
    one = Span(1, 1, "run1", "w1", NOW, NOW + 1, ended=True)
    failure = Failure(FailureKind.EXIT, "Exit", "gone")
    found = costs(views, Place.SQS, Prices(), Wanted(0), NOW)
    measured, work = Measured([1_000], 60_000), Work(1, 1_000, 1_000, 1, 1, Backend.SQS)
    return {
        "task": shapes.task(view),
        "whole task": shapes.whole_task(view, [], trail),
        "run": shapes.run(RunView(*known)),
        "failure": shapes.failure(failure) or {},
        "line of the trail": shapes.line(trail[0]),
        "outcome": shapes.outcome(Outcome(task_id, Status.COMPLETED, NOW, "1", None, None, None)),
        "failure group": shapes.failure_group(FailureGroup("g", "n", "t", "m", "f", 1, NOW, NOW, task_id)),
        "batch": shapes.batch(BatchView("b", NOW, {})),
        "cell": shapes.cell(Count("q", "h", None, None, Status.PENDING, Why.DUE, 1)),
        "queue": shapes.queue(QueueView("q", paused=False, counts={})),
        "damaged message": shapes.damaged(NOW, Malformed("status", "d", "?", "no JSON")),
        "operation": shapes.operation(Operation("o", "retry", "", "", "ann", "", NOW)),
        "token": shapes.token(Token("t", "ann", Role.VIEWER, NOW, "root"), NOW),
        "verdict": shapes.verdict(audit(views)),
        "overlap": shapes.overlap(Overlap(task_id, one, one, 1, promised=True, because="")),
        "run in an overlap": shapes.span(one),
        "refusals": Refusals()._asdict(),
        "cost": cost_shapes.costs(found),
        "wasted": cost_shapes.costs(found)["wasted"][0],
        "advised lease": cost_shapes.advised(Advised("work", 1, 1, measured, advise(measured, 1, 4))),
        "plan": cost_shapes.plan(work, plan(work)),
        "queue of a verdict": QueueLevel("q", 0, 0, 0, 0, 0, 0, 0, 0, 0)._asdict(),
        "status of a verdict": shapes.status_level(StatusLevel(0, 0, NOW, stuck=False)),
        "dead letters of a verdict": DeadLevel(0, 0)._asdict(),
    }


EXAMPLES = examples()


@pytest.mark.parametrize("shape", EXAMPLES)
def test_every_field_is_listed(shape: str) -> None:
    fields = list(EXAMPLES[shape])
    if shape == "whole task":
        fields = [field for field in fields if field not in EXAMPLES["task"]]
    assert sorted(code(FIELDS[shape])) == sorted(fields)


def test_every_shape_is_listed() -> None:
    assert set(FIELDS) == set(EXAMPLES)
