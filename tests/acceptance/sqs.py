"""Our own SQS server as a process, and what a test in another process asks of it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.acceptance.processes import BOUND, Process, scrubbed
from tests.servers.aws import environment


class SqsProcess:
    """``python -m leasehold.testing.sqs_server``."""

    def __init__(self, folder: Path, process: Process) -> None:
        self.process = process
        said = process.says("AWS_ENDPOINT_URL_SQS")
        found = re.search(r"http://[\d.:]+", said)
        assert found, said
        self.url = found[0]
        self.environment: Mapping[str, str] = environment(self.url, folder)

    def requests(self) -> list[dict[str, Any]]:
        """What was asked of it: one row per action and queue."""
        return self._ask("GET", "requests")

    def queues(self) -> dict[str, dict[str, int]]:
        """Messages by queue."""
        return self._ask("GET", "queues")

    def fired(self) -> dict[str, int]:
        """How often each fault has struck."""
        return self._ask("GET", "faults")["fired"]

    def misbehave(self, *faults: Mapping[str, object]) -> None:
        """From here on with these faults too."""
        self._ask("POST", "faults", faults)

    def behave(self) -> None:
        """Without faults again."""
        self._ask("DELETE", "faults")

    def _ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - any JSON that it answers
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}/_leasehold/{path}", data=data, method=method)  # noqa: S310 - our own address
        with urlopen(request, timeout=BOUND) as answer:  # noqa: S310 - as above
            return json.loads(answer.read())


@contextmanager
def sqs_process(folder: Path, *, seed: int = 0, faults: Sequence[str] = ()) -> Iterator[SqsProcess]:
    """A server that is gone after the block."""
    command = [sys.executable, "-u", "-m", "leasehold.testing.sqs_server", "--port", "0", "--seed", str(seed)]
    command += [word for fault in faults for word in ("--fault", fault)]
    process = Process("sqs", command, scrubbed(folder), folder)
    try:
        yield SqsProcess(folder, process)
    finally:
        process.clean_up()
        print(f"--- sqs ({process.popen.returncode})\n{process.output}")  # noqa: T201 - pytest shows it
