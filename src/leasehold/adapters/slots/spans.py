"""Spans that a handler makes become part of its task's trace."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext


def spans_under(trace: str | None) -> AbstractContextManager[None]:
    """Inside the block, OpenTelemetry's present span is the one with this ``traceparent``.

    Only where the application has imported OpenTelemetry: nobody else could make spans.
    """
    if trace is None or "opentelemetry" not in sys.modules:
        return nullcontext()
    return _attached(trace)


@contextmanager
def _attached(trace: str) -> Generator[None]:
    from opentelemetry import context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    token = context.attach(TraceContextTextMapPropagator().extract({"traceparent": trace}))
    try:
        yield
    finally:
        context.detach(token)
