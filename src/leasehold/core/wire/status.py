"""The status message: as many reports as fit, from a worker to the recorder.

Ages travel, not instants: how long ago something was when the report was encoded. The recorder subtracts them from the
instant at which the queue took the message, so no worker's clock ever enters the ledger. A report that is sent later
than it was encoded therefore makes a lease look longer, never shorter: encode just before the send.

A report that breaks the format is quarantined by itself; its neighbours in the message are applied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any, NamedTuple, NotRequired

from pydantic import Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from leasehold.core.errors import MalformedMessage, TooLarge
from leasehold.core.metering import Count
from leasehold.core.model import Failure, FailureKind
from leasehold.core.references import is_log, is_result
from leasehold.core.reports import Malformed, Update, UpdateKind
from leasehold.core.wire.metering import METERED, decode_counts
from leasehold.core.wire.strict import (
    BODY_LIMIT,
    INLINE_LIMIT,
    MAX_DURATION,
    QUARANTINE_LIMIT,
    REASON_LIMIT,
    STRICT,
    VERSION,
    Capability,
    Dispatch,
    Duration,
    Id,
    Json,
    Lease,
    Name,
    Receive,
    Reference,
    Text,
    ascii_json,
    cleaned,
    compact,
    parse,
    quarantined,
    reason_of,
    strict_json,
    too_deep,
)

PACK_CEILING = 64 * 1024
"""Bytes of one status message, unless a single report is larger: one step of the queue's bill."""
REPORTS_LIMIT = 10_000
"""Reports of one message: more than fit into the largest one, if each is worth reading."""
NOTE_LIMIT = 1024
TYPE_LIMIT = 256
LOG_LIMIT = 8 * 1024
MESSAGE_LIMIT = 2 * 1024
TRACEBACK_LIMIT = 16 * 1024
SOURCE = "status report"
MALFORMED = "malformed"


class WireUpdate(NamedTuple):
    """A report as it travels: ``held``, ``began``, ``ended`` are ages (ms) at the instant it was encoded.

    ``held`` counts from before the receive request that brought the message (R1).
    """

    status_id: str
    kind: UpdateKind
    task_id: str
    capability: str
    n: int
    r: int
    run_id: str
    worker: str
    lease: int
    held: int
    began: int | None = None
    ended: int | None = None
    receipt: str | None = None
    deleted: bool = False
    result: str | None = None
    result_ref: str | None = None
    failure: Failure | None = None
    unrecoverable: bool = False
    after: int | None = None
    fraction: float | None = None
    note: str | None = None
    log: str | None = None
    log_ref: str | None = None
    log_bytes: int = 0
    trace: str | None = None


class StatusMessage(NamedTuple):
    """The reports of one message in order, and what is to be quarantined: found by the worker, or found in it."""

    updates: list[WireUpdate]
    malformed: list[Malformed]
    counts: list[Count]
    """What the worker counted of its requests to queues."""


class Packed(NamedTuple):
    """One body to send, and how many of the reports (in order) it carries."""

    body: str
    size: int


@with_config(STRICT)
class _Failure(TypedDict):
    kind: Annotated[FailureKind, Field(strict=False)]
    type: Annotated[Text, Field(max_length=TYPE_LIMIT)]
    message: Annotated[Text, Field(max_length=MESSAGE_LIMIT)]
    frame: NotRequired[Annotated[Text, Field(max_length=NOTE_LIMIT)]]
    traceback: NotRequired[Annotated[Text, Field(max_length=TRACEBACK_LIMIT)]]
    exit_code: NotRequired[Annotated[int, Field(ge=-(1 << 32), le=1 << 32)]]
    signal: NotRequired[Annotated[int, Field(ge=0, le=1 << 16)]]


@with_config(STRICT)
class _Report(TypedDict):
    status_id: Id
    kind: Annotated[UpdateKind, Field(strict=False)]
    task_id: Id
    capability: Capability
    n: Dispatch
    r: Receive
    run_id: Id
    worker: Name
    lease: Lease
    held: Duration
    began: NotRequired[Duration]
    ended: NotRequired[Duration]
    receipt: NotRequired[Reference]
    deleted: NotRequired[bool]
    result: NotRequired[Annotated[str, Field(max_length=INLINE_LIMIT)]]
    result_ref: NotRequired[Reference]
    failure: NotRequired[_Failure]
    unrecoverable: NotRequired[bool]
    after: NotRequired[Duration]
    fraction: NotRequired[Annotated[float, Field(ge=0, le=1)]]
    note: NotRequired[Annotated[Text, Field(max_length=NOTE_LIMIT)]]
    log: NotRequired[Annotated[Text, Field(max_length=LOG_LIMIT)]]
    log_ref: NotRequired[Reference]
    log_bytes: NotRequired[Duration]
    trace: NotRequired[Reference]


