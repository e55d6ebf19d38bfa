"""The tracing that a program has set up for itself: what it submits becomes part of its traces."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from leasehold.core.tracing import SpanContext
from leasehold.ports.tracing import Untraced

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer


class ProgramTracing(Untraced):
    """Takes part where the program has imported OpenTelemetry, and has a span under way; costs nothing elsewhere."""

    def submitted(self, name: str, queue: str, task_id: str) -> str | None:
        """A span in the present one; ``None`` where there is none: unasked, a submit begins no trace."""
        if "opentelemetry" not in sys.modules:
            return None
        from opentelemetry import trace

        if not trace.get_current_span().get_span_context().is_valid:
            return None
        return submit_span(trace.get_tracer("leasehold"), name, queue, task_id)


def submit_span(tracer: Tracer, name: str, queue: str, task_id: str) -> str | None:
    """A span of a submit, over as soon as it has begun: it is what the task's other spans hang on.

    Its ``traceparent``; ``None`` where nobody wants it: then nothing else of the task is told either.
    """
    from opentelemetry.trace import SpanKind

    attributes = {"messaging.system": "leasehold", "messaging.destination.name": queue, "leasehold.task.id": task_id}
    span = tracer.start_span(f"submit {name}", kind=SpanKind.PRODUCER, attributes=attributes)
    span.end()
    made = span.get_span_context()
    if not (made.is_valid and made.trace_flags.sampled):
        return None
    return str(SpanContext(made.trace_id, made.span_id, made.trace_flags))
