"""What programs read of costs, plans and leases: as ``flow/shapes``, of which it is the part on figures."""

from __future__ import annotations

from math import inf

from leasehold.core.costing import Bill, Wasted
from leasehold.core.metering import Tally
from leasehold.core.planning import Plan
from leasehold.core.traffic import Work
from leasehold.flow.advising import Advised
from leasehold.flow.costing import Costs
from leasehold.flow.shapes import Shape, instant


def costs(found: Costs) -> Shape:
    """What the queues cost; dollars that are not known are null."""
    whole = found.bill
    return {
        "since": instant(found.since),
        "until": instant(found.until),
        "tasks": whole.tasks,
        **_priced(whole.total, whole.dollars, whole),
        "causes": [{"cause": line.cause.value, **_priced(line.tally, line.dollars, whole)} for line in whole.lines],
        "wasted": [_wasted(each) for each in found.wasted],
        "notes": found.notes,
    }


def _priced(tally: Tally, dollars: float, whole: Bill) -> Shape:
    return {
        **tally._asdict(),
        "dollars": money(dollars),
        "requests_per_1000": whole.per_thousand(tally.requests),
        "dollars_per_1000": money(whole.per_thousand(dollars)),
    }


def _wasted(one: Wasted) -> Shape:
    return {
        "what": one.what,
        "requests": one.requests,
        "runs": one.runs,
        "time_ms": one.ms,
        "requests_dollars": money(one.requests_dollars),
        "time_dollars": money(one.time_dollars),
    }


def money(dollars: float | None) -> float | None:
    """To a thousandth of what the cheapest request costs."""
    return None if dollars is None else round(dollars, 10)


DURATIONS = frozenset({"p50", "p99", "lease", "margin", "checkpoint", "validity"})


def plan(work: Work, found: Plan) -> Shape:
    """What so many tasks will take; null: it never ends, or is not known."""
    given = {f"{name}_ms" if name in DURATIONS else name: value for name, value in work._asdict().items()}
    del given["inline"]  # a constant of the wire
    return {
        **given,
        "takes_ms": whole(found.ms),
        "submit_ms": whole(found.submit_ms),
        "mean_ms": whole(found.mean_run),
        "runs": whole(found.runs),
        "messages": whole(found.messages),
        "per_second": found.rate,
        "held_by": found.limits[0].what,
        "limits": [limit._asdict() for limit in found.limits],
        "window": whole(found.window),
        "in_flight": whole(found.in_flight),
        "requests": whole(found.requests),
        "dollars": money(sum(found.dollars.values())),
        "causes": [
            {"cause": each.cause.value, "requests": whole(each.requests), "billed": whole(each.billed)}
            for each in found.asked
        ],
        "slot_hours": found.slot_hours,
        "slot_dollars": found.slot_dollars,
        "transactions": whole(found.transactions),
        "ledger_bytes": whole(found.ledger_bytes),
        "wal_bytes": whole(found.wal_bytes),
        "warnings": found.warnings,
        "unknown": found.unknown,
        "constants": [{"what": what, **constant._asdict()} for what, constant in found.constants],
    }


def whole(amount: float | None) -> int | None:
    """A count; what never ends is null."""
    return None if amount is None or amount == inf else round(amount)


def advised(found: Advised) -> Shape:
    """How long a handler's runs take, and the lease that is advised."""
    measured, advice = found.measured, found.advice
    return {
        "handler": found.handler,
        "tasks": found.tasks,
        "looked_at": found.looked_at,
        "runs": len(measured.durations),
        "p50_ms": advice.p50,
        "p95_ms": advice.p95,
        "p99_ms": advice.p99,
        "longest_ms": advice.longest,
        "stopped": measured.stopped,
        "lost": measured.lost,
        "time_lost_ms": measured.time_lost,
        "lease_ms": measured.lease,
        "advised_ms": advice.lease,
        "verdict": advice.verdict.value,
        "sentence": advice.sentence,
    }
