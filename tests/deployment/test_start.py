"""A worker that cannot begin leaves no process of its slots behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from leasehold.assemble import Parts
from leasehold.core.errors import BadApplication, LeaseholdError, LedgerUnavailable, SchemaMismatch
from leasehold.settings import read_settings
from tests.deployment.conftest import JOBS
from tests.servers.clusters import Cluster


def children() -> set[int]:
    """The processes that this one has started and that are alive."""
    return {int(number) for task in Path("/proc/self/task").iterdir() for number in running(task)}


def running(task: Path) -> Iterator[str]:
    """The children of one thread; none where it has ended by now."""
    with suppress(OSError):
        yield from (task / "children").read_text().split()


def begin(folder: Path, **settings: str) -> None:
    """Make a worker that has to fail."""
    given = {f"LEASEHOLD_{name.upper()}": value for name, value in settings.items()}
    parts = Parts(read_settings(environ={**os.environ, **given}, folder=folder))
    try:
        parts.worker("w-1")
    finally:
        parts.close()


@pytest.mark.parametrize("topology", ["single-queue", "two-queue"])
@pytest.mark.parametrize(
    ("change", "error"), [("down", LedgerUnavailable), ("empty", SchemaMismatch), ("nowhere", LedgerUnavailable)]
)
def test_without_its_ledger_no_slot_is_left(
    tmp_path: Path, cluster: Cluster, empty_url: str, topology: str, change: str, error: type[LeaseholdError]
) -> None:
    (tmp_path / "jobs.py").write_text(JOBS, encoding="utf-8")
    url = {
        "down": empty_url.replace(f":{cluster.port}", ":1"),
        "empty": empty_url,
        "nowhere": cluster.url("nowhere"),
    }[change]
    before = children()
    with pytest.raises(error):
        begin(tmp_path, ledger=url, topology=topology, app=f"{tmp_path}/jobs.py:app", store=str(tmp_path / "store"))
    assert children() == before


@pytest.mark.parametrize("broken", ["raise ValueError('no')", "app = 1"])
def test_a_broken_application_leaves_no_slot(tmp_path: Path, broken: str) -> None:
    (tmp_path / "broken.py").write_text(broken, encoding="utf-8")
    before = children()
    with pytest.raises(BadApplication):
        begin(tmp_path, app=f"{tmp_path}/broken.py:app", ledger=str(tmp_path / "jobs.db"), worker_slots="3")
    assert children() == before


def test_what_fails_once_the_slots_are_there_ends_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "jobs.py").write_text(JOBS, encoding="utf-8")

    def fail(*_: object, **__: object) -> None:
        raise LedgerUnavailable("gone in between")

    monkeypatch.setattr("leasehold.assemble.Intake", fail)
    before = children()
    with pytest.raises(LedgerUnavailable, match="gone in between"):
        begin(tmp_path, app=f"{tmp_path}/jobs.py:app", ledger=str(tmp_path / "jobs.db"))
    assert children() == before
