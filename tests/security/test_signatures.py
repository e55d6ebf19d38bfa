"""Signed task messages: a worker with keys runs what its orchestrator sent, to the byte, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

import pytest

from leasehold.adapters.signing import Pair, Signer, Verifier, make_pair
from leasehold.core.errors import BadSettings, MalformedMessage
from leasehold.core.references import arguments_reference
from leasehold.core.reports import Malformed
from leasehold.core.wire import decode_task_message, encode_task_message
from leasehold.core.wire.signature import Signed, joined, taken_apart
from leasehold.flow.dispatcher import Dispatcher
from leasehold.flow.ids import IdMaker
from leasehold.flow.intake import Intake
from leasehold.ports.queue import Message
from tests.flow.node import Node
from tests.flow.orchestra import VALIDITY, Orchestra
from tests.flow.scripted import a_message, task_id

# RFC 8032, section 7.1, TEST 1: the secret key and its public key.
SECRET = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")


@pytest.fixture
def pair() -> Pair:
    return make_pair()


def signer(pair: Pair) -> Signer:
    return Signer(bytes.fromhex(pair.signing_key))


def verifier(*pairs: Pair) -> Verifier:
    return Verifier([bytes.fromhex(pair.verify_key) for pair in pairs])


def guarded(node: Node, verified: Callable[[object], object]) -> Intake:
    """The node's intake, that asks for signatures."""
    return Intake(
        node.queues,
        node.reporter,
        node.clock,
        worker="w1",
        new_id=IdMaker(node.clock, Random("guarded")),
        knows=node.slots.knows,
        room=node.worker.room,
        give=node.worker.give,
        verified=verified,
    )


def said_of(node: Node, body: str, verified: Callable[[object], object]) -> list[str]:
    """What a node with these keys does with a message, in order; what it ran comes first."""
    node.intake = guarded(node, verified)
    node.queue.send([Message(body)])
    node.journal.clear()
    node.turn(2)
    return [*(f"run {job.task_id}" for job in node.slots.handed_over), *node.journal]


# ------------------------------------------------------------ keys


def test_the_public_key_is_the_one_of_the_standard() -> None:
    assert Signer(SECRET).public == PUBLIC


def test_what_a_key_signed_is_given_back_to_the_byte(pair: Pair) -> None:
    payload = encode_task_message(a_message())
    assert verifier(pair)(signer(pair)(payload)) == payload


def test_several_keys_are_good_at_once_so_that_one_can_replace_the_other(pair: Pair) -> None:
    old, new = pair, make_pair()
    both = verifier(old, new)
    assert both(signer(old)("{}")) == both(signer(new)("{}")) == "{}"
    with pytest.raises(MalformedMessage, match=f"signed with key {old.kid}, which is not among this worker's"):
        verifier(new)(signer(old)("{}"))


def test_a_key_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(BadSettings, match="verify_keys: 00 is no Ed25519 public key"):
        Verifier([b"\0"])


# ------------------------------------------------------------ every byte


def test_every_byte_of_the_message_is_covered(pair: Pair) -> None:
    body, check = signer(pair)(encode_task_message(a_message())), verifier(pair)
    chance = Random(1)
    for at in range(len(body)):
        other = chr((ord(body[at]) + chance.randrange(1, 127)) % 128)
        with pytest.raises(MalformedMessage):
            check(body[:at] + other + body[at + 1 :])
        with pytest.raises(MalformedMessage):
            check(body[:at] + body[at + 1 :])


@pytest.mark.parametrize(
    "change",
    [
        {"id": task_id(2)},
        {"n": 2},
        {"capability": "f" * 32},
        {"args": {"x": 2}},
        {"args_ref": arguments_reference(task_id(1), b"{}")},
        {"trace": "00-1-2-01"},
    ],
)
def test_what_it_says_of_a_task_cannot_be_changed(pair: Pair, change: dict[str, object]) -> None:
    signed = taken_apart(signer(pair)(encode_task_message(a_message())))
    assert signed is not None
    message = json.loads(signed.payload)
    message["tasks"][0] |= change
    with pytest.raises(MalformedMessage, match="its signature does not fit it"):
        verifier(pair)(joined(signed._replace(payload=json.dumps(message))))


