"""PostgreSQL for the tests: one private cluster per version and process, one database per test.

The oldest and the newest version that the machine has; fewer than two fail the tests, they are never skipped.
"""

from __future__ import annotations

from contextlib import ExitStack
from itertools import count

from leasehold.adapters.database.open import create_schema
from leasehold.testing.postgres import INSTALL, Binaries, PostgresServer, installed

TEMPLATE = "ledger_template"


class Cluster(PostgresServer):
    """A cluster in which an empty ledger costs as much as the copy of a database."""

    def __init__(self, binaries: Binaries) -> None:
        super().__init__(binaries)
        self._names = (f"test{number}" for number in count(1))
        self._made = False

    def empty(self) -> str:
        """The name of a database with nothing in it."""
        return self.create(next(self._names))

    def fresh(self) -> str:
        """The name of a database with the newest schema and no task."""
        if not self._made:
            create_schema(self.url(self.create(TEMPLATE)))
            self._made = True
        return self.create(next(self._names), TEMPLATE)


class Clusters:
    """Clusters by age of their version, ``oldest`` and ``newest``, started when first asked for."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._started: dict[str, Cluster] = {}

    def __getitem__(self, age: str) -> Cluster:
        if age not in self._started:
            binaries = two_versions()[0 if age == "oldest" else -1]
            self._started[age] = Cluster(binaries)
            self._stack.callback(self._started[age].close)
        return self._started[age]

    def close(self) -> None:
        """Stop and remove them all."""
        self._stack.close()


def two_versions() -> list[Binaries]:
    """All versions that this machine has, the oldest first, or a failure that says what to install."""
    found = installed()
    if len(found) < 2:
        names = ", ".join(f"{each.version} in {each.folder}" for each in found) or "none"
        raise AssertionError(f"the tests need two versions of PostgreSQL; found: {names}. {INSTALL}")
    return found
