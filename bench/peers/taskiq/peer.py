"""Taskiq on SQS (taskiq-aio-sqs): sends in batches of ten, receives ten at a time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

import _work
import boto3
from _driver import PROCESSES, Arguments, Peer, left_on_sqs, serve
from taskiq_aio_sqs import SQSBroker

QUEUE = "bench-taskiq"
LINGER = 0.1

broker = SQSBroker(
    sqs_queue_name=QUEUE,
    endpoint_url=os.environ["AWS_ENDPOINT_URL_SQS"],
    region_name=os.environ["AWS_REGION"],
    aws_access_key_id="testing",
    aws_secret_access_key="testing",  # noqa: S106 - the test server checks no signature
    max_number_of_messages=10,
    wait_time_seconds=20,
    visibility_timeout=3_600,
    enable_batching=True,
    batch_timeout=LINGER,
)


async def noop(number: int) -> int:
    return _work.noop(number)


async def stamp(number: int, path: str) -> int:
    return _work.stamp(number, path)


TASKS = {
    "noop": broker.register_task(noop, task_name="noop"),
    "stamp": broker.register_task(stamp, task_name="stamp"),
    "burn": broker.register_task(_work.burn, task_name="burn"),  # a plain function runs in a thread of the worker
}


class OnTaskiq(Peer):
    def prepare(self) -> None:
        boto3.client("sqs").create_queue(QueueName=QUEUE, Attributes={"VisibilityTimeout": "3600"})
        self.loop = asyncio.Runner()
        self.loop.run(broker.startup())

    def start(self) -> None:
        sizes = ("--workers", str(PROCESSES), "--max-async-tasks", "20", "--max-prefetch", "10")
        self.run("taskiq", "worker", "peer:broker", *sizes, "--ack-type", "when_saved", "--log-level", "WARNING")

    def submit(self, kind: str, tasks: Sequence[Arguments]) -> None:
        self.loop.run(self.send(kind, tasks))

    async def send(self, kind: str, tasks: Sequence[Arguments]) -> None:
        for arguments in tasks:
            await TASKS[kind].kiq(**arguments)
        buffers = broker._batch_buffers.values()  # noqa: SLF001 - nothing public tells what is still to be sent
        while not all(buffer.empty() for buffer in buffers):  # noqa: ASYNC110 - nor does anything tell when it is
            await asyncio.sleep(LINGER / 10)
        await asyncio.sleep(LINGER)  # what was taken from the buffer last is on its way

    def submit_one(self, kind: str, arguments: Arguments) -> None:
        self.loop.run(TASKS[kind].kicker().with_labels(skip_batching=True).kiq(**arguments))

    def done(self) -> int:
        return self.submitted - left_on_sqs()


if __name__ == "__main__":
    serve(OnTaskiq())
