"""What queues, bells and stores cost on this machine, durable as in production. Prints a table and JSON."""

import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from leasehold.adapters.bell import FifoBell
from leasehold.adapters.clock import SystemClock
from leasehold.adapters.database.open import open_database
from leasehold.adapters.database.queue import DatabaseQueue
from leasehold.adapters.memory import MemoryQueue
from leasehold.adapters.store import FolderStore
from leasehold.ports.queue import Message, Queue

BODY = json.dumps({"v": 1, "name": "transcribe", "tasks": [{"id": "0" * 36, "n": 1, "c": "c" * 43, "a": "a" * 100}]})
ROUNDS = 5
MESSAGES = 6_000
"""In each round of batches of 100; fewer in smaller ones."""
BACKLOG = 1_000
VISIBILITY = 600_000
IDLE = 10_000
WAKES = 200
SPAWN = multiprocessing.get_context("spawn")

Figures = dict[str, dict[str, float]]


def embedded(folder: Path) -> DatabaseQueue:
    database = open_database(f"sqlite:///{folder}/jobs.db")
    return DatabaseQueue("q", database, clock=SystemClock(), bell=FifoBell(folder / "jobs.db-bell"), topic="tasks:q")


def cycle(queue: Queue, batch: int, count: int) -> None:
    """Send, receive and delete ``count`` messages, ``batch`` at a time."""
    messages = [Message(BODY)] * batch
    for _ in range(count // batch):
        queue.send(messages)
        done = 0
        while done < batch:
            deliveries = queue.receive(batch - done, wait=0, visibility=VISIBILITY).deliveries
            assert all(queue.delete([delivery.receipt for delivery in deliveries]))
            done += len(deliveries)


def round_trips(queue: Queue, batch: int) -> dict[str, float]:
    """Messages a second (median and spread) and CPU of one message, with a backlog that is not touched."""
    rates: list[float] = []
    cpu: list[float] = []
    count = MESSAGES * batch // 100 if batch > 1 else 500
    queue.send([Message(BODY)] * BACKLOG)
    for _ in range(ROUNDS):
        began, used = time.perf_counter(), time.process_time()
        cycle(queue, batch, count)
        rates.append(count / (time.perf_counter() - began))
        cpu.append((time.process_time() - used) / count * 1e6)
    return {
        "messages/s": round(statistics.median(rates)),
        "least": round(min(rates)),
        "most": round(max(rates)),
        "CPU us/message": round(min(cpu), 1),
    }


def idle(queue: Queue) -> dict[str, float]:
    """What a waiting receive takes of one core."""
    queue.receive(1, wait=0, visibility=VISIBILITY)
    used = time.process_time()
    assert not queue.receive(1, wait=IDLE, visibility=VISIBILITY).deliveries
    return {"% of a core": round((time.process_time() - used) / IDLE * 1e5, 3)}


def listen(folder: str, pipe: Connection) -> None:
    """The other process: says when it listens and when it woke."""
    bell = FifoBell(Path(folder))
    bell.wait("tasks:q", 0)
    for _ in range(WAKES):
        pipe.send(0.0)
        assert bell.wait("tasks:q", 60_000)
        pipe.send(time.monotonic())
    bell.close()


def wake(folder: Path) -> dict[str, float]:
    """From the ring to the waiter's next line, in another process."""
    ours, theirs = SPAWN.Pipe()
    other = SPAWN.Process(target=listen, args=(str(folder), theirs))
    other.start()
    bell = FifoBell(folder)
    latencies: list[float] = []
    for _ in range(WAKES):
        ours.recv()
        time.sleep(0.002)  # until it is asleep in its wait
        rung = time.monotonic()
        bell.ring("tasks:q")
        latencies.append((ours.recv() - rung) * 1e3)
    other.join()
    quantiles = statistics.quantiles(latencies, n=100)
    return {"p50 ms": round(quantiles[49], 3), "p99 ms": round(quantiles[98], 3)}


def each(work: Callable[[int], object], times: int) -> dict[str, float]:
    """Microseconds of one call: median of the rounds."""
    spans: list[float] = []
    for turn in range(ROUNDS):
        began = time.perf_counter()
        for number in range(times):
            work(turn * times + number)
        spans.append((time.perf_counter() - began) / times * 1e6)
    return {"us": round(statistics.median(spans), 2)}


def ringing(folder: Path, listeners: int) -> dict[str, float]:
    bells = [FifoBell(folder / str(listeners)) for _ in range(listeners + 1)]
    for bell in bells[1:]:
        bell.wait("tasks:q", 0)
    time.sleep(0.2)  # until the folder's time of change is believed
    figures = each(lambda _: bells[0].ring("tasks:q"), 2_000)
    for bell in bells:
        bell.close()
    return figures


def measure(folder: Path) -> Figures:
    queue = embedded(folder)
    store = FolderStore(folder / "store")
    blob = b"x" * 100_000
    figures: Figures = {"embedded queue, idle": idle(queue)}
    figures |= {f"embedded queue, batches of {batch}": round_trips(queue, batch) for batch in (100, 10, 1)}
    figures["memory queue, batches of 10"] = round_trips(MemoryQueue("q", SystemClock()), 10)
    figures |= {f"ring, {listeners} listeners": ringing(folder, listeners) for listeners in (0, 1, 8)}
    (folder / "wake").mkdir()
    figures["wake another process"] = wake(folder / "wake")
    figures["store 100 kB durably"] = each(lambda number: store.create(f"bench/{number}", blob), 40)
    figures["read 100 kB"] = each(lambda number: store.get(f"bench/{number}"), 40)
    return figures


def table(figures: Figures) -> Sequence[str]:
    return [
        f"{name:34}" + "   ".join(f"{value:>10,} {unit}" for unit, value in row.items())
        for name, row in figures.items()
    ]


def main() -> None:
    with tempfile.TemporaryDirectory(dir=".") as folder:
        figures = measure(Path(folder).absolute())
    print("\n".join(table(figures)))
    print(json.dumps({"python": sys.version.split()[0], "figures": figures}))


if __name__ == "__main__":
    main()
