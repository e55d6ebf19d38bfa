"""Peers, each in an environment of its own with pinned versions."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).parent
HUEY = "huey==3.5.4"
ENVIRONMENT = HERE.parent / ".bench" / "huey"


def huey_ready() -> None:
    """Make its environment, once."""
    if not (ENVIRONMENT / "ready").exists():
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        subprocess.run([ENVIRONMENT / "bin" / "pip", "install", "--quiet", HUEY], check=True)
        (ENVIRONMENT / "ready").touch()


def huey_rate(tasks: int) -> dict[str, float]:
    """Tasks per second and CPU seconds per 1,000 tasks of Huey on SQLite, fsync on, results stored."""
    huey_ready()
    with tempfile.TemporaryDirectory(prefix="huey-bench-") as folder:
        done = subprocess.run(
            [ENVIRONMENT / "bin" / "python", HERE / "_huey_peer.py", folder, str(tasks)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    print(huey_rate(int(sys.argv[1])))
