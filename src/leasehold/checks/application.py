"""The application: can it be loaded, and do its handlers fit the deployment?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from leasehold.checks.finding import OK, WARNING, WRONG, Role, Said
from leasehold.flow.registry import Registry
from leasehold.settings import Settings


def app_loads(settings: Settings, role: Role | None, load: Callable[[str], Registry]) -> Iterator[Said]:
    """The application can be imported, its leases are long enough, and somebody serves its queues."""
    if settings.app is None:
        state = WRONG if role is Role.WORKER else OK
        yield Said(state, "no application is named (--app or LEASEHOLD_APP); workers need one")
        return
    registry = load(settings.app)
    registry.check(settings.lease_margin)
    handlers = list(registry.all())
    if not handlers:
        yield Said(WRONG, f"{settings.app} has no handlers: mark functions with @app.task")
        return
    yield Said(OK, f"{settings.app} loads; its handlers: {', '.join(handler.name for handler in handlers)}")
    if role in {Role.WORKER, None}:
        yield from unserved(settings, {handler.queue: handler.name for handler in handlers})


def unserved(settings: Settings, handlers: dict[str, str]) -> Iterator[Said]:
    """Queues of handlers that a worker with these settings does not look at."""
    for queue in sorted(handlers.keys() - set(settings.worker_queues)):
        yield Said(
            WARNING,
            f"handler '{handlers[queue]}' waits on queue '{queue}', which worker_queues "
            f"({', '.join(settings.worker_queues)}) leaves out: other workers must serve it",
        )
