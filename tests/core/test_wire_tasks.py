import json
from typing import Any

import pytest
from hypothesis import given

from leasehold.core.errors import MalformedMessage, TooLarge
from leasehold.core.references import arguments_reference
from leasehold.core.wire import BODY_LIMIT, DEPTH_LIMIT, TaskMessage, WireTask, decode_task_message, encode_task_message
from tests.core.wire_examples import CAPABILITY, TASK_ID, a_task_message, fresh_id, task_messages


def envelope(**changes: object) -> dict[str, Any]:
    return json.loads(encode_task_message(a_task_message())) | changes


def with_task(**changes: object) -> str:
    made = envelope()
    made["tasks"][0] |= changes
    return json.dumps({**made, "tasks": [{k: v for k, v in made["tasks"][0].items() if v is not ...}]})


def test_the_message_is_json_that_a_person_can_read() -> None:
    assert json.loads(encode_task_message(a_task_message())) == {
        "v": 1,
        "name": "transcribe",
        "queue": "media",
        "lease": 1_800_000,
        "not_after": 1_790_000_000_000,
        "most_receives": 10,
        "tasks": [
            {
                "id": TASK_ID,
                "n": 3,
                "capability": CAPABILITY,
                "trace": "00-ab-cd-01",
                "args": {"source": "a.wav", "language": "en"},
            }
        ],
    }


@given(task_messages)
def test_what_was_sent_is_received(message: TaskMessage) -> None:
    body = encode_task_message(message)
    received = decode_task_message(body)
    assert body.isascii()
    assert [meaning(task) for task in received.tasks] == [meaning(task) for task in message.tasks]
    assert received._replace(tasks=()) == message._replace(tasks=())
    assert decode_task_message(encode_task_message(received)) == received


def meaning(task: WireTask) -> tuple[object, ...]:
    return (*task._replace(arguments=None), None if task.arguments is None else json.loads(task.arguments))


def test_arguments_in_the_store_travel_by_reference() -> None:
    message = a_task_message(WireTask(TASK_ID, 1, CAPABILITY, None, arguments_reference(TASK_ID, b"{}")))
    assert decode_task_message(encode_task_message(message)) == message


def test_null_is_an_argument() -> None:
    message = a_task_message(WireTask(TASK_ID, 1, CAPABILITY, "null"))
    assert decode_task_message(encode_task_message(message)) == message


def test_file_names_that_are_no_unicode_survive() -> None:
    name = b"caf\xe9.wav".decode("utf-8", "surrogateescape")
    message = a_task_message(WireTask(TASK_ID, 1, CAPABILITY, json.dumps({"source": name})))
    (task,) = decode_task_message(encode_task_message(message)).tasks
    assert json.loads(task.arguments or "") == {"source": name}


def test_a_message_without_a_limit_may_be_received_ten_times() -> None:
    made = envelope()
    del made["most_receives"], made["queue"]
    assert decode_task_message(json.dumps(made))[-2:] == (None, 10)


def test_a_message_over_one_mebibyte_is_not_made() -> None:
    room = BODY_LIMIT - len(encode_task_message(a_task_message(WireTask(TASK_ID, 1, CAPABILITY, '""'))))
    fits = a_task_message(WireTask(TASK_ID, 1, CAPABILITY, json.dumps("x" * room)))
    assert len(encode_task_message(fits)) == BODY_LIMIT
    assert decode_task_message(encode_task_message(fits)) == fits
    with pytest.raises(TooLarge, match="1048577 bytes"):
        encode_task_message(a_task_message(WireTask(TASK_ID, 1, CAPABILITY, json.dumps("x" * (room + 1)))))


@pytest.mark.parametrize("depth", [1, DEPTH_LIMIT])
def test_arguments_may_nest(depth: int) -> None:
    arguments = "[" * depth + "]" * depth
    (task,) = decode_task_message(
        encode_task_message(a_task_message(WireTask(TASK_ID, 1, CAPABILITY, arguments)))
    ).tasks
    assert task.arguments == arguments


