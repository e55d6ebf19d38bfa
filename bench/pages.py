"""The dashboard on a large ledger: time to the first byte of every page, and what a hundred browsers cost.

``python -m bench.pages [--tasks 10000000] [--runs 40] [--browsers 100] [--seconds 30] [--folder DIR]``. The ledger is
that of ``bench.scale`` on PostgreSQL, in a folder that may be kept (``--folder``), and the server is the command
``leasehold dashboard`` in a process of its own. The browsers follow the live ticks as the pages' own script does: each
fetches its page again when something has changed, as often as the server lets it; meanwhile a task is submitted every
second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote

from bench._history import new_task
from bench._tables import show
from bench.scale import SERVER, opened
from leasehold.adapters.database.ledger import DatabaseLedger
from leasehold.adapters.database.views import DatabaseViews
from leasehold.testing.postgres import PostgresServer

WARM = 2
TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def dashboard(url: str) -> Generator[tuple[subprocess.Popen[str], str, int, float]]:
    """The process, its host and port, and after how many seconds it answered."""
    environ = os.environ | {"LEASEHOLD_LEDGER": url, "LEASEHOLD_CONFIG": os.devnull}
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "leasehold", "dashboard", "--address", "127.0.0.1:0"],
        env=environ,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            said = process.stderr.readline()
            found = re.search(r"http://([\d.]+):(\d+)", said)
            if found is None:
                sys.exit(f"no dashboard: {said}")
            host, port = found[1], int(found[2])
            first_byte(host, port, "/api/v1/queues")
            yield process, host, port, time.perf_counter() - began
        finally:
            process.terminate()


def first_byte(host: str, port: int, path: str) -> tuple[float, int, str]:
    """Ms until the answer begins, how many bytes it has, and the answer."""
    connection = HTTPConnection(host, port, timeout=120)
    connection.connect()
    began = time.perf_counter()
    connection.request("GET", path, headers={"Accept-Encoding": "identity"})
    answer = connection.getresponse()
    took = (time.perf_counter() - began) * 1_000
    body = answer.read()
    connection.close()
    if answer.status != 200:
        sys.exit(f"{path}: {answer.status} {body[:500]!r}")
    return took, len(body), body.decode()


def pages(views: DatabaseViews) -> Iterator[str]:
    """Every page, and the lists that people filter."""
    yield "/"
    for filter_ in ("", "status:failed", "why:due", "name:transcribe status:failed", "batch:past-1", "age:>2h"):
        page = views.tasks(filter_)
        yield f"/tasks?filter={quote(filter_)}"
        if page.cursor is not None:
            yield f"/tasks?filter={quote(filter_)}&cursor={quote(page.cursor)}"
    for state in ("completed", "failed"):
        yield f"/tasks/{views.tasks(f'status:{state} age:>1h', limit=1).rows[0].task.id}"
    yield from ("/failures", "/batches", "/batches/past-1", "/queues", "/workers", "/operations")
    yield "/api/v1/tasks/count?filter=status:failed"
    yield "/api/v1/queues"
    yield "/metrics"


def cpu(process: subprocess.Popen[str]) -> float:
    """Seconds that it has used."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Browser:
    """One that watches the overview."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.ticks = self.fetched = 0
        self._seen: str | None = None
        self._refreshed = time.monotonic()
        self._due = False

    async def watch(self) -> None:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        writer.write(f"GET /live HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n\r\n".encode())
        while line := await reader.readline():
            if line.startswith(b"data: "):
                self.ticks += 1
                await self.follow(json.loads(line[6:]))

    async def follow(self, tick: dict[str, object]) -> None:
        """As ``app.js`` does."""
        if tick["version"] != self._seen:
            self._due, self._seen = self._seen is not None, str(tick["version"])
        gap, least = time.monotonic() - self._refreshed, float(str(tick["rest"])) / 1_000
        if (self._due and gap > least) or gap > max(10.0, least):
            self._due, self._refreshed = False, time.monotonic()
            reader, writer = await asyncio.open_connection(self.host, self.port)
            writer.write(f"GET / HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nConnection: close\r\n\r\n".encode())
            await reader.read(-1)
            writer.close()
            self.fetched += 1


async def watched(browsers: list[Browser], ledger: DatabaseLedger, seconds: float) -> None:
    """All of them watch for so long, while something happens every second."""
    watching = [asyncio.create_task(each.watch()) for each in browsers]
    until = time.monotonic() + seconds
    serial = 0
    while time.monotonic() < until:
        serial += 1
        now = ledger.now()
        await asyncio.to_thread(ledger.submit, [new_task(now, 20_000_000_000 + int(time.time()) + serial, "watched")])
        await asyncio.sleep(1)
    for each in watching:
        each.cancel()
        with suppress(asyncio.CancelledError):
            await each


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--browsers", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--folder", type=Path, default=None)
    given = parser.parse_args()
    rows: list[dict[str, str]] = []
    with ExitStack() as stack:
        folder = given.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(PostgresServer(settings=SERVER))
        database, _ = stack.enter_context(opened(folder, given.tasks, server))
        url = server.url(f"scale{given.tasks}")
        process, host, port, start = stack.enter_context(dashboard(url))
        for path in pages(DatabaseViews(database)):
            took = [first_byte(host, port, path) for _ in range(given.runs + WARM)][WARM:]
            times = sorted(each[0] for each in took)
            p95 = times[min(len(times) - 1, int(len(times) * 0.95))]
            size = f"{took[-1][1] / 1024:,.1f}"
            rows.append(
                {"page": path, "p50 ms": f"{statistics.median(times):.1f}", "p95 ms": f"{p95:.1f}", "KiB": size}
            )
        browsers = [Browser(host, port) for _ in range(given.browsers)]
        before, began = cpu(process), time.monotonic()
        asyncio.run(watched(browsers, DatabaseLedger(database), given.seconds))
        share = 100 * (cpu(process) - before) / (time.monotonic() - began)
    told = {
        "tasks": given.tasks,
        "start_s": start,
        "browsers": given.browsers,
        "watching_percent": share,
        "ticks": sum(each.ticks for each in browsers),
        "fetched": sum(each.fetched for each in browsers),
    }
    show(f"Pages at {given.tasks:,} tasks", rows, told)
    print(f"first answer after {start:.2f} s; {given.browsers} browsers: {share:.1f} % of a core, {told}")


if __name__ == "__main__":
    main()
