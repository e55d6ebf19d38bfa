"""What the platform says of machines, in shapes that AWS documents (``platform_events/``), and what others forge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasehold.core.errors import MalformedMessage
from leasehold.core.wire import GoneMachine, decode_platform_event, ecs_machine

RECORDED = Path(__file__).with_name("platform_events")
INSTANCE = "i-1234567890abcdef0"
TASK = "c13b4cb40f1f4fe4a2971f76ae5a47ad"
GONE = {
    "instance-terminated": GoneMachine(INSTANCE, "EC2 Instance State-change Notification: terminated"),
    "task-stopped": GoneMachine(f"ecs:{TASK}", "ECS Task State Change: STOPPED (Your Spot Task was interrupted.)"),
}


def recorded(name: str) -> dict[str, Any]:
    return json.loads((RECORDED / f"{name}.json").read_text("utf-8"))


def names() -> list[str]:
    return sorted(path.stem for path in RECORDED.glob("*.json"))


@pytest.mark.parametrize("name", names())
def test_only_a_terminated_instance_and_a_stopped_task_are_gone(name: str) -> None:
    """Not one that is stopping, shutting down, stopped, hibernated, or only warned."""
    assert decode_platform_event(json.dumps(recorded(name))) == GONE.get(name)


def test_events_of_other_kinds_and_fields_that_nobody_knows_yet_are_passed_over() -> None:
    other = recorded("instance-terminated") | {"source": "aws.s3", "detail-type": "Object Created", "detail": None}
    assert decode_platform_event(json.dumps(other)) is None
    grown = recorded("instance-terminated")
    grown["detail"]["since"], grown["new"] = ["grüße"], {"a": None}
    assert decode_platform_event(json.dumps(grown, ensure_ascii=False)) == GONE["instance-terminated"]


@pytest.mark.parametrize(
    ("name", "fields", "reason"),
    [
        ("instance-terminated", {"instance-id": "i-1234567890abcdef0/1"}, "it names no instance"),
        ("instance-terminated", {"instance-id": "i-%"}, "it names no instance"),
        ("instance-terminated", {"instance-id": "i-1234567890abcdef0\n"}, "it names no instance"),
        ("instance-terminated", {"instance-id": ["i-1234567890abcdef0"]}, "it is no short text"),
        ("instance-terminated", {"instance-id": "i" * 257}, "it is no short text"),
        ("instance-terminated", {"instance-id": ""}, "it is no short text"),
        ("instance-terminated", {"state": "Terminated"}, "no instance has such a state"),
        ("instance-terminated", {"state": None}, "it is no short text"),
        ("interruption-stop", {"instance-action": "explode"}, "there is no such action"),
        ("interruption-stop", {"instance-id": "web-1"}, "it names no instance"),
        ("task-stopped", {"taskArn": "arn:aws:ecs:us-west-2:1:task/x"}, "it names no task of ECS"),
        ("task-stopped", {"taskArn": f"arn:aws:ecs:us-west-2:111122223333:task/a/b/{TASK}"}, "it names no task"),
        ("task-stopped", {"taskArn": "arn:" + "a" * 600}, "it is no short text"),
        ("task-stopped", {"taskArn": 7}, "it is no short text"),
        ("task-stopped", {"lastStatus": True}, "it is no short text"),
        ("task-stopped", {"stoppedReason": {}}, "it is no text"),
    ],
)
def test_what_the_platform_never_sends_is_refused(name: str, fields: dict[str, object], reason: str) -> None:
    event = recorded(name)
    event["detail"] |= fields
    with pytest.raises(MalformedMessage, match=reason):
        decode_platform_event(json.dumps(event))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (None, "no text"),
        ("", "no JSON"),
        ("[]", "no JSON object"),
        ("{}", "source: it is no short text"),
        ('{"source": "aws.ec2", "detail-type": 1}', "detail-type: it is no short text"),
        ('{"source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification", "detail": []}', "no object"),
        ('{"source": "a", "source": "b"}', "stands twice"),
        ('{"source": NaN}', "no JSON"),
        ('{"a": ' + "[" * 100 + "]" * 100 + "}", "nested deeper"),
        (" " * (1 << 20) + "{}", "characters, over"),
    ],
)
def test_what_is_no_event_at_all_is_refused(body: object, reason: str) -> None:
    with pytest.raises(MalformedMessage, match=reason):
        decode_platform_event(body)


def test_a_reason_is_kept_short_and_storable() -> None:
    event = recorded("task-stopped")
    event["detail"]["stoppedReason"] = "\0" + "x" * 5_000
    gone = decode_platform_event(json.dumps(event))
    assert gone is not None
    assert len(gone.source) < 256
    assert "\0" not in gone.source
    del event["detail"]["stoppedReason"]
    gone = decode_platform_event(json.dumps(event))
    assert gone == GoneMachine(f"ecs:{TASK}", "ECS Task State Change: STOPPED")


def test_tasks_of_old_clusters_and_other_partitions_have_names_too() -> None:
    assert ecs_machine(f"arn:aws:ecs:us-west-2:111122223333:task/{TASK}") == f"ecs:{TASK}"
    assert ecs_machine(f"arn:aws-us-gov:ecs:us-gov-west-1:111122223333:task/c/{TASK}") == f"ecs:{TASK}"
    assert ecs_machine("arn:aws:ecs:us-west-2:111122223333:task-definition/worker:1") is None


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=9), lambda e: st.lists(e, max_size=3))


@given(st.sampled_from(names()), st.dictionaries(st.sampled_from(sorted(recorded("task-stopped"))), JSON, max_size=3))
def test_whatever_is_changed_in_an_event_it_is_read_or_refused(name: str, changed: dict[str, object]) -> None:
    try:
        gone = decode_platform_event(json.dumps(recorded(name) | changed))
    except MalformedMessage:
        return
    assert gone in (None, GONE.get(name))
