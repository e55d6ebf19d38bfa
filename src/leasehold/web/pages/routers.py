"""All pages, in the order in which their addresses are tried."""

from __future__ import annotations

from leasehold.web import live
from leasehold.web.pages import assets, overview, task, tasks

ROUTERS = (assets.router, live.router, overview.router, tasks.router, task.router)
