"""A worker's counts of requests, as they ride in a status message: among its reports, and about no task.

Whoever does not know them refuses them alone, and takes the reports beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any, NotRequired

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from leasehold.core.metering import Action, Count, Tally
from leasehold.core.units import DAY
from leasehold.core.wire.strict import STRICT, Name, compact

METERED = "metered"
COUNTS_LIMIT = 1_000
"""Counts of one report: ten times as many as are sent at once."""
OLDEST = 31 * DAY
"""How far back a count may reach; what is older counts as that old."""

Number = Annotated[int, Field(ge=0, le=1 << 40)]


@with_config(STRICT)
class _Count(TypedDict):
    age: Annotated[int, Field(ge=0, le=OLDEST)]
    queue: Name
    action: Annotated[Action, Field(strict=False)]
    requests: Number
    billed: Number
    empty: NotRequired[Number]
    failed: NotRequired[Number]
    messages: NotRequired[Number]


@with_config(STRICT)
class _Metered(TypedDict):
    kind: str
    counts: Annotated[list[_Count], Field(max_length=COUNTS_LIMIT)]


@cache
def _reader() -> Callable[[object], dict[str, Any]]:
    """Reads counts; made when the first come, for most programs never get any."""
    return TypeAdapter(_Metered).validator.validate_python


def encode_counts(counts: Sequence[Count]) -> str:
    """What a worker counted, as JSON text for ``pack``."""
    return compact({"kind": METERED, "counts": [_written(each) for each in counts]})


def _written(count: Count) -> dict[str, object]:
    tally = count.tally._asdict()
    told = {name: value for name, value in tally.items() if value or name in _Count.__required_keys__}
    return {"age": min(count.age, OLDEST), "queue": count.queue, "action": count.action.value, **told}


def decode_counts(raw: object) -> list[Count]:
    """What a worker counted; raises pydantic's ``ValidationError``. It ended no tasks: those are counted elsewhere."""
    return [_count(**each) for each in _reader()(raw)["counts"]]


def _count(age: int, queue: str, action: Action, **tally: int) -> Count:
    return Count(age, queue, action, Tally(**tally))
