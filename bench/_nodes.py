"""Many worker nodes in one process: every role of each is real and has threads of its own; its slots only pass time.

``python -m bench._nodes FIRST COUNT``, settings from the environment. On its standard input: ``go`` starts all nodes
at once, ``stop`` asks all of them to drain at once. It says ``ready``, ``up`` and ``over``; killed, all of them die.
What nodes share, because there is one process: connections, the pool of the ledger, and the interpreter.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from random import Random
from threading import Thread

from leasehold.assemble import Parts
from leasehold.flow.service import Stop
from leasehold.ports.slots import Job, Slots
from leasehold.settings import read_settings
from leasehold.testing.timed_slots import TimedSlots


def lasting(job: Job) -> int:
    return json.loads(job.arguments)["ms"]


class LightParts(Parts):
    """The parts of a worker, with slots that cost nothing."""

    def _slots(self) -> Slots:
        return TimedSlots(self.clock, self.settings.worker_slots, lasting)


def widen_connections(nodes: int) -> None:
    """Each node has a long poll under way: a pool for the threads of one node would drop and reopen them all day."""
    from botocore.config import Config  # noqa: PLC0415 - only where queues are on SQS

    from leasehold.adapters.sqs import transport  # noqa: PLC0415 - as above

    transport.ALWAYS = transport.ALWAYS.merge(Config(max_pool_connections=4 * nodes))


def main(first: int, count: int) -> None:
    settings = read_settings(environ=os.environ)
    if settings.sqs is not None:
        widen_connections(count)
    parts = LightParts(settings)
    stop = Stop()
    boot = os.urandom(2).hex()
    nodes = [parts.worker(parts.called(f"node-{number:04d}.{boot}")) for number in range(first, first + count)]
    threads = [Thread(target=node.serve, args=(stop, Random(place))) for place, node in enumerate(nodes)]
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "go":
            for thread in threads:
                thread.start()
            print("up", flush=True)
        else:
            break
    stop.ask("the fleet is stopping")
    for thread in threads:
        if thread.ident is not None:
            thread.join()
    print("over", flush=True)
    sys.stdout.flush()
    os._exit(0)  # abandoned polls must not keep it


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    main(int(sys.argv[1]), int(sys.argv[2]))
