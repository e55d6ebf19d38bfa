from __future__ import annotations

from pathlib import Path

import pytest

from leasehold.core.errors import LedgerUnavailable
from leasehold.demo.handlers import QUEUE, app
from leasehold.demo.stage import AlreadyServed, settings_of, staged


def test_the_demo_keeps_to_itself() -> None:
    settings = settings_of("demo.db")
    assert settings.worker_queues == (QUEUE,)
    assert {handler.queue for handler in app.registry.all()} == {QUEUE}


def test_its_leases_are_long_enough_for_its_margin() -> None:
    app.registry.check(settings_of("demo.db").lease_margin)


def test_settings_of_ones_own_do_not_matter_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "leasehold.toml").write_text('colour = "blue"')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEASEHOLD_LEDGER", "postgresql://somewhere/else")
    assert settings_of("demo.db").ledger_path == tmp_path / "demo.db"


def test_the_ledgers_folder_is_made(tmp_path: Path) -> None:
    with staged(str(tmp_path / "new" / "demo.db")) as stage:
        assert stage.ledger == str(tmp_path / "new" / "demo.db")
        assert stage.scratch.is_dir()
        assert stage.client.views.tasks("").rows == []


def test_a_ledger_on_a_server_is_named_without_its_password_and_files_stay_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with staged("postgresql://ada:secret@host/name") as stage:
        assert "secret" not in stage.ledger
        assert "@host/name" in stage.ledger
        assert stage.scratch.parent == tmp_path


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = r"cannot keep anything in .*file \(.*\); name a file elsewhere with --ledger"
    with pytest.raises(LedgerUnavailable, match=told), staged(str(tmp_path / "file" / "demo.db")):
        pass


def test_a_ledger_that_workers_serve_already_is_refused(tmp_path: Path) -> None:
    with staged(str(tmp_path / "demo.db")) as stage, stage.parts.presence.of("worker"):
        with pytest.raises(AlreadyServed, match=r"workers serve .* already; stop them, or name another"):
            stage.serve()
        assert stage.system.nodes == []
