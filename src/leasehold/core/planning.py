"""How long a number of tasks takes on a number of workers, what it asks of queues and database, and what it costs.

A model, not a simulation: rates and means. Its parts are those of the road, as docs/cost.md explains them; its
constants stand in ``measured``, requests in ``traffic``. What was not measured is ``None``, and so is what follows.
"""

from __future__ import annotations

from math import exp, inf, log
from typing import NamedTuple

from leasehold.core.bundles import LARGEST_BUNDLE
from leasehold.core.costing import Place, Prices
from leasehold.core.errors import UsageError
from leasehold.core.measured import (
    COMPLETED_BYTES,
    CPU_BUNDLED_MEASURED,
    CPU_MEASURED,
    LEDGER_BYTES,
    MEASURED_BUNDLE,
    MEMBER_BYTES,
    MESSAGE_BYTES,
    RECORDING,
    STARTED_BYTES,
    SUBMIT,
    WAL_BYTES,
    Backend,
    Constant,
)
from leasehold.core.metering import Cause
from leasehold.core.sharing import bundle_warnings, cpu_of, sharing_of
from leasehold.core.traffic import GUARD, SQS_IN_FLIGHT, TEN, Asked, Flow, Sharing, Work
from leasehold.core.units import HOUR, SECOND, say_duration

MOST = 10**12
"""Tasks, workers, slots and bytes beyond which nothing is planned."""
SIGMAS_TO_P99 = 2.326
"""Of a normal distribution."""
FIFO_RATE = 3_000
"""Messages a second of a FIFO queue without its high-throughput mode, in requests of ten (Developer Guide, quotas)."""
AGAIN = 1.5
"""Runs per task from which on that is worth a word."""
HOPELESS = 20.0
"""Interruptions that one uninterrupted run would have to be spared: beyond them it does not end."""


class Limit(NamedTuple):
    """What holds the rate down, and to how many tasks a second."""

    what: str
    rate: float


class Plan(NamedTuple):
    """What is to be expected. ``None``: it does not end, or is not known."""

    ms: float | None
    """From the first submit to the last outcome."""
    submit_ms: float
    mean_run: float
    """Of a run that is not interrupted."""
    runs: float
    """Interrupted ones included."""
    rate: float
    """Tasks a second while all slots are busy."""
    limits: list[Limit]
    """The lowest first."""
    messages: float
    """That are sent: fewer than runs where tasks share them."""
    window: float
    """Tasks."""
    in_flight: float
    """Messages."""
    asked: list[Asked]
    dollars: dict[Cause, float]
    slot_hours: float | None
    slot_dollars: float | None
    transactions: float | None
    ledger_bytes: float | None
    wal_bytes: float | None
    warnings: list[str]
    unknown: list[str]
    constants: list[tuple[str, Constant]]

    @property
    def requests(self) -> float:
        """All of them."""
        return sum(each.requests for each in self.asked)


def plan(work: Work, prices: Prices | None = None) -> Plan:
    """Plan it. Raises ``UsageError`` for amounts that make no sense."""
    check(work)
    mean = mean_of(work.p50, work.p99)
    tries, span = with_interruptions(work, mean)
    sharing = sharing_of(work, mean)
    limits = sorted(limits_of(work, sharing, span), key=lambda limit: limit.rate)
    rate = limits[0].rate
    ms = time_of(work, sharing, rate, span)
    flow = Flow(work, sharing, mean, tries, rate, ms)
    asked = flow.asked() if ms is not None else []
    prices = prices or Prices()
    slot_hours = None if ms is None else work.tasks * span / HOUR
    return Plan(
        ms=ms,
        submit_ms=submit_time(work),
        mean_run=mean,
        runs=work.tasks * tries,
        rate=rate,
        limits=limits,
        messages=flow.messages,
        window=flow.window,
        in_flight=flow.in_flight,
        asked=asked,
        dollars=priced(asked, work.backend, prices),
        slot_hours=slot_hours,
        slot_dollars=None if slot_hours is None or prices.slot_hour is None else slot_hours * prices.slot_hour,
        transactions=flow.transactions() if ms is not None else None,
        ledger_bytes=kept(work, LEDGER_BYTES[work.backend is not Backend.FILE]),
        wal_bytes=None if work.backend is Backend.FILE else kept(work, WAL_BYTES),
        warnings=warnings(work, mean, flow, tries),
        unknown=unknown(work, prices),
        constants=constants(work),
    )


