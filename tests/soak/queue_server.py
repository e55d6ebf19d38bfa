"""Our SQS server as a process that can be told to go away and come back: queues and messages stay, unless told so.

Reads lines from its standard input: ``stop``, ``start``, ``purge``, ``behave``, or faults as a JSON list. Each is
answered with a line once it is done. It ends with its input.
"""

from __future__ import annotations

import json
import subprocess
import sys
from types import TracebackType
from typing import Self

from leasehold.testing.sqs_server import Fault, SqsServer
from tests.servers.aws import REGION

BOUND = 30.0


class QueueServer:
    """The process, for as long as the context lasts."""

    def __init__(self, seed: int) -> None:
        command = [sys.executable, "-u", "-m", "tests.soak.queue_server", str(seed)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self._answer())

    def tell(self, what: str) -> None:
        """Have something done."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        assert said, f"the queue server has ended: {self._process.wait(BOUND)}"
        return said

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=BOUND)


def obey(server: SqsServer, told: str) -> None:
    """Do what one line says."""
    if told.startswith("["):
        server.faults.add(*[Fault.read(fault) for fault in json.loads(told)])
        return
    {"stop": server.stop, "start": server.start, "purge": server.purge, "behave": server.faults.clear}[told]()


def main() -> None:
    """Serve until the input ends."""
    with SqsServer(region=REGION, seed=int(sys.argv[1])) as server:
        sys.stdout.write(f"{server.port}\n")
        for line in sys.stdin:
            obey(server, line.strip())
            sys.stdout.write("done\n")


if __name__ == "__main__":
    main()