@pytest.mark.parametrize("field", ["name", "lease", "not_after", "most_receives", "queue"])
def test_nor_what_it_says_of_all(pair: Pair, field: str) -> None:
    signed = taken_apart(signer(pair)(encode_task_message(a_message())))
    assert signed is not None
    message = json.loads(signed.payload)
    message[field] = message[field] + 1 if isinstance(message[field], int) else "other"
    with pytest.raises(MalformedMessage, match="its signature does not fit it"):
        verifier(pair)(joined(signed._replace(payload=json.dumps(message))))


def test_the_same_message_written_otherwise_is_another_message(pair: Pair) -> None:
    """No form is canonical: only the text that was signed is."""
    signed = taken_apart(signer(pair)(encode_task_message(a_message())))
    assert signed is not None
    for again in (json.dumps(json.loads(signed.payload), indent=1), signed.payload + " ", " " + signed.payload):
        assert decode_task_message(again) == a_message()
        with pytest.raises(MalformedMessage):
            verifier(pair)(joined(signed._replace(payload=again)))


def test_a_signature_says_which_key_made_it_and_fits_no_other_name(pair: Pair) -> None:
    """Two keys of one owner: the name of the one in front of the other's signature proves nothing."""
    other = make_pair()
    signed = taken_apart(signer(pair)("{}"))
    assert signed is not None
    with pytest.raises(MalformedMessage, match="does not fit it"):
        verifier(pair, other)(joined(Signed(other.kid, signed.signature, signed.payload)))


def test_a_signature_of_something_else_serves_for_no_message(pair: Pair) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    payload = encode_task_message(a_message())
    bare = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(pair.signing_key)).sign(payload.encode())
    with pytest.raises(MalformedMessage, match="does not fit it"):
        verifier(pair)(joined(Signed(pair.kid, bare, payload)))


# ------------------------------------------------------------ on the road


def test_a_worker_with_keys_runs_what_is_signed(pair: Pair) -> None:
    body = signer(pair)(encode_task_message(a_message()))
    assert said_of(Node(), body, verifier(pair)) == [f"run {task_id(1)}", "say started"]


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (lambda payload, _: payload, "it is not signed, and this worker takes signed messages only (verify_keys)"),
        (lambda payload, _: signer(make_pair())(payload), "which is not among this worker's verify_keys"),
        (lambda payload, pair: signer(pair)(payload).replace('"n":1', '"n":2'), "its signature does not fit it"),
        (lambda payload, _: "ed25519." + payload, "its signature is none"),
    ],
)
def test_anything_else_is_said_to_be_damaged_then_deleted_and_never_run(
    pair: Pair, forge: Callable[[str, Pair], str], reason: str
) -> None:
    node = Node()
    body = forge(encode_task_message(a_message()), pair)
    assert said_of(node, body, verifier(pair)) == ["say malformed", "delete"]
    (said,) = node.outbox.damaged
    assert isinstance(said, Malformed)
    assert reason in said.reason
    assert node.slots.handed_over == []


def test_a_worker_without_keys_takes_what_is_signed_too(pair: Pair) -> None:
    """So that orchestrators may begin to sign before the last worker has a key."""
    body = signer(pair)(encode_task_message(a_message()))
    assert said_of(Node(), body, lambda body: body) == [f"run {task_id(1)}", "say started"]


def test_what_a_dispatcher_with_a_key_sends_is_signed(orchestra: Orchestra, pair: Pair) -> None:
    (id,) = orchestra.submit()
    dispatcher = Dispatcher(
        orchestra.ledger,
        orchestra.queue,
        orchestra.clock,
        key=orchestra.key,
        validity=VALIDITY,
        largest_window=10,
        most_receives=10,
        sign=signer(pair),
    )
    assert dispatcher.step() == 1
    (sent,) = orchestra.queue().sends
    assert decode_task_message(verifier(pair)(sent.body)).tasks[0].id == id
