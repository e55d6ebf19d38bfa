"""All pages, in the order in which their addresses are tried."""

from __future__ import annotations

from leasehold.web import live
from leasehold.web.pages import (
    acting,
    assets,
    batches,
    editing,
    failures,
    login,
    operations,
    overview,
    queues,
    task,
    tasks,
    workers,
)

ROUTERS = (
    *(
        assets.router,
        login.router,
        live.router,
        overview.router,
        tasks.router,
        acting.router,
        editing.router,
        task.router,
    ),
    *(each.router for each in (failures, batches, queues, workers, operations)),
)
