"""Damaged messages: whatever is done to one, it is refused with a reason, or it means exactly what it says.

Seeded: the same mutations every time, and as many times more as there are more examples of properties.
"""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings

from leasehold.core.errors import MalformedMessage
from leasehold.core.model import Failure
from leasehold.core.references import arguments_reference
from leasehold.core.reports import Update, UpdateKind
from leasehold.core.wire import (
    WireTask,
    WireUpdate,
    decode_status_message,
    decode_task_message,
    encode_malformed,
    encode_task_message,
    encode_update,
    pack,
    quarantined,
)
from tests.core.damage import damage_text, damage_value
from tests.core.wire_examples import CAPABILITY, LOG, RUN_ID, TASK_ID, a_task_message, an_update

pytestmark = pytest.mark.hypothesis  # so that `make prove` runs it too

MUTATIONS = 200 * settings().max_examples


def task_bodies() -> list[str]:
    stored = WireTask(RUN_ID, 2, CAPABILITY, None, arguments_reference(RUN_ID, b"{}"))
    bundle = [WireTask(TASK_ID, 1, CAPABILITY, "[1.5,{}]"), stored]
    return [encode_task_message(a_task_message()), encode_task_message(a_task_message(*bundle))]


def status_bodies() -> list[str]:
    full = {
        "note": "n",
        "log": "l\n",
        "log_ref": LOG,
        "log_bytes": 9,
        "deleted": True,
        "after": 5,
        "fraction": 0.5,
    }
    updates = [encode_update(an_update(kind, unrecoverable=True, **full), 5_000) for kind in UpdateKind]
    malformed = encode_malformed(quarantined("queue media", b"\xff", "no text"))
    return [*(pack([update])[0].body for update in updates), pack([*updates, malformed])[0].body]


# --- damage


def damaged(seed: int, bodies: list[str]) -> list[str]:
    chance = random.Random(seed)
    made: list[str] = []
    for number in range(MUTATIONS // 4):
        body = damage_value(chance, bodies[number % len(bodies)]) if number % 2 else bodies[number % len(bodies)]
        if number % 2 == 0 or chance.random() < 0.1:
            body = damage_text(chance, body)
        made.append(body)
    return made


# --- what it says


def said_by_update(update: WireUpdate) -> dict[str, Any]:
    """The report again: an age is an instant of a clock that stands at zero."""
    again: dict[str, Any] = update._asdict()
    for age in ("held", "began", "ended"):
        value = again.pop(age)
        again["received_boot" if age == "held" else f"{age}_boot"] = None if value is None else -value
    return json.loads(encode_update(Update(**again), 0))


def without_defaults(report: object) -> object:
    if not isinstance(report, dict):
        return report
    kept = {key: value for key, value in report.items() if value is not False and (key, value) != ("log_bytes", 0)}
    if isinstance(kept.get("failure"), dict):
        always = Failure._fields[:3]
        kept["failure"] = {key: value for key, value in kept["failure"].items() if value != "" or key in always}
    return kept


def check_task_message(body: str) -> str:
    try:
        message = decode_task_message(body)
    except MalformedMessage:
        return "refused"
    assert json.loads(body) | {"most_receives": message.most_receives} == json.loads(encode_task_message(message))
    return "understood"


def check_status_message(body: str) -> str:
    updates, malformed, _ = decode_status_message(body)
    if [found.digest for found in malformed] == [quarantined("", body, "").digest] and not updates:
        return "refused"
    broken = 0
    for report in json.loads(body)["reports"]:  # each in its order either heard, passed on, or quarantined
        if updates and said_by_update(updates[0]) == without_defaults(report):
            updates.pop(0)
        elif malformed[0].source == "status report":
            broken += 1
            alone = json.dumps(report, separators=(",", ":"))
            assert malformed.pop(0).digest in {quarantined("", text, "").digest for text in (alone, body)}
        else:
            assert json.loads(encode_malformed(malformed.pop(0))) == report
    assert not updates
    assert not malformed
    return "in part" if broken else "understood"


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("bodies", "check"), [(task_bodies, check_task_message), (status_bodies, check_status_message)]
)
def test_a_damaged_message_is_refused_or_means_what_it_says(
    seed: int, bodies: Callable[[], list[str]], check: Callable[[str], str]
) -> None:
    outcomes = [check(body) for body in damaged(seed, bodies())]
    assert len(outcomes) == MUTATIONS // 4
    assert outcomes.count("refused") > MUTATIONS // 20  # the damage is real
    assert outcomes.count("understood") > MUTATIONS // 400  # and not always


@pytest.mark.parametrize(
    ("bodies", "check"), [(task_bodies, check_task_message), (status_bodies, check_status_message)]
)
def test_a_message_cut_short_anywhere_is_refused(bodies: Callable[[], list[str]], check: Callable[[str], str]) -> None:
    for body in bodies():
        assert {check(body[:end]) for end in range(len(body))} == {"refused"}
        assert check(body) == "understood"
