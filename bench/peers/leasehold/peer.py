"""Leasehold as it comes: an orchestrator, and one worker of two slots."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jobs
from _driver import PROCESSES, Arguments, Peer, serve

from leasehold.adapters.database.open import create_schema
from leasehold.app.connection import Connection
from leasehold.embedded import EmbeddedSystem

SPEC = str(Path(__file__).with_name("jobs.py"))


class Leasehold(Peer):
    def prepare(self) -> None:
        where, _, bundles = self.place.partition("+bundles")
        self.app, spec = (jobs.bundled, f"{SPEC}:bundled") if "+bundles" in self.place else (jobs.app, f"{SPEC}:app")
        assert self.app is not None, "this version has no bundles"
        assert not bundles
        given: dict[str, Any] = {
            "ledger": str(self.folder / "bench.db") if where == "sqlite" else os.environ["BENCH_DATABASE"],
            "store": str(self.folder / "store"),
            "worker_slots": PROCESSES,
            "log_level": "warning",
        }
        if where == "sqs":
            make_queues()
            given["queues"] = "sqs://bench"
        if where != "sqlite":
            create_schema(given["ledger"])
        self.connection = Connection(given, lambda: spec)
        self.system = EmbeddedSystem(self.connection.settings, spec)
        self.behind = self.app.behind(self.connection)
        self.behind.__enter__()

    def start(self) -> None:
        self.connection.serve_with(self.system)

    def roots(self) -> Sequence[int]:
        return [node.pid for node in self.system.nodes if node.role == "worker"]

    def others(self) -> Mapping[str, int]:
        return {node.role: node.pid for node in self.system.nodes if node.role != "worker"}

    def submit(self, kind: str, tasks: Sequence[Arguments]) -> None:
        assert self.app is not None
        self.app[kind].submit_many(tasks)

    def submit_one(self, kind: str, arguments: Arguments) -> None:
        assert self.app is not None
        self.app[kind].submit(**arguments)

    def done(self) -> int:
        return sum(cell.tasks for cell in self.connection.client.views.counts() if cell.status == "completed")

    def stop(self) -> None:
        self.connection.close()


def make_queues() -> None:
    import boto3  # noqa: PLC0415 - not needed elsewhere

    client = boto3.client("sqs")
    for name in ("bench-tasks-default", "bench-status", "bench-dead"):
        client.create_queue(QueueName=name)


if __name__ == "__main__":
    serve(Leasehold())
