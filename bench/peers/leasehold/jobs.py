"""The handlers as Leasehold knows them: one by one, and in bundles of 100 where this version has them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from inspect import signature
from pathlib import Path
from typing import Any

from leasehold import App
from leasehold.flow.registry import Registry

sys.path.insert(0, str(Path(__file__).parents[1]))

from _work import burn, noop, stamp

BUNDLES = "bundle" in signature(Registry.add).parameters
"""Whether this version has them."""


def application(options: Mapping[str, Any]) -> App:
    app = App("bench")
    functions: list[Callable[..., int]] = [noop, burn, stamp]
    for function in functions:
        app.task(lease="60s", **options)(function)
    return app


app = application({})
bundled = application({"bundle": 100}) if BUNDLES else None
