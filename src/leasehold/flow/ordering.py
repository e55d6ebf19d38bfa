"""What somebody wants done, as an order: by a handler that is known here, or by name alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from leasehold.core.errors import BadArguments, UsageError
from leasehold.core.model import Policy
from leasehold.flow.client import Order
from leasehold.flow.registry import DEFAULT_PRIORITY, DEFAULT_QUEUE, Handler, Retry, check_lease, parse_lease


class Wish(NamedTuple):
    """A task as somebody describes it who may not have its code; ``None``: as the handler says. Durations in ms."""

    handler: str
    arguments: Mapping[str, object]
    key: str | None = None
    batch: str | None = None
    queue: str | None = None
    priority: int | None = None
    delay: int = 0
    lease: int | None = None
    attempts: int | None = None


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
    fields = {name: getattr(wish, name) for name in ("key", "batch", "queue", "priority", "delay")}
    return {name: value for name, value in fields.items() if value is not None}


def policy(known: Policy, wish: Wish) -> Policy:
    """The policy with what is wanted otherwise."""
    lease = known.lease if wish.lease is None else parse_lease(wish.lease / 1_000)
    return known._replace(lease=lease, attempts=known.attempts if wish.attempts is None else wish.attempts)
