"""Handlers with their hints and policies: an object that is passed around, never a global."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from leasehold.core.bundles import LARGEST_BUNDLE
from leasehold.core.errors import BadApplication, BadLease, UnknownHandler, UsageError
from leasehold.core.model import Policy
from leasehold.core.queues import check_queue
from leasehold.core.suggest import did_you_mean
from leasehold.core.units import SECOND, milliseconds, say_duration
from leasehold.flow.arguments import Arguments, Parameters, dump_result, hints_of, parameters_of
from leasehold.flow.commands import Command

LONGEST_LEASE = 43_195 * SECOND
"""SQS hides a message for at most 12 hours, less a little for the clocks."""
USEFUL = 10 * SECOND
USEFUL_MARGINS = 3
LEAST = 100
DEFAULT_LEASE = "30m"
DEFAULT_QUEUE = "default"
DEFAULT_PRIORITY = 0
NAME_LENGTH = 200
CLOUD = "AWS_*"
"""Where credentials of the cloud are, and where they are found: keys, profiles, a container's and a pod's role."""
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\*?")
COROUTINE = 0x80
"""Flag of a code object, as ``inspect`` names it."""


def useful_minimum(margin: int) -> int:
    """How many ms of a lease must be left for work once the margin is taken off.

    Ten seconds: below that, the round trips around a run weigh more than the run, and every hiccup costs a lease. But
    whoever configures a margin under 3.3 s has said that round trips are short here (everything on one machine), so
    three margins are enough, and a tenth of a second at the least.
    """
    return max(LEAST, min(USEFUL, USEFUL_MARGINS * margin))


def parse_lease(lease: str | float) -> int:
    """A lease in ms from ``"30m"``, ``"8s"`` or seconds.

    Raises:
        BadLease: it is no duration, or longer than any queue can hide a message.
    """
    try:
        span = milliseconds(lease)
    except ValueError as error:
        raise BadLease(str(error)) from error
    if span > LONGEST_LEASE:
        raise BadLease(
            f"a lease of {say_duration(span)} is longer than a queue can hide a message; the most is "
            f"{say_duration(LONGEST_LEASE)}. Save checkpoints, and a longer job goes on in its next run"
        )
    if span < LEAST:
        raise BadLease(f"a lease of {span} ms leaves no time to work; give at least some seconds")
    return span


def check_lease(name: str, lease: int, margin: int) -> None:
    """Refuse a lease that leaves too little to work in once the margin (both in ms) is taken off.

    Raises:
        BadLease: says what the least is, and what to change.
    """
    least = margin + useful_minimum(margin)
    if lease < least:
        raise BadLease(
            f"handler {name!r} has a lease of {say_duration(lease)}, but {say_duration(margin)} of it are kept as "
            f"margin, for stopping the run and reporting it: give it at least {say_duration(least)}, or lower "
            "lease_margin"
        )


class Retry:
    """How often and when a failed task is tried again.

    Args:
        attempts: how many runs may fail by their own fault before the task counts as failed.
        backoff: pause before the next try, from the first to the longest: ``"2s..10m"``. It doubles from try to try,
            with full jitter.
        losses: how many runs may be lost with their machine.
    """

    __slots__ = ("attempts", "backoff", "losses")

    def __init__(self, attempts: int = 5, backoff: str = "2s..10m", losses: int = 20) -> None:
        if attempts < 1 or losses < 1:
            raise BadApplication("Retry needs attempts and losses of at least 1: each counts the first run too")
        self.attempts = attempts
        self.backoff = parse_backoff(backoff)
        self.losses = losses

    def policy(self, lease: int, bundle: int = 1) -> Policy:
        """The policy that is stored with each task."""
        return Policy(lease, self.attempts, self.losses, *self.backoff, bundle)


def parse_backoff(written: str) -> tuple[int, int]:
    """The two ends of ``"2s..10m"`` in ms; one duration alone is both."""
    low, _, high = written.partition("..")
    try:
        ends = milliseconds(low), milliseconds(high or low)
    except ValueError as error:
        raise BadApplication(f"backoff {written!r} does not parse ({error}). Write it like '2s..10m'") from error
    if ends[0] > ends[1]:
        raise BadApplication(f"backoff {written!r} runs backwards: the shorter pause comes first")
    return ends


class Handler:
    """A named function, or command, with its policy."""

    def __init__(
        self,
        name: str,
        function: Callable[..., object],
        *,
        policy: Policy,
        queue: str,
        priority: int = DEFAULT_PRIORITY,
        concurrency: int = 1,
        unrecoverable: Sequence[int] = (),
        command: Command | None = None,
        environment: Sequence[str] = (),
        find: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.function = function
        self.policy = policy
        self.queue = queue
        self.priority = priority
        self.concurrency = concurrency
        self.unrecoverable = tuple(unrecoverable)
        """Exit codes after which trying again can never help."""
        self.command = command
        self.environment = tuple(environment)
        """Variables of the worker's environment that it gets while it runs."""
        self.is_async = awaits(function)
        self.arguments = (
            Arguments(name, parameters_of(name, function), partial(hints_of, name, function))
            if command is None
            else Arguments(name, Parameters(command.names, frozenset(command.names), None), partial(written, command))
        )
        self.find = declared(name, function, self.arguments.parameters, find) if find else ()
        """Arguments by which its tasks are to be found however many there are: the ledger indexes them."""
        self.bind: Callable[[Sequence[object], Mapping[str, object]], str] = self.arguments.bind
        """The arguments of a call as JSON text; raises ``BadArguments``."""
        self.coerce: Callable[[str], dict[str, object]] = self.arguments.coerce
        """The arguments by name from JSON text; raises ``BadArguments``."""
        self.dump_result: Callable[[object], str] = partial(dump_result, name)
        """A result as JSON text; raises ``BadResult``."""


