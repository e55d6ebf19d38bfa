"""What goes wrong, where and how often: the memory queue's faults, and those that only a server on a wire can have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from random import Random
from threading import Lock
from typing import Any, NamedTuple

from leasehold.adapters.memory import FAULTS, Faults

SERVER_FAULTS = (
    "denied",
    "expired",
    "unknown_key",
    "wrong_region",
    "throttle",
    "throttling_exception",
    "error_500",
    "error_503",
    "drop_before",
    "drop_after",
    "slow",
)
"""Besides those of ``leasehold.adapters.memory.FAULTS``; the dice are thrown once per request."""
KINDS = (*SERVER_FAULTS, *FAULTS)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: what, how likely, and for whom; every condition that is left out holds."""

    kind: str
    rate: float = 1.0
    """Probability, 0 to 1, each time the dice are thrown."""
    queue: str = "*"
    """Queue names, as a shell pattern."""
    action: str = "*"
    """Actions, as a shell pattern: ``SendMessage*``."""
    key: str = "*"
    """Access key ids, as a shell pattern."""
    times: int | None = None
    """It strikes so often at most."""
    ms: int = 0
    """For ``slow``: the reply comes so much later."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"there is no fault '{self.kind}'. There are: {', '.join(KINDS)}.")
        if not 0 <= self.rate <= 1:
            raise ValueError(f"a fault's rate is a probability from 0 to 1, not {self.rate}")

    def written(self) -> dict[str, Any]:
        """As JSON has it; ``read`` reads it."""
        return asdict(self)

    @classmethod
    def parse(cls, value: str) -> Fault:
        """From ``KIND[=RATE][,name=value ...]``, as the command line has it."""
        first, *others = value.split(",")
        kind, _, rate = first.partition("=")
        return cls.read({"kind": kind, "rate": rate or "1"} | dict(_pair(other) for other in others))

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Fault:
        """From names and values, which may be text."""
        if unknown := set(value) - READ.keys():
            raise ValueError(f"a fault has no {', '.join(sorted(unknown))}")
        read: dict[str, Any] = {name: READ[name](given) for name, given in value.items() if given is not None}
        return cls(**read)


READ: dict[str, Callable[[Any], object]] = {
    "kind": str,
    "rate": float,
    "queue": str,
    "action": str,
    "key": str,
    "times": int,
    "ms": int,
}


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


class Scope(NamedTuple):
    """Whose request is being answered."""

    action: str = ""
    queue: str = ""
    key: str = ""


class FaultBook(Faults):
    """The faults in force, one seeded source of chance for all of them. Thread-safe."""

    def __init__(self, faults: Iterable[Fault] = (), *, seed: int = 0, horizon: int = 60_000) -> None:
        super().__init__(Random(seed), horizon=horizon)  # noqa: S311 - misfortune, not secrets
        self.scope = Scope()
        self._changing = Lock()
        self._by_kind: dict[str, list[Fault]] = {}
        self._struck: dict[int, int] = {}
        self.add(*faults)

    def add(self, *faults: Fault) -> None:
        """From here on these too."""
        with self._changing:
            by_kind = {kind: [*kept] for kind, kept in self._by_kind.items()}
            for fault in faults:
                by_kind.setdefault(fault.kind, []).append(fault)
            self._by_kind = by_kind

    def clear(self, kind: str | None = None) -> None:
        """No more faults from here on, or no more of one kind."""
        with self._changing:
            self._by_kind = {} if kind is None else {k: v for k, v in self._by_kind.items() if k != kind}

    def __bool__(self) -> bool:
        return bool(self._by_kind)

    def stop(self) -> None:
        """No more faults from here on."""
        self.clear()

    def listed(self) -> list[dict[str, Any]]:
        """The faults in force, as JSON has them."""
        return [fault.written() for faults in self._by_kind.values() for fault in faults]

    def strikes(self, fault: str) -> bool:
        """Throw the dice for one kind, in the present scope."""
        return bool(self._by_kind) and self.struck(fault) is not None

    def struck(self, kind: str) -> Fault | None:
        """The fault of this kind that strikes now, if any."""
        for fault in self._by_kind.get(kind, ()):
            if self._concerned(fault) and (fault.rate >= 1 or self.random.random() < fault.rate):
                self._struck[id(fault)] = self._struck.get(id(fault), 0) + 1
                self.fired[kind] += 1
                return fault
        return None

    def _concerned(self, fault: Fault) -> bool:
        if fault.times is not None and self._struck.get(id(fault), 0) >= fault.times:
            return False
        return (
            fnmatchcase(self.scope.queue, fault.queue)
            and fnmatchcase(self.scope.action, fault.action)
            and fnmatchcase(self.scope.key, fault.key)
        )
