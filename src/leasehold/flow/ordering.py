"""What somebody wants done, as an order: by a handler that is known here, or by name alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from leasehold.core.errors import BadArguments, UsageError
from leasehold.core.model import Policy
from leasehold.core.units import MIB
from leasehold.flow.arguments import Parameters
from leasehold.flow.client import Order
from leasehold.flow.findable import checked_find
from leasehold.flow.registry import DEFAULT_PRIORITY, DEFAULT_QUEUE, Handler, Retry, check_lease, parse_lease


class Wish(NamedTuple):
    """A task as somebody describes it who may not have its code; ``None``: as the handler says. Durations in ms.

    ``id``, ``tenant`` and ``trace`` are those of an ``Order``.
    """

    handler: str
    arguments: Mapping[str, object]
    key: str | None = None
    batch: str | None = None
    queue: str | None = None
    priority: int | None = None
    delay: int = 0
    lease: int | None = None
    attempts: int | None = None
    losses: int | None = None
    backoff_base: int | None = None
    backoff_cap: int | None = None
    bundle: int | None = None
    tenant: str | None = None
    trace: str | None = None
    find: tuple[str, ...] | None = None
    id: str | None = None


LONGEST_WISH = MIB
"""Bytes of a wish as JSON, where it comes in a line."""
CHOSEN = ("key", "batch", "queue", "priority", "delay", "tenant", "trace", "find", "id")
"""What a wish and an order have in common."""
POLICY = ("attempts", "losses", "backoff_base", "backoff_cap", "bundle")
"""What a wish and a policy have in common, beside the lease."""


def wish_of(order: Order) -> Wish:
    """An order as a wish of which nothing is left to whoever has the handler's code."""
    given = {name: getattr(order, name) for name in CHOSEN} | {name: getattr(order.policy, name) for name in POLICY}
    return Wish(order.name, json.loads(order.arguments), lease=order.policy.lease, **given)


ANY = Parameters((), frozenset(), "")
"""Those of a handler of which nothing is known here."""


class Ordering(NamedTuple):
    """Makes orders of wishes."""

    handler: Callable[[str], Handler] | None
    """Finds a handler by its name, or raises ``UnknownHandler``; ``None``: no application is known here."""
    margin: int
    """What a worker keeps back of every lease."""

    def order(self, wish: Wish) -> Order:
        """The order; raises ``BadArguments``, ``UnknownHandler``, ``BadLease``, ``UsageError``."""
        made = self._blind(wish) if self.handler is None else of_handler(self.handler(wish.handler), wish.arguments)
        order = made._replace(**chosen(wish), policy=policy(made.policy, wish))
        check_lease(order.name, order.policy.lease, self.margin)
        if wish.find:
            checked_find(wish.handler, wish.find, ANY, {})
        return order

    def _blind(self, wish: Wish) -> Order:
        if wish.lease is None:
            raise UsageError(
                f"no application is known here, so say how long one run of {wish.handler!r} may take: lease_ms. Or "
                "start the dashboard with --app"
            )
        text = written(wish.handler, wish.arguments)
        return Order(wish.handler, text, Retry().policy(wish.lease), DEFAULT_QUEUE, DEFAULT_PRIORITY)


def of_handler(handler: Handler, arguments: Mapping[str, object]) -> Order:
    """An order for a handler, its arguments checked against its hints; raises ``BadArguments``."""
    text = handler.bind((), arguments)
    return Order(handler.name, text, handler.policy, handler.queue, handler.priority, find=handler.find)


def written(handler: str, arguments: Mapping[str, object]) -> str:
    """Arguments that nobody here can check, as JSON text; raises ``BadArguments``."""
    try:
        return json.dumps(arguments, allow_nan=False, separators=(",", ":"))
    except (ValueError, RecursionError) as error:
        raise BadArguments(f"the arguments of handler {handler!r} cannot be written as JSON: {error}") from error


def chosen(wish: Wish) -> dict[str, Any]:
    """What is wanted otherwise than the handler has it."""
    fields = {name: getattr(wish, name) for name in CHOSEN}
    return {name: value for name, value in fields.items() if value is not None}


def policy(known: Policy, wish: Wish) -> Policy:
    """The policy with what is wanted otherwise."""
    lease = known.lease if wish.lease is None else parse_lease(wish.lease / 1_000)
    given = {name: value for name in POLICY if (value := getattr(wish, name)) is not None}
    wanted = known._replace(lease=lease, **given)
    if wanted.backoff_base > wanted.backoff_cap:
        raise UsageError(
            f"the backoff of {wish.handler!r} runs backwards: backoff_base_ms is {wanted.backoff_base}, "
            f"backoff_cap_ms {wanted.backoff_cap}"
        )
    return wanted