def declared(
    name: str, function: Callable[..., object], parameters: Parameters, find: Sequence[str]
) -> tuple[str, ...]:
    """The arguments that a handler declares; raises ``BadApplication`` as ``checked_find``."""
    from leasehold.flow.findable import checked_find  # noqa: PLC0415 - a child whose handlers declare none never loads it

    return checked_find(name, find, parameters, getattr(function, "__annotations__", {}))


def awaits(function: Callable[..., object]) -> bool:
    """Whether calling it gives something to await."""
    while isinstance(function, partial):
        function = function.func
    if isinstance(function, types.MethodType):
        function = function.__func__
    if not isinstance(function, types.FunctionType):
        function = type(function).__call__
    code = getattr(function, "__code__", None)
    return isinstance(code, types.CodeType) and bool(code.co_flags & COROUTINE)


def written(command: Command) -> dict[str, object]:
    """The hints of a command: whatever can be written as one argument of a program."""
    return dict.fromkeys(command.names, str | int | float | bool | None)


def in_slots_only(**_: object) -> object:
    """Stands where the function of a command would be."""
    raise BadApplication("a command runs in a worker's slot; there is no function to call")


def asked_for(name: str, env: Sequence[str], *, credentials: bool) -> tuple[str, ...]:
    """The variables that a handler asks for: those it names, and those of the cloud.

    Raises:
        BadApplication: something there is no name of a variable.
    """
    for each in [env] if isinstance(env, str) else env:
        if isinstance(env, str) or not VARIABLE.fullmatch(each):
            raise BadApplication(
                f"handler {name!r} has env={env!r}: give a list of names of variables, such as ['API_TOKEN', 'MODEL_*']"
            )
    return (*((CLOUD,) if credentials else ()), *env)


def checked_bundle(name: str, bundle: int) -> int:
    """How many tasks of a handler may share a message.

    Raises:
        BadApplication: so many may not.
    """
    if not 1 <= bundle <= LARGEST_BUNDLE:
        raise BadApplication(f"handler {name!r} has bundle={bundle}: give a number from 1 to {LARGEST_BUNDLE}")
    return bundle