@with_config(STRICT)
class _Malformed(TypedDict):
    kind: str
    source: Name
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    body: Annotated[Text, Field(max_length=QUARANTINE_LIMIT)]
    reason: Annotated[Text, Field(max_length=REASON_LIMIT)]


@cache
def _reader(of: type[object]) -> Callable[[object], dict[str, Any]]:
    """Reads what has this form; made when the first comes, for most programs never get any."""
    return TypeAdapter(of).validator.validate_python


# ------------------------------------------------------------------------------------------------------------ encoding
def encode_update(update: Update, now_boot: int) -> str:
    """One report as JSON text for ``pack``; instants become ages at ``now_boot``.

    What cannot be stored in text is replaced, what is too long is cut (a log keeps its end), so that a report never
    fails for its decoration. Raises ``TooLarge`` for a result that belongs into the store.
    """
    return compact(_written(update, now_boot))


def told_directly(update: Update, now_boot: int) -> WireUpdate:
    """A report as its reader would take it off the wire, held to the same format, where none lies between.

    Raises ``MalformedMessage`` with the reason, and ``TooLarge`` as ``encode_update`` does.
    """
    try:
        return _update(_reader(_Report)(_written(update, now_boot)))
    except ValidationError as error:
        raise MalformedMessage(reason_of(error)) from None


def _written(update: Update, now_boot: int) -> dict[str, object]:
    report: dict[str, object] = {
        "status_id": update.status_id,
        "kind": update.kind.value,
        "task_id": update.task_id,
        "capability": update.capability,
        "n": update.n,
        "r": update.r,
        "run_id": update.run_id,
        "worker": update.worker,
        "lease": update.lease,
        "held": _age(update.received_boot, now_boot),
    }
    for name in FIELDS[update.kind]:
        value = _WRITE[name](update, now_boot)
        if value is not None and value is not False:
            report[name] = value
    return report


def encode_malformed(malformed: Malformed) -> str:
    """A message that this worker could not understand, as JSON text for ``pack``."""
    return compact({"kind": MALFORMED, **malformed._asdict()})


def pack(encoded: Sequence[str], ceiling: int = PACK_CEILING) -> list[Packed]:
    """As few bodies as keep the order and stay within ``ceiling`` bytes; a larger report goes alone, up to 1 MiB."""
    packed: list[Packed] = []
    room = min(ceiling, BODY_LIMIT) - _WRAPPING
    begin = used = 0
    for at, text in enumerate(encoded):
        if len(text) + _WRAPPING > BODY_LIMIT:
            raise TooLarge(f"a report of {len(text)} bytes does not fit into a message of {BODY_LIMIT}")
        if at > begin and used + len(text) > room:
            packed.append(Packed(_wrapped(encoded[begin:at]), at - begin))
            begin, used = at, 0
        used += len(text) + 1  # its comma
    if begin < len(encoded):
        packed.append(Packed(_wrapped(encoded[begin:]), len(encoded) - begin))
    return packed


def _wrapped(reports: Sequence[str]) -> str:
    return f'{{"v":{VERSION},"reports":[{",".join(reports)}]}}'


_WRAPPING = len(_wrapped(()))


def _age(instant: int | None, now: int) -> int | None:
    return None if instant is None else _bounded(now - instant)


def _bounded(duration: int | None) -> int | None:
    return None if duration is None else min(max(duration, 0), MAX_DURATION)


def _cut(text: str | None, limit: int) -> str | None:
    return None if text is None else cleaned(text[:limit])


def _result(update: Update, _now: int) -> str | None:
    if update.result is None:
        return None
    result = ascii_json(update.result)
    if len(result) > INLINE_LIMIT:
        raise TooLarge(f"a result of {len(result)} characters belongs into the store; here {INLINE_LIMIT} fit")
    return result


def _failure(update: Update, _now: int) -> dict[str, object] | None:
    if update.failure is None:
        return None
    kind, name, message, frame, traceback, exit_code, signal = update.failure
    written: dict[str, object | None] = {
        "kind": kind.value,
        "type": _cut(name, TYPE_LIMIT),
        "message": _cut(message, MESSAGE_LIMIT),
        "frame": _cut(frame, NOTE_LIMIT) or None,
        "traceback": _cut(traceback, TRACEBACK_LIMIT) or None,
        "exit_code": exit_code,
        "signal": signal,
    }
    return {name: value for name, value in written.items() if value is not None}


