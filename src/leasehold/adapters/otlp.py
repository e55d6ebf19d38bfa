"""Spans by OTLP to a collector (OpenTelemetry's SDK): ``traces=otlp``."""

from __future__ import annotations

import os
from threading import local

from opentelemetry import context, trace
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from leasehold.adapters.tracing import submit_span
from leasehold.core.tracing import SpanContext, parse_traceparent, run_context
from leasehold.core.wire.strict import cleaned
from leasehold.ports.tracing import Span

KINDS = {
    "producer": trace.SpanKind.PRODUCER,
    "consumer": trace.SpanKind.CONSUMER,
    "internal": trace.SpanKind.INTERNAL,
}
NANOSECONDS = 1_000_000
"""Of one ms."""


class Ids(RandomIdGenerator):
    """Ids by chance, but for the span whose id is known before it is made. Thread-safe."""

    def __init__(self) -> None:
        self._known = local()

    def expect(self, span_id: int | None) -> None:
        """The next span of this thread has this id."""
        self._known.span_id = span_id

    def generate_span_id(self) -> int:
        """An id for a new span."""
        known: int | None = getattr(self._known, "span_id", None)
        self._known.span_id = None
        return super().generate_span_id() if known is None else known


class OtlpTracing:
    """Sends spans in the background to a collector; OpenTelemetry's own ``OTEL_*`` variables say where and how many."""

    def __init__(self) -> None:
        self._ids = Ids()
        resource = Resource({SERVICE_NAME: "leasehold"}).merge(OTELResourceDetector().detect())  # the variables win
        self._provider = TracerProvider(id_generator=self._ids, resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(exporter()))
        self._tracer = self._provider.get_tracer("leasehold")

    def submitted(self, name: str, queue: str, task_id: str) -> str | None:
        """A span in the present one, or the first of a new trace; ``None`` where the sampler does not want it."""
        return submit_span(self._tracer, name, queue, task_id)

    def within(self, trace: str | None, run_id: str) -> str | None:
        """That of the run's own span."""
        parent = parse_traceparent(trace)
        return None if parent is None else str(run_context(parent, run_id))

    def told(self, trace: str) -> bool:
        """Whether it is one, and sampled."""
        parent = parse_traceparent(trace)
        return parent is not None and parent.sampled

    def tell(self, span: Span) -> None:
        """Hand it over; the processor sends it later, and drops what it has no room for.

        Half a character, of a file's name in an error, would cost all spans that are sent with it: it is replaced.
        """
        parent = parse_traceparent(span.trace)
        if parent is None:
            return
        if span.own is not None:
            self._ids.expect(run_context(parent, span.own).span_id)
        made = self._tracer.start_span(
            cleaned(span.name),
            _holding(parent if span.under is None else run_context(parent, span.under)),
            KINDS[span.kind],
            {name: cleaned(value) if isinstance(value, str) else value for name, value in span.attributes.items()},
            start_time=span.began * NANOSECONDS,
        )
        self._ids.expect(None)  # a sampler that did not want it has asked for no id
        if span.error is not None:
            made.set_status(trace.StatusCode.ERROR, cleaned(span.error))
        made.end(span.ended * NANOSECONDS)

    def close(self) -> None:
        """Send what is left; for ten seconds at most, if nobody takes it (``OTEL_EXPORTER_OTLP_TIMEOUT``)."""
        self._provider.shutdown()


def _holding(parent: SpanContext) -> context.Context:
    told = trace.SpanContext(
        parent.trace_id, parent.span_id, is_remote=True, trace_flags=trace.TraceFlags(parent.flags)
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(told))


def exporter() -> SpanExporter:
    """By HTTP, or as ``OTEL_EXPORTER_OTLP_PROTOCOL`` says by gRPC."""
    protocols = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    if next((said for name in protocols if (said := os.environ.get(name))), "") == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as ByGrpc

        return ByGrpc()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as ByHttp

    return ByHttp()
