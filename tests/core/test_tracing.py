"""W3C trace context, as tasks carry it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasehold.core.tracing import SpanContext, parse_traceparent, run_context

EXAMPLE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
"""From the specification."""
contexts = st.builds(SpanContext, st.integers(1, (1 << 128) - 1), st.integers(1, (1 << 64) - 1), st.integers(0, 255))


def test_a_traceparent_says_trace_span_and_whether_it_is_sampled() -> None:
    assert parse_traceparent(EXAMPLE) == (0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331, 1)


@given(contexts)
def test_what_was_written_is_read(context: SpanContext) -> None:
    assert parse_traceparent(str(context)) == context
    assert context.sampled == (context.flags % 2 == 1)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "no traceparent",
        EXAMPLE.upper(),
        EXAMPLE + "\n",
        EXAMPLE + "-more",
        EXAMPLE.replace("00-", "ff-"),
        EXAMPLE.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32),
        EXAMPLE.replace("b7ad6b7169203331", "0" * 16),
    ],
)
def test_what_is_none_is_none(text: str | None) -> None:
    assert parse_traceparent(text) is None


@given(contexts, st.text(min_size=1), st.text(min_size=1))
def test_a_run_has_one_span_of_its_own_in_the_trace_of_its_task(context: SpanContext, run: str, other: str) -> None:
    own = run_context(context, run)
    assert own == run_context(context._replace(span_id=1), run)
    assert parse_traceparent(str(own)) == own
    assert own[::2] == context[::2]
    assert (own == run_context(context, other)) == (run == other)
