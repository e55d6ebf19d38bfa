"""Signed task messages in a deployment on SQS: what the doctor says of keys, and a task that goes the signed way."""

from __future__ import annotations

import pytest

from leasehold.testing.sqs_server import SqsServer
from tests.deployment.conftest import Command


@pytest.fixture
def deployed(run: Command, sqs: SqsServer) -> SqsServer:
    """Queues as they should be."""
    run("init")
    return sqs


def checked(run: Command, check: str, *words: str, **settings: str) -> list[tuple[str, str]]:
    """What the doctor says of one thing: state and sentence."""
    checks = run("doctor", "--json", *words, **settings).json["checks"]
    return [(each["state"], each["sentence"]) for each in checks if each["check"] == check]


def test_a_signed_task_goes_all_the_way(run: Command, deployed: SqsServer) -> None:
    pair = run("keys", "make", "--json").json
    keys = {"signing_key": pair["signing_key"], "verify_keys": pair["verify_key"]}
    ((state, sentence),) = checked(run, "task", **keys)
    assert (state, "a task went through ledger, queue, worker and back" in sentence) == ("ok", True)
    assert run("audit", "--json").json["ok"] is True
    assert deployed.peek("acme-dead") == []


def test_keys_that_do_not_belong_together_are_found(run: Command, deployed: SqsServer) -> None:
    del deployed
    one, other = (run("keys", "make", "--json").json for _ in range(2))
    keys = {"signing_key": one["signing_key"], "verify_keys": other["verify_key"]}
    found = [said for state, said in checked(run, "settings", "--no-trip", **keys) if state == "wrong"]
    assert any(f"signing_key is key {one['kid']}, which is not among verify_keys" in said for said in found)
    assert one["signing_key"] not in str(found)


def test_a_worker_holds_no_signing_key(run: Command, deployed: SqsServer) -> None:
    del deployed
    pair = run("keys", "make", "--json").json
    found = checked(run, "settings", "--no-trip", "--role", "worker", signing_key=pair["signing_key"])
    assert any(said.startswith("a worker needs no signing_key, but it is set") for _, said in found)


@pytest.mark.parametrize(("setting", "half"), [("signing_key", "signing_key"), ("verify_keys", "verify_key")])
def test_one_half_without_the_other_is_pointed_out(run: Command, deployed: SqsServer, setting: str, half: str) -> None:
    del deployed
    pair = run("keys", "make", "--json").json
    found = checked(run, "settings", "--no-trip", **{setting: pair[half]})
    assert any(state == "warning" and f"{setting} is set and" in said for state, said in found)
