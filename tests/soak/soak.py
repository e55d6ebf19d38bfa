"""One soak: real processes on real servers, blows from a seed, then calm, then the checker's verdict."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any, NamedTuple

from leasehold.core.errors import Unavailable
from tests.acceptance.processes import BOUND, left_behind
from tests.acceptance.sites import PREFIX, at_port, site
from tests.servers.aws import environment
from tests.servers.clusters import Clusters
from tests.servers.pulse import BEAT, ahead
from tests.soak.chaos import Chaos
from tests.soak.client import BATCH, Client
from tests.soak.disks import disk
from tests.soak.fleet import ORCHESTRATORS, WORKERS, Fleet
from tests.soak.handlers import LEASE
from tests.soak.history import note
from tests.soak.network import Network
from tests.soak.plan import KINDS, blows, jobs
from tests.soak.queue_server import QueueServer

TICK = 0.05
"""s between two looks at what is to be done."""
MS = 1_000_000
"""ns, which instants of histories are."""
STALLED = 1_000
"""ms that the machine stands still, or has hardly a processor for anybody: what is shorter, the checker bears."""
STALL = 300.0
"""s of calm after which somebody must have come to an outcome, as long as anybody has none."""
ROOT = Path(__file__).parents[2]
SETTINGS = {"LEASEHOLD_WINDOW": "50", "LEASEHOLD_VALIDITY": "10s"}
"""A message is void 10 s + the lease + 5 s after its dispatch."""


class Options(NamedTuple):
    """What bounds a soak."""

    seed: int
    minutes: float
    tasks: int
    topology: str
    only: tuple[str, ...] = KINDS
    """Which blows fall."""
    keep: Path | None = None
    """Where its history and its logs are kept; ``None``: they are removed."""


def soak(options: Options) -> dict[str, Any]:
    """Run one; the checker's verdict."""
    with standing(options) as (fleet, chaos, ledger):
        tell(fleet.folder / "terms.json", {"topology": options.topology, "lease": LEASE})
        chaos.site.set_up(fleet)
        for name in (*ORCHESTRATORS, *WORKERS):
            fleet.begin(name)
        client = Client(fleet, jobs(options.seed, options.tasks), options.minutes * 60)
        client.start()
        weather(fleet, chaos, options)
        calm(fleet, client, options)
        tell_stalls(fleet)
        verdict = judged(fleet.folder, ledger)
        tell(fleet.folder / "verdict.json", verdict)
        return verdict


def tell_stalls(fleet: Fleet) -> None:
    """Note when the machine itself stood still: nobody wanted these blows, but they fell on every process."""
    for number, (began, ended) in enumerate(fleet.pulse.stalls(STALLED, apart=2 * BEAT)):
        told = {"id": f"stall {number}", "kind": "machine-stall"}
        note(fleet.log, "blow", at=(began + ahead()) * MS, **told)
        note(fleet.log, "over", at=(ended + ahead()) * MS, **told)


def weather(fleet: Fleet, chaos: Chaos, options: Options) -> None:
    """Let the blows fall, each at its time or as soon as the one before has fallen; then mend everything."""
    began, falling = monotonic(), blows(options.seed, options.minutes * 60, options.only)
    while (now := monotonic() - began) < options.minutes * 60 or falling:
        chaos.mend()
        fleet.keep()
        if falling and falling[0].at <= now:
            chaos.strike(falling.pop(0))
        Event().wait(TICK)
    chaos.mend(everything=True)
    fleet.all_again()
    note(fleet.log, "calm")


def calm(fleet: Fleet, client: Client, options: Options) -> None:
    """Wait until everything has an outcome, end everything in good order, and ask the system's own audit."""
    client.join(BOUND)
    client.give_up()
    until_settled(fleet, options.tasks)
    hangs = "it hangs" if client.is_alive() else ""
    note(fleet.log, "settled", outcomes=done(fleet), client=client.trouble or hangs)
    for role in (WORKERS, ORCHESTRATORS):
        running = [fleet.processes[name] for name in fleet.running(role)]
        for process in running:
            process.popen.terminate()
        for process in running:
            note(fleet.log, "stopped", process=process.name, code=process.ended())
    note(fleet.log, "left", pids=left_behind(fleet.folder))
    audit(fleet)


