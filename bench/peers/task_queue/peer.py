"""task-queue: on SQS, and on files."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from functools import partial

import _work
from _driver import PROCESSES, Arguments, Peer, left_on_sqs, serve
from taskqueue import TaskQueue, queueable

QUEUE = "bench-task-queue"
EMPTY = 0.1
"""s, at most, between two looks at an empty queue of files."""
LEASE = {"sqs": 3_600, "files": 5}
"""s; on files a task that is leased while it is half written runs when its lease has lapsed."""


@queueable
def noop(number: int) -> None:
    _work.noop(number)


@queueable
def burn(number: int) -> None:
    _work.burn(number)


@queueable
def stamp(number: int, path: str) -> None:
    _work.stamp(number, path)


TASKS = {"noop": noop, "burn": burn, "stamp": stamp}


def queue() -> TaskQueue:
    if os.environ["BENCH_PLACE"] == "sqs":
        where = {"region_name": os.environ["AWS_REGION"], "endpoint_url": os.environ["AWS_ENDPOINT_URL_SQS"]}
        return TaskQueue(f"sqs://{QUEUE}", progress=False, **where)
    return TaskQueue(f"fq://{os.environ['BENCH_FOLDER']}/queue", progress=False)


class OnTaskQueue(Peer):
    def prepare(self) -> None:
        if self.place == "sqs":
            import boto3  # noqa: PLC0415 - for SQS alone

            boto3.client("sqs").create_queue(QueueName=QUEUE)
        self.queue = queue()

    def start(self) -> None:
        for _ in range(PROCESSES):
            self.run("python", "-m", "peer", "poll")

    def submit(self, kind: str, tasks: Sequence[Arguments]) -> None:
        """On files the workers stand still meanwhile, as if they were started afterwards: see ``LEASE``."""
        self.signal(signal.SIGSTOP)
        self.queue.insert([partial(TASKS[kind], **arguments) for arguments in tasks])
        self.signal(signal.SIGCONT)

    def signal(self, number: signal.Signals) -> None:
        for worker in self.workers if self.place == "files" else ():
            worker.send_signal(number)

    def done(self) -> int:
        return self.submitted - left_on_sqs() if self.place == "sqs" else self.queue.completed


if __name__ == "__main__":
    import peer  # the tasks under the name by which they travel

    if sys.argv[1:] == ["poll"]:
        peer.queue().poll(lease_seconds=LEASE[os.environ["BENCH_PLACE"]], tally=True, max_backoff_window=EMPTY)
    else:
        serve(peer.OnTaskQueue())