def test_many_brackets_are_not_depth() -> None:
    arguments = json.dumps([[{}] * 100, "[" * 200], separators=(",", ":"))
    (task,) = decode_task_message(
        encode_task_message(a_task_message(WireTask(TASK_ID, 1, CAPABILITY, arguments)))
    ).tasks
    assert task.arguments == arguments


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (None, "the body is no text but NoneType"),
        (b"{}", "the body is no text but bytes"),
        ("", "no JSON: Expecting value: line 1 column 1 (char 0)"),
        ("{}{}", "no JSON: Extra data: line 1 column 3 (char 2)"),
        ('{"v":1,"name":"é"}', "the body is not ASCII"),
        ("[1]", "the body is no JSON object"),
        (" " * (BODY_LIMIT + 1), "the body has 1048577 bytes, over 1048576"),
        ("[" * 1_000_000, "nested deeper than 64 levels"),
        ('{"a":' * 100_000, "nested deeper than 64 levels"),
        ("1" * 5_000, "no JSON: Exceeds the limit"),
        (json.dumps(envelope(v=2)), "version 2 is not known here; this is version 1"),
        (json.dumps(envelope(v=True)), "version True is not known here; this is version 1"),
        (json.dumps(envelope(v=1.0)), "version 1.0 is not known here; this is version 1"),
        ('{"v":1e999}', "version inf is not known here; this is version 1"),
        ('{"v":' + "[" * 500 + "]" * 500 + "}", "version list is not known here; this is version 1"),
        ("{}", "version None is not known here; this is version 1"),
        (json.dumps(envelope(v=1))[:-1] + ',"v":1}', "a key stands twice in one object"),
        (json.dumps(envelope(colour="red")), "colour: Extra inputs are not permitted"),
        (json.dumps(envelope(lease=float("nan"))), "NaN is no JSON"),
        (json.dumps(envelope(lease=float("inf"))), "Infinity is no JSON"),
        (json.dumps(envelope(lease=0)), "lease: Input should be greater than or equal to 1"),
        (json.dumps(envelope(lease=43_200_001)), "lease: Input should be less than or equal to 43200000"),
        (json.dumps(envelope(lease="1")), "lease: Input should be a valid integer"),
        (json.dumps(envelope(lease=True)), "lease: Input should be a valid integer"),
        (json.dumps(envelope(lease=1.0)), "lease: Input should be a valid integer"),
        (json.dumps(envelope(not_after=10**30)), "not_after: Input should be less than or equal to"),
        (json.dumps(envelope(most_receives=0)), "most_receives: Input should be greater than or equal to 1"),
        (json.dumps(envelope(name="")), "name: String should have at least 1 character"),
        (json.dumps(envelope(name="x" * 257)), "name: String should have at most 256 characters"),
        (json.dumps(envelope(name="a\0b")), "name: String should match pattern"),
        (json.dumps(envelope(name="\ud800")), "name: Input should be a valid string"),
        (json.dumps(envelope(queue=7)), "queue: Input should be a valid string"),
        (json.dumps(envelope(tasks=[])), "tasks: List should have at least 1 item"),
        (json.dumps(envelope(tasks={})), "tasks: Input should be a valid list"),
        (json.dumps(envelope(tasks=envelope()["tasks"] * 2)), "a task stands twice in one message"),
        (with_task(id=TASK_ID.upper()), "tasks.0.id: String should match pattern"),
        (with_task(id=TASK_ID + "\n"), "tasks.0.id: String should match pattern"),
        (with_task(id=TASK_ID.replace("-", "")), "tasks.0.id: String should match pattern"),
        (with_task(n=0), "tasks.0.n: Input should be greater than or equal to 1"),
        (with_task(n=(1 << 31) + 1), "tasks.0.n: Input should be less than or equal to 2147483648"),
        (with_task(capability="0" * 31), "tasks.0.capability: String should match pattern"),
        (with_task(capability="G" * 32), "tasks.0.capability: String should match pattern"),
        (with_task(args=...), "a task has either args or args_ref"),
        (with_task(args_ref="arguments/1"), "a task has either args or args_ref"),
        (with_task(args=...).replace('"n": 3', '"n": 3, "args": 1e999'), "args: a number is beyond what a float holds"),
        (with_task(args=json.loads("[" * 65 + "]" * 65)), "args: nested deeper than 64 levels"),
    ],
)
def test_a_message_that_is_not_exactly_right_is_refused_with_the_reason(body: object, reason: str) -> None:
    with pytest.raises(MalformedMessage) as refused:
        decode_task_message(body)
    assert str(refused.value).startswith(reason)


def test_a_bundle_carries_several_tasks() -> None:
    tasks = tuple(WireTask(fresh_id(), 1, CAPABILITY, str(number)) for number in range(100))
    assert decode_task_message(encode_task_message(a_task_message(*tasks))).tasks == tasks


def test_a_message_of_very_many_worthless_tasks_is_not_read_to_its_end() -> None:
    with pytest.raises(MalformedMessage, match="tasks: List should have at most 10000 items"):
        decode_task_message('{"v":1,"name":"a","lease":1,"not_after":1,"tasks":[' + ",".join(["0"] * 10_001) + "]}")