# ---------------------------------------------------------------------------------------------------------------- time


def check(work: Work) -> None:
    """Amounts that make no sense."""
    for name in ("tasks", "p50", "p99", "workers", "slots", "arguments", "result", "interruptions"):
        if not 0 <= getattr(work, name) <= MOST:
            raise UsageError(f"{name}: give a number from 0 to {MOST:,}")
    if work.p99 < work.p50:
        raise UsageError(f"the 99th percentile ({say_duration(work.p99)}) is under the median: give p50, then p99")
    if not 1 <= work.bundle <= LARGEST_BUNDLE:
        raise UsageError(f"bundle: give a number from 1 to {LARGEST_BUNDLE}")
    if work.checkpoint is not None and work.checkpoint <= 0:
        raise UsageError("checkpoint: give a duration over 0")
    if work.orchestrators < 1 or work.database_cores < 1:
        raise UsageError("nothing is dispatched without an orchestrator and a database: give at least 1")


def mean_of(p50: float, p99: float) -> float:
    """The mean (ms) of a log-normal distribution with that median and that 99th percentile."""
    if not p50:
        return float(p99) / TEN if p99 else 0.0
    return p50 * exp((log(p99 / p50) / SIGMAS_TO_P99) ** 2 / 2)


def with_interruptions(work: Work, mean: float) -> tuple[float, float]:
    """(runs per task, ms of a slot per task), where machines go away at random.

    Without checkpoints a run begins anew each time: the mean of a geometric series, (e^x - 1)/rate for x interruptions
    expected within one run. With them, half of the time between two is done again.
    """
    rate = work.interruptions / HOUR
    expected = rate * mean
    if not expected:
        return 1.0, mean
    if work.checkpoint is not None:
        again = min(mean, work.checkpoint / 2)
        return 1 + expected, mean + expected * again
    if expected > HOPELESS:
        return inf, inf
    return exp(expected), (exp(expected) - 1) / rate


def limits_of(work: Work, sharing: Sharing, span: float) -> list[Limit]:
    """What could hold the rate down."""
    cpu = cpu_of(work, sharing.begun)
    busy = max(span, 1e-3 * SECOND * cpu.worker)
    slots = min(GUARD, work.workers * work.slots)
    found = [
        Limit("slots", slots * SECOND / busy),
        Limit("CPU of the workers' supervisors", work.workers * 1_000 / cpu.worker),
        Limit("CPU of the orchestrators", work.orchestrators * 1_000 / cpu.orchestrator),
    ]
    if cpu.database is not None:
        found.append(Limit("CPU of the database", work.database_cores * 1_000 / cpu.database))
    if sharing.size > 1 and min(sharing.messages, sharing.most) < slots:
        found.append(Limit("the size of the bundles", min(sharing.messages, sharing.most) * SECOND / busy))
    if work.backend is Backend.SQS_FIFO:
        found.append(Limit("FIFO queues without high throughput", float(FIFO_RATE * sharing.begun)))
    return found


def submit_time(work: Work) -> float:
    """How long ``submit_many`` takes (ms)."""
    rate = SUBMIT[work.backend is not Backend.FILE].value
    return work.tasks * SECOND / rate if rate else inf


def time_of(work: Work, sharing: Sharing, rate: float, span: float) -> float | None:
    """From the first submit to the last outcome (ms); ``None`` where that never comes."""
    if not work.tasks:
        return 0.0
    if not rate or span == inf or hopeless(work):
        return None
    last = max(0.0, work.p99 - span)  # the last tasks to begin are as long as any
    if sharing.messages > work.workers * work.slots:
        last += (sharing.begun - 1) * span / 2  # and while the last bundles end, other slots are free
    ms = max(submit_time(work), work.tasks * SECOND / rate, span) + last
    return None if ms == inf else ms


def priced(asked: list[Asked], backend: Backend, prices: Prices) -> dict[Cause, float]:
    """Dollars by cause."""
    place = Place.FIFO if backend is Backend.SQS_FIFO else Place.SQS if backend.on_sqs else Place.DATABASE
    found: dict[Cause, float] = {}
    for each in asked:
        found[each.cause] = found.get(each.cause, 0.0) + each.billed * prices.of(place, each.queue, each.action)
    return found


def kept(work: Work, per_task: Constant) -> float | None:
    """Bytes of all tasks, with what of arguments and results stays in the ledger."""
    if per_task.value is None:
        return None
    inline = sum(size for size in (work.arguments, work.result) if size <= work.inline)
    return work.tasks * (per_task.value + inline)


# ------------------------------------------------------------------------------------------------------ what to look at


def warnings(work: Work, mean: float, flow: Flow, tries: float) -> list[str]:
    """What will go wrong, or nearly."""
    usable = work.lease - work.margin
    cpu = cpu_of(work, flow.sharing.begun)
    wrong = {
        f"runs have {say_duration(max(0, usable))} within their lease and half of them take longer: they never end. "
        "Give a longer lease, or save checkpoints": hopeless(work),
        f"the slowest hundredth of the runs is stopped at the end of the lease ({say_duration(work.lease)}), with "
        "what it has done": work.checkpoint is None and work.p50 <= usable < work.p99,
        "there is no worker, or none with a slot: nothing runs": not work.workers * work.slots,
        f"more than {GUARD:,} messages would be in flight (SQS hides {SQS_IN_FLIGHT:,} of a queue): dispatching stops "
        "there. Use several queues": work.workers * work.slots > GUARD and work.backend.on_sqs,
        "without checkpoints no run survives so many interruptions": tries == inf,
        f"an interrupted run begins anew: each task takes {tries:.1f} runs. Save checkpoints": AGAIN < tries < inf
        and work.checkpoint is None,
        "SQLite is one writer on one machine: this many workers need PostgreSQL": work.backend is Backend.FILE
        and work.workers > TEN,
        "some seconds' work waits for each recorder: add orchestrators": flow.rate * mean > 0
        and flow.rate > 0.9 * 1_000 / cpu.orchestrator * work.orchestrators,
        **bundle_warnings(work, mean, flow.sharing),
    }
    return [sentence for sentence, is_so in wrong.items() if is_so]


def unknown(work: Work, prices: Prices) -> list[str]:
    """What is not in it."""
    found = [f"{what}: {constant.source}" for what, constant in constants(work) if constant.value is None]
    if prices.slot_hour is None:
        found.append("what the workers cost: set price_slot_hour")
    return found


def hopeless(work: Work) -> bool:
    """Whether most runs are longer than their lease, and the next one begins anew."""
    return work.checkpoint is None and work.p50 > work.lease - work.margin


def constants(work: Work) -> list[tuple[str, Constant]]:
    """Every figure that the plan stands on."""
    backend = work.backend
    server = backend is not Backend.FILE
    found = [
        ("CPU per task", CPU_MEASURED[backend]),
        ("rate of submit", SUBMIT[server]),
        ("ledger's size", LEDGER_BYTES[server]),
    ]
    if server:
        found.append(("PostgreSQL's log", WAL_BYTES))
    if work.bundle > 1:
        found.append((f"CPU per task in bundles of {MEASURED_BUNDLE}", CPU_BUNDLED_MEASURED[backend]))
        found += [("a task more in a message", MEMBER_BYTES)] if backend.on_sqs else []
    if backend.on_sqs:
        found += [("a task message", MESSAGE_BYTES), ("a recorder's step", RECORDING)]
    if backend.on_sqs and backend.reports:
        found += [("a Started", STARTED_BYTES), ("a Completed", COMPLETED_BYTES)]
    return found
