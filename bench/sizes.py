"""What one completed task leaves in the ledger, and in PostgreSQL's log. Prints a table and JSON.

``python -m bench.sizes [TASKS]``: so many tasks with a path as argument and a word as result are submitted, dispatched,
started and completed, in sets as the roles do it; then the file, or tables and indexes, are weighed. Without queues.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench._tables import show
from bench.ledger import Round, reports
from leasehold.testing.postgres import PostgresServer

TASKS = 5_000


def through(url: str, tasks: int) -> Round:
    one = Round(url, tasks)
    one.single = []
    one.submit()
    one.dispatch()
    one.apply(reports(one.out, one.now))
    return one


def of_sqlite(tasks: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "jobs.db")
        through(f"sqlite:///{path}", tasks).ledger.close()  # the log is taken into the file
        return {"bytes": path.stat().st_size / tasks}


def of_postgres(tasks: int) -> dict[str, float]:
    import psycopg  # noqa: PLC0415 - not needed for SQLite

    with PostgresServer() as server:
        url = server.url(server.create("jobs"))
        with psycopg.connect(url, autocommit=True) as connection:

            def ask(sql: bytes) -> int:
                row = connection.execute(sql).fetchone()
                assert row is not None
                return int(row[0])

            return weigh(url, tasks, ask)


def weigh(url: str, tasks: int, ask: Callable[[bytes], int]) -> dict[str, float]:
    began = ask(b"SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")
    through(url, tasks).ledger.close()
    log = ask(b"SELECT pg_current_wal_lsn() - '0/0'::pg_lsn") - began
    size = ask(b"SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace = 2200")
    return {"bytes": size / tasks, "log": log / tasks}


def main() -> None:
    tasks = int(sys.argv[1]) if sys.argv[1:] else TASKS
    found = {"sqlite": of_sqlite(tasks), "postgresql": of_postgres(tasks)}
    rows = [
        {"ledger": name, "bytes per task": f"{each['bytes']:,.0f}", "of its log": f"{each.get('log', 0):,.0f}"}
        for name, each in found.items()
    ]
    show(f"sizes of {tasks:,} completed tasks", rows, found)


if __name__ == "__main__":
    main()