class Registry:
    """The handlers of an application, by name."""

    def __init__(self, *, queue: str = DEFAULT_QUEUE) -> None:
        self._queue = queue
        self._handlers: dict[str, Handler] = {}

    def add(  # noqa: PLR0913 - one for each thing that may be said of a handler
        self,
        function: Callable[..., object],
        *,
        name: str | None = None,
        lease: str | float = DEFAULT_LEASE,
        retry: Retry | None = None,
        queue: str | None = None,
        priority: int = DEFAULT_PRIORITY,
        concurrency: int = 1,
        bundle: int = 1,
        credentials: bool = False,
        env: Sequence[str] = (),
        find: Sequence[str] = (),
    ) -> Handler:
        """Register a function. ``env`` and ``credentials``: what of the worker's environment it gets.

        Raises:
            BadLease: the lease is no duration, or out of bounds.
            BadApplication: the name is taken, the function takes what has no name, only an async one may share, or
                ``find`` names what cannot be found.
        """
        found = name or getattr(function, "__name__", "")
        handler = Handler(
            found,
            function,
            policy=(retry or Retry()).policy(parse_lease(lease), checked_bundle(found, bundle)),
            queue=queue or self._queue,
            priority=priority,
            concurrency=concurrency,
            environment=asked_for(found, env, credentials=credentials),
            find=find,
        )
        if concurrency < 1 or (concurrency > 1 and not handler.is_async):
            raise BadApplication(f"handler {found!r} has concurrency={concurrency}, which needs an async function")
        return self._keep(handler)

    def add_command(  # noqa: PLR0913 - one for each thing that may be said of a handler
        self,
        name: str,
        command: str,
        *,
        shell: bool = False,
        unrecoverable: Sequence[int] = (),
        lease: str | float = DEFAULT_LEASE,
        retry: Retry | None = None,
        queue: str | None = None,
        priority: int = DEFAULT_PRIORITY,
        credentials: bool = False,
        env: Sequence[str] = (),
        find: Sequence[str] = (),
    ) -> Handler:
        """Register a program: ``ffmpeg -i {source} {target}``. ``unrecoverable`` names exit codes not to retry.

        Raises:
            BadLease, BadApplication: as ``add``; the command does not parse.
        """
        policy = (retry or Retry()).policy(parse_lease(lease))
        made = Command(name, command, shell=shell)
        return self._keep(
            Handler(
                name,
                in_slots_only,
                policy=policy,
                queue=queue or self._queue,
                priority=priority,
                unrecoverable=unrecoverable,
                command=made,
                environment=asked_for(name, env, credentials=credentials),
                find=find,
            )
        )

    def _keep(self, handler: Handler) -> Handler:
        if not 0 < len(handler.name) <= NAME_LENGTH or not handler.name.isprintable():
            raise BadApplication(f"a handler needs a printable name of 1 to {NAME_LENGTH} characters; give name=")
        if handler.name in self._handlers:
            raise BadApplication(f"there is a handler {handler.name!r} already; give one of them another name=")
        try:
            check_queue(handler.queue, f"handler {handler.name!r}")
        except UsageError as error:
            raise BadApplication(str(error)) from None
        self._handlers[handler.name] = handler
        return handler

    def find(self, name: str) -> Handler | None:
        """The handler of that name."""
        return self._handlers.get(name)

    def get(self, name: str) -> Handler:
        """The handler of that name.

        Raises:
            UnknownHandler: there is none.
        """
        if (handler := self._handlers.get(name)) is None:
            known = ", ".join(self._handlers) or "none"
            hint = did_you_mean(name, self._handlers)
            raise UnknownHandler(f"there is no handler {name!r}. The application has: {known}.{hint}")
        return handler

    def all(self) -> Iterable[Handler]:
        """Every handler, in the order of registration."""
        return self._handlers.values()

    def check(self, margin: int) -> None:
        """Refuse leases that leave too little once ``margin`` (ms) is taken off: when the settings are known.

        Raises:
            BadLease: says which handler, and what to change.
        """
        for handler in self._handlers.values():
            check_lease(handler.name, handler.policy.lease, margin)
