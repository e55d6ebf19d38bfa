"""Where the ledger's time goes: ``python -m bench.profile [dispatch|apply] [sqlite|postgresql] [TASKS]``.

The step of ``bench.ledger``, twice: once plain, for the CPU us of this process and of the server and the bytes of
write-ahead log for each row or transition; once under ``cProfile`` (which doubles it), for what each function takes of
it. On PostgreSQL also what each statement takes of the server (``pg_stat_statements``: its time is the wall's).
"""

import cProfile
import io
import pstats
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench._processes import cpu_seconds
from bench.ledger import TASKS, Round, reports
from leasehold.testing.postgres import PostgresServer

LINES = 28
STATEMENTS = """
SELECT round((total_exec_time + total_plan_time)::numeric, 1), calls, rows, wal_bytes, shared_blks_hit,
    regexp_replace(left(query, 110), '[[:space:]]+', ' ', 'g')
FROM pg_stat_statements ORDER BY 1 DESC LIMIT 14"""
SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.track_planning": "on",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "8GB",
    "shared_buffers": "256MB",
}


class Place:
    """One empty ledger after another, and what its server has used."""

    def __init__(self, server: PostgresServer | None, folder: Path) -> None:
        self.server, self._folder, self._made = server, folder, 0

    def url(self) -> str:
        self._made += 1
        if self.server is None:
            return f"sqlite:///{self._folder}/jobs{self._made}.db"
        return self.server.url(self.server.create(f"jobs{self._made}"))

    def used(self) -> tuple[float, float, int]:
        """CPU seconds of this process and of the server, bytes of log."""
        own = time.process_time()
        if self.server is None:
            return own, 0.0, 0
        ((log,),) = self.server.run("SELECT pg_current_wal_insert_lsn() - '0/0'")
        return own, cpu_seconds(self.server.pid), int(log)


@contextmanager
def place(kind: str) -> Generator[Place]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(PostgresServer(settings=SETTINGS)) if kind == "postgresql" else None
        if server is not None:
            server.run("CREATE EXTENSION pg_stat_statements")
        yield Place(server, folder)


def one(step: str, where: Place, tasks: int, profile: cProfile.Profile | None) -> None:
    ready = Round(where.url(), tasks)
    ready.submit()
    if step == "apply":
        ready.dispatch()
    changes = reports(ready.out, ready.now)
    if where.server is not None:
        where.server.run("SELECT pg_stat_statements_reset()")
        where.server.run("CHECKPOINT")
    before = where.used()
    if profile is not None:
        profile.enable()
    if step == "apply":
        ready.apply(changes)
    else:
        ready.dispatch()
    if profile is not None:
        profile.disable()
    own, server, log = (after - then for after, then in zip(where.used(), before, strict=True))
    each = len(changes) or len(ready.out)
    ready.ledger.close()
    if profile is None:
        cpu = f"this process {own / each * 1e6:.1f}, the server's {server / each * 1e6:.1f}"
        print(f"{step}, {each:,} rows or transitions, CPU us each: {cpu}; {log / each:.0f} bytes of log each")
        if where.server is not None:
            print("\n      ms   calls     rows       log   pages  statement")
            for row in where.server.run(STATEMENTS):
                print("{:>8} {:>7} {:>8} {:>9} {:>7}  {}".format(*row))


def main() -> None:
    words = sys.argv[1:]
    step = "dispatch" if "dispatch" in words else "apply"
    kind = "sqlite" if "sqlite" in words else "postgresql"
    tasks = next((int(word) for word in words if word.isdecimal()), TASKS)
    with place(kind) as where:
        one(step, where, tasks, None)
        profile = cProfile.Profile()
        one(step, where, tasks, profile)
    text = io.StringIO()
    pstats.Stats(profile, stream=text).strip_dirs().sort_stats("tottime").print_stats(LINES)
    print("\n".join(line.rstrip() for line in text.getvalue().splitlines()[6:]))


if __name__ == "__main__":
    main()
