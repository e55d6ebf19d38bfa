"""Celery: on SQS with results in PostgreSQL, and on Redis with results in Redis."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import _work
from _driver import PROCESSES, Arguments, Peer, left_on_sqs, serve
from celery import Celery

QUEUE = "bench-celery"


def on_sqs() -> dict[str, Any]:
    endpoint = os.environ["AWS_ENDPOINT_URL_SQS"]
    return {
        "broker_url": endpoint.replace("http://", "sqs://testing:testing@"),
        "broker_transport_options": {
            "region": os.environ["AWS_REGION"],
            "predefined_queues": {QUEUE: {"url": f"{endpoint}/000000000000/{QUEUE}"}},
            "wait_time_seconds": 20,
            "polling_interval": 0,
            "visibility_timeout": 3_600,
        },
        "result_backend": os.environ["BENCH_DATABASE"].replace("postgresql://", "db+postgresql+psycopg://"),
        "database_engine_options": {"pool_pre_ping": False},
        "worker_enable_remote_control": False,
    }


def on_redis() -> dict[str, Any]:
    return {
        "broker_url": f"{os.environ['BENCH_REDIS']}/0",
        "broker_transport_options": {"visibility_timeout": 3_600},
        "result_backend": f"{os.environ['BENCH_REDIS']}/1",
    }


app = Celery("bench")
app.conf.update(
    task_default_queue=QUEUE,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    worker_concurrency=PROCESSES,
    worker_prefetch_multiplier=64,
    **(on_sqs() if os.environ["BENCH_PLACE"] == "sqs" else on_redis()),
)
TASKS = {kind: app.task(name=kind)(getattr(_work, kind)) for kind in ("noop", "burn", "stamp")}


class OnCelery(Peer):
    def prepare(self) -> None:
        if self.place == "sqs":
            import boto3  # noqa: PLC0415 - for SQS alone
            import psycopg  # noqa: PLC0415 - as boto3

            boto3.client("sqs").create_queue(QueueName=QUEUE, Attributes={"VisibilityTimeout": "3600"})
            self.database = psycopg.connect(os.environ["BENCH_DATABASE"], autocommit=True)
            app.backend.ResultSession()  # makes its tables, which two workers at once would stumble over
        else:
            import redis  # noqa: PLC0415 - for Redis alone

            self.broker, self.results = (redis.from_url(f"{os.environ['BENCH_REDIS']}/{n}") for n in (0, 1))

    def start(self) -> None:
        quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=WARNING")
        self.run("celery", "-A", "peer", "worker", "-P", "prefork", *quiet)

    def submit(self, kind: str, tasks: Sequence[Arguments]) -> None:
        with app.producer_or_acquire() as producer:
            for arguments in tasks:
                TASKS[kind].apply_async(kwargs=arguments, producer=producer)

    def done(self) -> int:
        if self.place == "sqs":
            rows = self.database.execute("SELECT count(*) FROM celery_taskmeta WHERE status = 'SUCCESS'").fetchall()
            return min(rows[0][0], self.submitted - left_on_sqs())
        left = self.broker.llen(QUEUE) + self.broker.hlen("unacked")
        return min(self.results.dbsize(), self.submitted - left)


if __name__ == "__main__":
    serve(OnCelery())