_WRITE: dict[str, Callable[[Update, int], object]] = {
    "began": lambda update, now: _age(update.began_boot, now),
    "ended": lambda update, now: _age(update.ended_boot, now),
    "receipt": lambda update, _: update.receipt,
    "deleted": lambda update, _: update.deleted,
    "result": _result,
    "result_ref": lambda update, _: update.result_ref,
    "failure": _failure,
    "unrecoverable": lambda update, _: update.unrecoverable,
    "after": lambda update, _: _bounded(update.after),
    "fraction": lambda update, _: None if update.fraction is None else min(1.0, max(0.0, update.fraction)),  # also NaN
    "note": lambda update, _: _cut(update.note, NOTE_LIMIT),
    "log": lambda update, _: None if update.log is None else cleaned(update.log[-LOG_LIMIT:]),
    "log_ref": lambda update, _: update.log_ref,
    "log_bytes": lambda update, _: update.log_bytes or None,
    "trace": lambda update, _: update.trace,
}
_END = ("began", "ended", "note", "log", "log_ref", "log_bytes", "trace")
FIELDS: dict[UpdateKind, tuple[str, ...]] = {
    UpdateKind.STARTED: ("began", "receipt"),
    UpdateKind.PROGRESSED: ("began", "receipt", "fraction", "note"),
    UpdateKind.COMPLETED: (*_END, "result", "result_ref"),
    UpdateKind.FAILED: (*_END, "deleted", "failure", "unrecoverable", "after"),
    UpdateKind.RELEASED: (*_END, "deleted"),
    UpdateKind.DRAINING: ("began", "note"),
    UpdateKind.REFUSED: ("ended", "note", "deleted"),
    UpdateKind.EXPIRED: ("deleted",),
    UpdateKind.DEAD_LETTERED: ("deleted",),
}
"""What a report of each kind may say beyond what all say. Nothing else is written, and nothing else is taken."""


# ------------------------------------------------------------------------------------------------------------ decoding
_TAKEN = {kind: (_Report.__annotations__.keys() - _WRITE.keys()).union(names) for kind, names in FIELDS.items()}


def decode_status_message(body: object) -> StatusMessage:
    """What workers reported. Never raises: what cannot be understood, in part or as a whole, is for the quarantine."""
    message = StatusMessage([], [], [])
    try:
        reports = _reports(body)
    except MalformedMessage as error:
        message.malformed.append(quarantined(SOURCE, body, str(error)))
        return message
    kept = False  # the whole message, in the name of reports that cannot be written again: once says it all
    for raw in reports:
        try:
            _decode_into(message, raw)
        except MalformedMessage as error:
            alone = _readable(raw)
            if alone is not None or not kept:
                message.malformed.append(quarantined(SOURCE, body if alone is None else alone, str(error)))
            kept = kept or alone is None
    return message


def _reports(body: object) -> list[Json]:
    envelope = parse(body)
    if envelope.keys() != {"v", "reports"}:
        raise MalformedMessage("a status message holds v and reports, nothing else")
    reports = envelope["reports"]
    if not isinstance(reports, list):
        raise MalformedMessage("reports: no list")
    if len(reports) > REPORTS_LIMIT:
        raise MalformedMessage(f"{len(reports)} reports, over {REPORTS_LIMIT}")
    return reports


def _decode_into(message: StatusMessage, raw: Json) -> None:
    try:
        kind = raw.get("kind") if isinstance(raw, dict) else None
        if kind == METERED:
            message.counts.extend(decode_counts(raw))
        elif kind == MALFORMED:
            found = _reader(_Malformed)(raw)
            message.malformed.append(Malformed(found["source"], found["digest"], found["body"], found["reason"]))
        else:
            message.updates.append(_update(_reader(_Report)(raw)))
    except ValidationError as error:
        raise MalformedMessage(reason_of(error)) from None


def _update(report: dict[str, Any]) -> WireUpdate:
    kind = report["kind"]
    if not report.keys() <= _TAKEN[kind]:
        surplus = sorted(report.keys() - _TAKEN[kind])
        raise MalformedMessage(f"{surplus[0]}: a {kind} report has none")
    if "log_ref" in report and not is_log(report["log_ref"], report["task_id"], report["run_id"]):
        raise MalformedMessage("log_ref: not where the log of this run is kept")
    if kind is UpdateKind.COMPLETED:
        _check_result(report)
    elif kind is UpdateKind.FAILED:
        if "failure" not in report:
            raise MalformedMessage("failure: missing")
        report["failure"] = Failure(**report["failure"])
    return WireUpdate(**report)


def _check_result(report: dict[str, Any]) -> None:
    if ("result" in report) == ("result_ref" in report):
        raise MalformedMessage("a completed report has either result or result_ref")
    if "result" in report:
        text = report["result"]
        if not text.isascii():
            raise MalformedMessage("result: not ASCII")
        strict_json(text)
    elif not is_result(report["result_ref"], report["task_id"], report["run_id"]):
        raise MalformedMessage("result_ref: not where the result of this run is kept")


def _readable(raw: Json) -> str | None:
    """The report by itself, where it can be written again."""
    try:
        return None if too_deep(raw) else compact(raw)
    except ValueError:
        return None
