"""Dramatiq: on SQS (dramatiq_sqs), and on Redis with results in Redis."""

from __future__ import annotations

import os
from collections.abc import Sequence

import _work
import dramatiq
from _driver import PROCESSES, Arguments, Peer, left_on_sqs, serve

QUEUE = "default"


def broker() -> dramatiq.Broker:
    if os.environ["BENCH_PLACE"] == "sqs":
        from dramatiq_sqs import SQSBroker  # noqa: PLC0415 - for SQS alone

        return SQSBroker(namespace="bench", visibility_timeout=3_600)
    from dramatiq.brokers.redis import RedisBroker  # noqa: PLC0415 - for Redis alone
    from dramatiq.results import Results  # noqa: PLC0415 - as above
    from dramatiq.results.backends import RedisBackend  # noqa: PLC0415 - as above

    made = RedisBroker(url=f"{os.environ['BENCH_REDIS']}/0")
    made.add_middleware(Results(backend=RedisBackend(url=f"{os.environ['BENCH_REDIS']}/1"), store_results=True))
    return made


dramatiq.set_broker(broker())
ACTORS = {kind: dramatiq.actor(getattr(_work, kind), actor_name=kind) for kind in ("noop", "burn", "stamp")}


class OnDramatiq(Peer):
    def prepare(self) -> None:
        if self.place != "sqs":
            import redis  # noqa: PLC0415 - for Redis alone

            self.broker, self.results = (redis.from_url(f"{os.environ['BENCH_REDIS']}/{n}") for n in (0, 1))

    def start(self) -> None:
        self.run("dramatiq", "peer", "--processes", str(PROCESSES), "--threads", "8")

    def submit(self, kind: str, tasks: Sequence[Arguments]) -> None:
        for arguments in tasks:
            ACTORS[kind].send(**arguments)

    def done(self) -> int:
        if self.place == "sqs":
            return self.submitted - left_on_sqs()
        return min(self.results.dbsize(), self.submitted - self.broker.hlen(f"dramatiq:{QUEUE}.msgs"))


if __name__ == "__main__":
    serve(OnDramatiq())
