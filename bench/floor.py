# ruff: noqa: ANN401 - one cursor for two drivers
"""The floor under the recorder: its own statements once more, from a bare driver, without any of its rules.

``python -m bench.floor [TASKS] [sqlite|postgresql]``: a round of ``bench.ledger`` is recorded at the driver, then
played back to a second ledger in the same state: the same rows by the same statements, their values ready made. What is
left is what the driver, the database and its indexes cost. CPU us for each transition, of this process and of the
server.
"""

import sqlite3
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, cast
from unittest.mock import patch

import psycopg

from bench._tables import show
from bench.ledger import TASKS, Round, reports
from bench.profile import Place, place
from leasehold.adapters.database.connection import Cursor, Transaction

ROUNDS = 3
Call = tuple[str, Any, Any]
"""The cursor's method, its text, its values (for ``copy`` what is written)."""


class Listening:
    """A cursor that notes what it is asked."""

    def __init__(self, cursor: Any, tape: list[Call]) -> None:
        self._cursor, self._tape = cursor, tape

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def execute(self, text: Any, values: Any = ()) -> Any:
        self._tape.append(("execute", text, values))
        return self._cursor.execute(text, values)

    def executemany(self, text: Any, values: Any) -> Any:
        self._tape.append(("executemany", text, values))
        return self._cursor.executemany(text, values)

    @contextmanager
    def copy(self, text: bytes) -> Generator[Any]:
        lines: list[bytes] = []
        self._tape.append(("copy", text, lines))

        class Lines:
            write = lines.append

        yield Lines
        with self._cursor.copy(text) as copying:
            copying.write(b"".join(lines))


@contextmanager
def listening() -> Generator[list[list[Call]]]:
    """What every transaction asks of its cursor from here on."""
    tapes: list[list[Call]] = []
    begin = Transaction.__init__

    def begun(self: Any, cursor: Cursor, *rest: Any) -> None:
        tapes.append([])
        begin(self, cast("Cursor", Listening(cursor, tapes[-1])), *rest)

    with patch.object(Transaction, "__init__", begun):
        yield tapes


def play(cursor: Any, begin: str, tapes: list[list[Call]]) -> None:
    for tape in tapes:
        cursor.execute(begin)
        for method, text, values in tape:
            if method == "copy":
                with cursor.copy(text) as copying:
                    for lines in values:
                        copying.write(lines)
            else:
                getattr(cursor, method)(text, values)
                if text.startswith("SELECT"):
                    cursor.fetchall()
        cursor.execute("COMMIT")


def cursor_on(url: str) -> tuple[Any, str]:
    """A bare cursor on this ledger, as durable as ours, and how its transactions begin."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, cached_statements=256)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA cache_size=-8000")
        return connection.cursor(), "BEGIN IMMEDIATE"
    raw = psycopg.RawCursor(psycopg.connect(url, autocommit=True, prepare_threshold=2))
    for each in ("jit", "enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin"):
        raw.execute(f"SET {each} = off".encode())
    return raw, "BEGIN"


def spent(where: Place, transitions: int, work: Callable[[], None]) -> tuple[float, ...]:
    before = where.used()
    work()
    used = [after - then for after, then in zip(where.used(), before, strict=True)]
    return used[0] / transitions * 1e6, used[1] / transitions * 1e6, used[2] / transitions * 2


def one_round(where: Place, tasks: int) -> dict[str, tuple[float, ...]]:
    """Of the recorder, and of its floor."""
    rounds = [(url, Round(url, tasks)) for url in (where.url(), where.url(), where.url())]
    for _, each in rounds:
        each.new = rounds[0][1].new  # the same ids
        each.submit()
        each.dispatch()
    (_, plain), (_, heard), (url, _) = rounds
    changes = reports(plain.out, plain.now)
    recorder = spent(where, len(changes), lambda: plain.apply(changes))
    with listening() as tapes:
        heard.apply(changes)
    cursor, begin = cursor_on(url)
    floor = spent(where, len(changes), lambda: play(cursor, begin, tapes))
    ((done,),) = cursor.execute("SELECT count(*) FROM tasks WHERE state = 'completed'").fetchall()
    if done != tasks:
        raise AssertionError(f"{done} of {tasks} tasks were completed by what was played back")
    cursor.connection.close()
    for _, each in rounds:
        each.ledger.close()
    return {"recorder": recorder, "floor": floor}


def main() -> None:
    words = sys.argv[1:]
    tasks = next((int(word) for word in words if word.isdecimal()), TASKS)
    for kind in [word for word in words if not word.isdecimal()] or ["sqlite", "postgresql"]:
        with place(kind) as where:
            rounds = [one_round(where, tasks) for _ in range(ROUNDS)]
        least = {what: [min(each) for each in zip(*(r[what] for r in rounds), strict=True)] for what in rounds[0]}
        rows = [
            {
                "what": what,
                "CPU us, this process": round(own, 1),
                "the server": round(server, 1),
                "bytes of log a task": round(log),
            }
            for what, (own, server, log) in least.items()
        ]
        show(f"Recording {tasks:,} tasks on {kind}, least of {ROUNDS} rounds", rows, {"rounds": rounds})


if __name__ == "__main__":
    main()
