"""Where deployments stand: a database of a private PostgreSQL, queues on our own SQS server or in that database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from leasehold.testing.postgres import SUPERUSER
from tests.acceptance.deployment import Deployment, Place
from tests.acceptance.sqs import SqsProcess, sqs_process
from tests.servers.clusters import Cluster

PREFIX = "sqs://harbour"
READ = "schema_version"
WRITTEN = (
    "tasks, results, runs, run_outputs, audit, batches, error_groups, counter_deltas, status_ids, quarantine, "
    "request_deltas"
)
"""What workers in single-queue write: no arguments, no operations, and they cannot even read the capability key."""
QUEUES = "queue_messages"


@dataclass
class Site:
    """A place with the servers behind it."""

    cluster: Cluster
    database: str
    place: Place
    sqs: SqsProcess | None = None
    worker_role: str | None = None
    """As whom workers log in, where that is not as the owner of the tables."""

    def set_up(self, deployment: Deployment) -> None:
        """Make what the deployment stands on, and let its workers into the database where they have a role there."""
        deployment.init()
        role = self.worker_role
        if role is not None:
            self.cluster.run(f'GRANT SELECT ON {READ} TO "{role}"', self.database)
            self.cluster.run(f'GRANT SELECT, INSERT, UPDATE ON {WRITTEN} TO "{role}"', self.database)
            if self.sqs is None:
                self.cluster.run(f'GRANT SELECT, UPDATE, DELETE ON {QUEUES} TO "{role}"', self.database)

    def connected_as(self) -> set[str]:
        """Application names of everybody but the superuser who ever logged in here, by the server's own log."""
        found: set[str] = set()
        for line in self.cluster.log().splitlines():
            here = "connection authorized" in line and f"database={self.database} " in f"{line} "
            if here and f"user={SUPERUSER} " not in line:
                name = line.partition("application_name=")[2]
                found.add(name.split()[0] if name else "")
        return found

    def all_recorded(self, deployment: Deployment) -> None:
        """Wait until no report is on its way: what a killed orchestrator had in its hands comes back after 20 s."""
        deployment.until(lambda: None if self._reports(deployment) else True, "every report is recorded")

    def _reports(self, deployment: Deployment) -> int:
        if self.sqs is not None:
            return sum(self.sqs.queues().get("harbour-status", {}).values())
        return sum(deployment.parts.queues.status().depth())

    def services_by_way_of(self, port: int) -> None:
        """Let orchestrators and workers reach the database through another port of this machine."""
        place = self.place
        worker = None if place.worker_ledger is None else at_port(place.worker_ledger, port)
        self.place = place._replace(orchestrator_ledger=at_port(place.ledger, port), worker_ledger=worker)


def at_port(url: str, port: int) -> str:
    """The same address at another port."""
    parts = urlsplit(url)
    user, _, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{port}"))


@contextmanager
def site(folder: Path, cluster: Cluster, topology: str, queues: str, *, seed: int = 0) -> Iterator[Site]:
    """``queues``: ``sqs``, ``fifo`` or ``embedded``; ``seed``: of the faults of SQS.

    Workers know no ledger where they need none.
    """
    with ExitStack() as stack:
        cluster.run("ALTER SYSTEM SET log_connections = 'on'")
        cluster.run("SELECT pg_reload_conf()")
        database = cluster.empty()
        stack.callback(cluster.drop, database)
        ledger = cluster.url(database)
        place = Place(ledger, topology=topology)
        sqs = None
        if queues == "embedded":
            place = place._replace(worker_ledger=ledger)
        else:
            sqs = stack.enter_context(sqs_process(folder, seed=seed))
            address = PREFIX + (".fifo" if queues == "fifo" else "")
            place = place._replace(queues=address, aws=sqs.environment)
        role = None
        if topology == "single-queue":
            role = cluster.role(f"worker_of_{database}")
            stack.callback(cluster.run, f'DROP ROLE "{role}"')
            stack.callback(cluster.run, f'DROP OWNED BY "{role}"', database)
            place = place._replace(worker_ledger=cluster.url(database, role))
        yield Site(cluster, database, place, sqs, role)
