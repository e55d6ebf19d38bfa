"""``leasehold keys``: making the keys of signatures, and seeing which are in use."""

from collections.abc import Callable

import pytest

from leasehold.adapters.signing import Signer
from tests.cli.conftest import Said

Command = Callable[..., Said]


def test_a_pair_is_printed_as_the_settings_take_it(run: Command) -> None:
    said = run("keys", "make")
    secret, public = (line.partition("=") for line in said.out.splitlines())
    assert (said.code, secret[0], public[0]) == (0, "LEASEHOLD_SIGNING_KEY", "LEASEHOLD_VERIFY_KEYS")
    assert Signer(bytes.fromhex(secret[2])).public.hex() == public[2]
    assert "The first line is a secret" in said.err


def test_each_pair_is_new(run: Command) -> None:
    first, second = run("keys", "make", "--json").json, run("keys", "make", "--json").json
    assert first.keys() == {"signing_key", "verify_key", "kid"}
    assert not set(first.values()) & set(second.values())


def test_the_keys_in_use_are_listed_without_the_secret(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = run("keys", "make", "--json").json, run("keys", "make", "--json").json
    monkeypatch.setenv("LEASEHOLD_SIGNING_KEY", new["signing_key"])
    monkeypatch.setenv("LEASEHOLD_VERIFY_KEYS", f"{old['verify_key']},{new['verify_key']}")
    listed = run("keys", "ls", "--json")
    assert listed.lines == [
        {"kid": new["kid"], "use": "signs", "verify_key": new["verify_key"]},
        {"kid": old["kid"], "use": "verifies", "verify_key": old["verify_key"]},
        {"kid": new["kid"], "use": "verifies", "verify_key": new["verify_key"]},
    ]
    shown = run("keys", "ls").out
    assert [line.split()[0] for line in shown.splitlines()] == [new["kid"], old["kid"], new["kid"]]
    assert new["signing_key"] not in shown + listed.out


def test_without_any_key_it_says_what_that_means(run: Command) -> None:
    assert "messages are not signed" in run("keys", "ls").err
