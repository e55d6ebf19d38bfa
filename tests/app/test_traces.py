"""One trace from submit through queue, run and record, as a collector of OpenTelemetry gets it from real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

import leasehold
from leasehold.core.tracing import parse_traceparent

PROGRAM = """
import json
from leasehold import App, TaskFailed, Unrecoverable, current
from opentelemetry import trace

app = App("traced")

@app.task(lease="1m")
def see() -> list:
    present = trace.get_current_span().get_span_context()
    return [current().trace, f"{present.trace_id:032x}", f"{present.span_id:016x}"]

@app.task(lease="1m")
async def see_together() -> list:
    return see()

@app.task(lease="1m")
def fail() -> None:
    raise Unrecoverable("<b>on purpose</b> \\udcff")

if __name__ == "__main__":
    failing = fail.submit()
    seen = [task.submit().result(timeout=100) for task in (see, see_together)]
    try:
        failing.result(timeout=100)
    except TaskFailed:
        print(json.dumps(seen))
"""


class Collected:
    """Spans that came to a collector, by their names."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.services: set[str] = set()
        self._lock = Lock()

    def take(self, body: bytes) -> None:
        told = ExportTraceServiceRequest.FromString(body)
        with self._lock:
            for resource in told.resource_spans:
                about = {each.key: each.value.string_value for each in resource.resource.attributes}
                self.services.add(about["service.name"])
                self.spans.extend(span for scope in resource.scope_spans for span in scope.spans)

    def of(self, trace_id: bytes) -> dict[str, Span]:
        """Those of one trace, by name; each name once."""
        found = [span for span in self.spans if span.trace_id == trace_id]
        assert len({span.name for span in found}) == len(found), [span.name for span in found]
        return {span.name: span for span in found}


@contextmanager
def a_collector() -> Iterator[tuple[str, Collected]]:
    """Where it listens, and what came."""
    collected = Collected()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collected.take(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the class overridden has it
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", collected
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run(folder: Path, program: str = PROGRAM, **variables: str) -> list[Any]:
    """What the program's handlers saw."""
    (folder / "jobs.py").write_text(program)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("LEASEHOLD_", "OTEL_"))}
    environ["PYTHONPATH"] = str(Path(leasehold.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "jobs.py"], cwd=folder, env=environ | variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("topology", ["two-queue", "single-queue"])
def test_one_trace_holds_submit_dispatch_run_and_record(tmp_path: Path, topology: str) -> None:
    with a_collector() as (url, collected):
        there = {"LEASEHOLD_TRACES": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": url, "LEASEHOLD_TOPOLOGY": topology}
        seen = run(tmp_path, **there)
    assert collected.services == {"leasehold"}
    for told, trace_id, span_id in seen:
        context = parse_traceparent(told)
        assert context is not None
        assert (f"{context.trace_id:032x}", f"{context.span_id:016x}") == (trace_id, span_id)
        spans = collected.of(bytes.fromhex(trace_id))
        name = next(name for name in spans if name.startswith("run ")).removeprefix("run ")
        submit, dispatch, ran, record = (
            spans.pop(each) for each in (f"submit {name}", f"dispatch {name}", f"run {name}", "record completed")
        )
        assert not spans
        assert submit.parent_span_id == b""
        assert dispatch.parent_span_id == ran.parent_span_id == submit.span_id
        assert ran.span_id == record.parent_span_id == bytes.fromhex(span_id), "the handler's spans hang on its run"
        assert submit.start_time_unix_nano <= ran.start_time_unix_nano <= ran.end_time_unix_nano
        assert ran.end_time_unix_nano - ran.start_time_unix_nano < 60 * 10**9
    (failed,) = (span for span in collected.spans if span.name == "run fail")
    assert failed.status.code == Status.StatusCode.STATUS_CODE_ERROR
    assert failed.status.message == "Unrecoverable: <b>on purpose</b> \ufffd"


def test_what_the_sampler_does_not_want_is_told_nowhere(tmp_path: Path) -> None:
    with a_collector() as (url, collected):
        there = {"LEASEHOLD_TRACES": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_TRACES_SAMPLER": "always_off"}
        seen = run(tmp_path, **there)
    assert not collected.spans
    assert [told for told, *_ in seen] == [None, None]


def test_a_collector_that_is_away_costs_no_task(tmp_path: Path) -> None:
    there = {"LEASEHOLD_TRACES": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    assert len(run(tmp_path, **there, OTEL_EXPORTER_OTLP_TIMEOUT="1")) == 2


MINE = """
if __name__ == "__main__":
    from opentelemetry.sdk.trace import TracerProvider
    trace.set_tracer_provider(TracerProvider())
    with trace.get_tracer("mine").start_as_current_span("mine") as span:
        print(json.dumps([*see.submit().result(timeout=100), f"{span.get_span_context().trace_id:032x}"]))
"""


def test_a_program_that_traces_hands_its_trace_on(tmp_path: Path) -> None:
    told, trace_id, _, mine = run(tmp_path, PROGRAM.split("if __name__", maxsplit=1)[0] + MINE)
    assert trace_id == mine
    assert mine in told


def test_one_that_does_not_is_not_traced(tmp_path: Path) -> None:
    assert run(tmp_path) == [[None, "0" * 32, "0" * 16]] * 2
