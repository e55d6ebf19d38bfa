"""W3C trace context: by what the spans of one task's way are put together, whoever made them."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import NamedTuple

TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
"""The header ``traceparent`` of version 00 (https://www.w3.org/TR/trace-context/#traceparent-header)."""
SAMPLED = 1


class SpanContext(NamedTuple):
    """What a ``traceparent`` says."""

    trace_id: int
    span_id: int
    flags: int

    @property
    def sampled(self) -> bool:
        """Whether whoever began the trace wants it kept."""
        return bool(self.flags & SAMPLED)

    def __str__(self) -> str:
        """As it travels."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{self.flags:02x}"


def parse_traceparent(text: str | None) -> SpanContext | None:
    """What it says; ``None`` for what is none: whatever a message carries, no task fails of it."""
    match = TRACEPARENT.fullmatch(text or "")
    return None if match is None else SpanContext(*(int(part, 16) for part in match.groups()))


def run_context(parent: SpanContext, run_id: str) -> SpanContext:
    """That of a run's own span. It follows from the run's id, so that those who speak of the run need not be told."""
    span_id = int.from_bytes(sha256(run_id.encode()).digest()[:8]) or 1  # zero is no id
    return parent._replace(span_id=span_id)