def audit(fleet: Fleet) -> None:
    """What the system says of itself, however long that takes on a busy machine."""
    command = [sys.executable, "-m", "leasehold", "audit", "--json"]
    ran = subprocess.run(
        command, env=fleet.environment("operator"), cwd=fleet.folder, capture_output=True, text=True, check=False
    )
    says = json.loads(ran.stdout) if ran.returncode in (0, 1) else ran.stdout + ran.stderr
    note(fleet.log, "audit", code=ran.returncode, says=says)


def until_settled(fleet: Fleet, tasks: int) -> None:
    """Wait until every task has an outcome, or nothing moves any more."""
    ended, end = 0, monotonic() + STALL
    while ended < tasks and monotonic() < end:
        if (now := done(fleet)) > ended:
            ended, end = now, monotonic() + STALL
        fleet.keep()
        Event().wait(10 * TICK)


def done(fleet: Fleet) -> int:
    """How many tasks have an outcome."""
    try:
        return fleet.ended(BATCH)
    except Unavailable:
        return 0


def judged(folder: Path, ledger: str) -> dict[str, Any]:
    """What the checker says: a program of its own, which sees neither this one nor the system."""
    scrubbed = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.soak.checker", str(folder), ledger]
    ran = subprocess.run(command, env=scrubbed, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode in (0, 1), ran.stderr
    return json.loads(ran.stdout)


def tell(file: Path, what: object) -> None:
    """Write something as JSON."""
    file.write_text(json.dumps(what, indent=1) + "\n")


@contextmanager
def standing(options: Options) -> Iterator[tuple[Fleet, Chaos, str]]:
    """Servers, disks, ways and the fleet on them, which has not begun yet; and where the checker finds the ledger."""
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="leasehold-soak-")))
        folder.mkdir(parents=True, exist_ok=True)
        clusters = Clusters()
        stack.callback(clusters.close)
        queues = stack.enter_context(QueueServer(options.seed))
        found = stack.enter_context(site(folder, clusters["newest"], options.topology, "embedded"))
        ports = {"ledger": found.cluster.port, "queues": queues.port}
        ways = WAYS if options.topology == "single-queue" else [way for way in WAYS if way != "workers-ledger"]
        network = Network(**{way: ports[way.partition("-")[2]] for way in ways})
        stack.callback(network.close)
        ledger = found.place.ledger
        worker = None
        if options.topology == "single-queue":
            assert found.place.worker_ledger is not None
            worker = at_port(found.place.worker_ledger, network.port("workers-ledger"))
        found.place = found.place._replace(
            ledger=at_port(ledger, network.port("client-ledger")),
            orchestrator_ledger=at_port(ledger, network.port("orchestrators-ledger")),
            worker_ledger=worker,
            queues=PREFIX,
            aws=environment(f"http://127.0.0.1:{queues.port}", folder),
            settings=SETTINGS,
        )
        store = stack.enter_context(disk(folder / "store", "96m"))
        scratch = stack.enter_context(disk(folder / "scratch", "24m"))
        fleet = Fleet(folder, found.place, network, scratch.folder)
        stack.callback(clean_up, fleet)
        yield fleet, Chaos(fleet, found, queues, store, scratch), ledger


WAYS = ("client-ledger", "orchestrators-ledger", "orchestrators-queues", "workers-queues", "workers-ledger")
"""Who goes where. The client needs no queue; workers go to the ledger in single-queue only."""


def clean_up(fleet: Fleet) -> None:
    """End every process, and keep what it said beside the history."""
    for process in fleet.everybody:
        process.clean_up()
        with (fleet.folder / f"{process.name.partition(' ')[0]}.log").open("a") as file:
            file.write(f"--- {process.name} ({process.popen.returncode})\n{process.output}")
    for made in ("parts", "connection"):
        if made in fleet.__dict__:
            getattr(fleet, made).close()
    fleet.pulse.close()
