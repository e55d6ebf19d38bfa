"""One call of the user's code, and what is said about its end."""

from __future__ import annotations

from typing import NamedTuple

from leasehold.adapters.slots.frames import RAISED, RETURNED, YIELDED
from leasehold.adapters.slots.lending import Loan
from leasehold.adapters.slots.line import WorkerGone
from leasehold.adapters.slots.link import ChildLink
from leasehold.adapters.slots.spool import Text
from leasehold.core.errors import BadResult, Interrupted, UnknownHandler
from leasehold.core.model import FailureKind
from leasehold.ports.handlers import Handler, Handlers

OrderFields = tuple[int, str, str, Text, int, int, int, int, Loan, str | None]


class Order(NamedTuple):
    """A job as the child gets it."""

    seq: int
    task_id: str
    name: str
    arguments: Text
    n: int
    r: int
    deadline: int
    start_by: int
    loan: Loan
    """Variables that its handler asked for."""
    trace: str | None
    """The ``traceparent`` for what it does."""


class Asked(SystemExit):
    """The leash asks this process to end now; whoever catches this and goes on is killed."""


class End(NamedTuple):
    """How a run ended: the kind of message and what it carries."""

    kind: int
    payload: object


class Misfit(Exception):
    """The arguments do not fit: the handler was never called."""


def find(handlers: Handlers, name: str) -> Handler:
    """The handler; the worker has asked before, but the application may have changed since."""
    if (handler := handlers.find(name)) is None:
        raise UnknownHandler(f"the application has no handler {name!r} any more")
    return handler


def fit(handler: Handler, arguments: str) -> dict[str, object]:
    """The arguments by name. Any error here is the arguments', also one of the user's own validators."""
    try:
        return handler.coerce(arguments)
    except Exception as error:
        raise Misfit from error


def call(handlers: Handlers, name: str, arguments: str, link: ChildLink) -> End:
    """Call a plain handler and say how it ended."""
    try:
        handler = find(handlers, name)
        values = fit(handler, arguments)
        if handler.command is None:
            result = handler.function(**values)
        else:
            from leasehold.adapters.slots.program import run_program  # noqa: PLC0415 - it brings subprocess

            result = run_program(handler, values)
        return give(handler, result, link)
    except (Asked, WorkerGone):
        raise
    except BaseException as error:  # noqa: BLE001 - sys.exit() in a handler is a failed run, not the end of the slot
        return explain(error, link)


def give(handler: Handler, result: object, link: ChildLink) -> End:
    """The result, if it can be written down."""
    try:
        return End(RETURNED, link.line.spool.give(handler.dump_result(result)))
    except BadResult as error:
        return explain(error, link, FailureKind.RESULT)


def explain(error: BaseException, link: ChildLink, kind: FailureKind = FailureKind.EXCEPTION) -> End:
    """What is said about an exception that ended a run."""
    if isinstance(error, Interrupted) and (why := link.interrupted()) is not None:
        return End(YIELDED, why)
    from leasehold.adapters.slots import failures  # noqa: PLC0415 - most children never need it

    hopeless = kind is FailureKind.RESULT or failures.is_unrecoverable(error)
    if isinstance(error, Misfit):
        cause, hopeless = error.__cause__ or error, True
        if isinstance(cause, (MemoryError, ImportError)):
            hopeless = False  # this machine's trouble
        else:
            kind = FailureKind.ARGUMENTS
        error = cause
    failure = failures.describe(error, kind)
    return End(RAISED, ((str(failure.kind), *failure[1:]), hopeless, failures.wait_asked(error)))
