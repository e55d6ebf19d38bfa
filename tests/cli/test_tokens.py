"""``leasehold tokens``: shown once, listed without themselves, revoked by id or name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command, beside_a_ledger


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in a folder with a ledger."""
    return beside_a_ledger(tmp_path, monkeypatch, capsys)


def test_a_token_is_shown_once(run: Command) -> None:
    made = run("tokens", "make", "ada", "--role", "operator", "--expires", "90d")
    token = made.out.strip()
    assert token.startswith("lh_")
    assert len(token) == 46
    assert token not in made.err
    (listed,) = run("tokens", "ls", "--json").lines
    assert (listed["name"], listed["role"], listed["standing"]) == ("ada", "operator", "good")
    assert listed["expires_at"] is not None
    assert token not in run("tokens", "ls").out
    assert listed["id"] in made.err


def test_one_is_a_viewer_for_ever_unless_it_is_said_otherwise(run: Command) -> None:
    made = run("tokens", "make", "grafana", "--json").json
    assert (made["role"], made["expires_at"], made["token"][:3]) == ("viewer", None, "lh_")
    assert run("tokens", "make", "grafana", "--json").json["token"] != made["token"]


def test_one_that_would_never_be_good_is_not_made(run: Command) -> None:
    said = run("tokens", "make", "ada", "--expires", "0s")
    assert (said.code, said.out) == (2, "")
    assert "the token of ada would never be good: let it last for some time, such as 90d" in said.err
    assert run("tokens", "ls", "--json").lines == []


def test_one_is_revoked_by_name_or_by_a_part_of_its_id(run: Command) -> None:
    run("tokens", "make", "ada")
    id = run("tokens", "make", "bob", "--json").json["id"]
    assert run("tokens", "revoke", "ada").out == "The token of ada is revoked.\n"
    assert run("tokens", "revoke", id[-12:], "--json").json == {"id": id, "name": "bob", "revoked": True}
    assert run("tokens", "revoke", id).out == "The token of bob was revoked before.\n"
    assert {each["standing"] for each in run("tokens", "ls", "--json").lines} == {"revoked"}


def test_a_name_that_two_have_is_not_enough(run: Command) -> None:
    run("tokens", "make", "ada")
    run("tokens", "make", "ada")
    said = run("tokens", "revoke", "ada")
    assert (said.code, said.out) == (2, "")
    assert "2 tokens have this name" in said.err
    assert all(each["id"] in said.err for each in run("tokens", "ls", "--json").lines)
    assert "no token has this name" in run("tokens", "revoke", "eve").err


def test_a_name_that_is_a_part_of_the_id_of_another_revokes_neither(run: Command) -> None:
    bob = run("tokens", "make", "bob", "--json").json["id"]
    for part in (bob[:6], bob[-6:]):
        named = run("tokens", "make", part, "--json").json["id"]
        said = run("tokens", "revoke", part)
        assert (said.code, said.out) == (2, "")
        assert f"{bob} (bob)" in said.err
        assert f"{named} ({part})" in said.err
    assert {each["standing"] for each in run("tokens", "ls", "--json").lines} == {"good"}
    run("tokens", "make", bob)
    assert run("tokens", "revoke", bob).out == "The token of bob is revoked.\n"


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 101])
def test_a_name_that_no_trail_could_show_is_refused(run: Command, name: str) -> None:
    said = run("tokens", "make", name)
    assert (said.code, said.out) == (2, "")
