"""ministack: an SQS and S3 server of others, for what must not depend on our own reading of the protocol.

It never shows duplicates or expired receipts, and receive and delete cost more the longer a queue is.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from leasehold.testing.postgres import free_port

PROGRAM = Path(sys.prefix) / "ministack" / "bin" / "ministack"
TRIES = 900
"""Looks at whether it answers, a tenth of a second apart: a bound for what hangs."""


@contextmanager
def ministack(port: int | None = None) -> Iterator[str]:
    """Run a server for as long as the context lasts, on this port or a free one; its address. It remembers nothing."""
    assert PROGRAM.exists(), f"{PROGRAM} is missing: run scripts/set-up dev, which makes it (make test does)"
    port = port or free_port()
    with tempfile.TemporaryDirectory(prefix="leasehold-ministack-") as folder:
        server = subprocess.Popen(
            [PROGRAM],
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": folder,
                "TMPDIR": folder,
                "BIND_HOST": "127.0.0.1",
                "MINISTACK_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(port),
                "SERVICES": "sqs,s3,sts",
                "LOG_LEVEL": "ERROR",
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            await_answer(f"http://127.0.0.1:{port}", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=30)


def await_answer(address: str, server: subprocess.Popen[bytes]) -> None:
    """Return once it answers."""
    for _ in range(TRIES):
        assert server.poll() is None, f"ministack ended with status {server.returncode} before it answered"
        try:
            with urlopen(f"{address}/_ministack/health", timeout=0.5) as reply:  # noqa: S310 - it is http, on this machine
                if reply.status == 200:
                    return
        except (URLError, OSError):
            try:
                server.wait(timeout=0.1)  # a pause that ends at once when there is nothing to wait for
            except subprocess.TimeoutExpired:
                continue
    raise AssertionError(f"ministack does not answer at {address}")
