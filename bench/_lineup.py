"""Who takes part in ``bench.compare``: what ``peers/NAME/peer.toml`` says, and the environment that each runs in.

An environment is made once per set of pins, outside the repository: below ``BENCH_CACHE`` (default:
``leasehold-bench`` in the user's cache folder), by ``uv`` where there is one, else by venv and pip.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

PEERS = Path(__file__).with_name("peers")
REDIS = ("everysec", "always")
"""Redis's appendfsync: what is done once a second may be lost with the machine; ``always`` is durable."""


class Contestant(NamedTuple):
    """One system in one place."""

    name: str
    system: str
    folder: Path
    place: str
    servers: tuple[str, ...]
    share: float
    """Of the no-op tasks that the others get: less for who is so slow that the rounds would take too long."""
    lacks: tuple[str, ...]
    """Of what Leasehold keeps: ``result``, ``audit``; ``fsync``: what is done may be lost with the machine."""
    settings: tuple[str, ...]
    docs: tuple[str, ...]
    packages: tuple[str, ...]
    needs: str = ""
    """What the system must have for it; its driver says so by failing otherwise."""
    appendfsync: str = ""

    @property
    def is_leasehold(self) -> bool:
        """Whether it is this project."""
        return self.folder.name == "leasehold"

    def pins(self) -> Path:
        """The versions that it runs with."""
        return self.folder / "requirements.txt"

    def versions(self) -> dict[str, str]:
        """The versions of what matters."""
        if self.is_leasehold:
            return {}
        pinned = dict(line.split("==") for line in self.pins().read_text().splitlines() if "==" in line)
        return {package: pinned[package] for package in self.packages}


def lineup() -> Iterator[Contestant]:
    """Every system in every place."""
    for file in sorted(PEERS.glob("*/peer.toml"), key=lambda file: (file.parent.name != "leasehold", file)):
        said = tomllib.loads(file.read_text())
        for variant in said.pop("variant"):
            yield from placed(file.parent, said | variant, said["name"])


def placed(folder: Path, said: Mapping[str, Any], system: str) -> Iterator[Contestant]:
    contestant = Contestant(
        name=said["name"],
        system=system,
        folder=folder,
        place=said["place"],
        servers=tuple(said["servers"]),
        share=said.get("tasks", 1.0),
        lacks=tuple(said.get("lacks", ())),
        settings=tuple(said["settings"]),
        docs=tuple(said["docs"]),
        packages=tuple(said["packages"]),
        needs=said.get("needs", ""),
    )
    if "redis" not in contestant.servers:
        yield contestant
        return
    for how in REDIS:
        lacks = contestant.lacks if how == "always" else ("fsync", *contestant.lacks)
        yield contestant._replace(name=f"{contestant.name}-{how}", appendfsync=how, lacks=lacks)


def chosen(pattern: str) -> list[Contestant]:
    """Those whose name a regular expression matches; without one, all that this version can run."""
    from bench.peers.leasehold.jobs import BUNDLES  # noqa: PLC0415 - the handlers: only who compares needs them

    return [each for each in lineup() if re.search(pattern, each.name) and (BUNDLES or each.needs != "bundles")]


def python_of(contestant: Contestant) -> Path:
    """The Python of its environment, which is made if it is not there."""
    if contestant.is_leasehold:
        return Path(sys.executable)
    pins = contestant.pins()
    mark = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = cache() / f"{contestant.folder.name}-{mark}"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        print(f"making the environment of {contestant.system}", file=sys.stderr)
        install(folder, python, pins)
        (folder / "ready").touch()
    return python


def install(folder: Path, python: Path, pins: Path) -> None:
    uv = os.environ.get("UV") or shutil.which("uv")
    shutil.rmtree(folder, ignore_errors=True)
    if uv:
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, "-r", pins], check=True)
    else:
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", pins], check=True)


def cache() -> Path:
    above = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("BENCH_CACHE") or Path(above) / "leasehold-bench")


def machine() -> dict[str, object]:
    """What it was measured on."""
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", info, re.MULTILINE)
    return {
        "cpu": model[1] if model else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }
