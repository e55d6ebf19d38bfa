"""Messages to start from, and the Hypothesis strategies that make more."""

import json
import uuid

from hypothesis import strategies as st

from leasehold.core.model import Failure, FailureKind
from leasehold.core.references import arguments_reference, log_reference, result_reference
from leasehold.core.reports import Malformed, Update, UpdateKind
from leasehold.core.wire import TaskMessage, WireTask, quarantined

TASK_ID = "0199c3a1-7b1c-7c3d-8a4e-1234567890ab"
RUN_ID = "0199c3a1-8000-7000-8000-00000000000a"
STATUS_ID = "0199c3a1-9000-7000-8000-00000000000b"
CAPABILITY = "0123456789abcdef0123456789abcdef"
RESULT = result_reference(TASK_ID, RUN_ID, b"7")
LOG = log_reference(TASK_ID, RUN_ID, b"line")
OTHER = "0199c3a1-ffff-7c3d-8a4e-1234567890ab"
HOSTILE = [
    "arguments/1",
    "results/1",
    "checkpoints/1",
    "/etc/passwd",
    "../../etc/passwd",
    f"arguments/{TASK_ID}/../../../etc/passwd",
    f"arguments/{TASK_ID}/" + "../" * 21 + "x",
    "s3://elsewhere/arguments/1",
    "http://169.254.169.254/latest/meta-data",
    "file:///etc/passwd",
    f"arguments/{TASK_ID}/" + "G" * 64,
    f"arguments/{TASK_ID}/" + "A" * 64,
    f"arguments/{TASK_ID}/" + "0" * 63,
    f"arguments/{TASK_ID}/" + "0" * 64 + "/x",
    f"arguments/{TASK_ID}/" + "0" * 63 + "\n",
    arguments_reference(OTHER, b"{}"),
    result_reference(OTHER, RUN_ID, b"7"),
    result_reference(TASK_ID, OTHER, b"7"),
    log_reference(OTHER, RUN_ID, b"line"),
    log_reference(TASK_ID, OTHER, b"line"),
    f"checkpoints/{TASK_ID}/00000000000000000001-0000000001-{RUN_ID}",
]
"""References that no message may carry: other tasks' objects, other folders, other places."""
FAILURE = Failure(FailureKind.EXCEPTION, "ValueError", "no such file", "jobs.py:transcribe", "Traceback ...")


def a_task_message(*tasks: WireTask) -> TaskMessage:
    return TaskMessage(
        name="transcribe",
        queue="media",
        lease=1_800_000,
        not_after=1_790_000_000_000,
        tasks=tasks or (WireTask(TASK_ID, 3, CAPABILITY, '{"source":"a.wav","language":"en"}', trace="00-ab-cd-01"),),
    )


def an_update(kind: UpdateKind, **changes: object) -> Update:
    """A report as a worker makes it: received at boot 1000, begun at 1200, ended at 4000."""
    update = Update(
        status_id=STATUS_ID,
        kind=kind,
        task_id=TASK_ID,
        capability=CAPABILITY,
        n=3,
        r=2,
        run_id=RUN_ID,
        worker="i-0abc/1",
        lease=60_000,
        received_boot=1_000,
        began_boot=1_200,
        ended_boot=4_000,
        receipt="AQEB",
        result='{"words":7}' if kind is UpdateKind.COMPLETED else None,
        failure=FAILURE if kind is UpdateKind.FAILED else None,
    )
    return update._replace(**changes)


ids = st.uuids().map(str)
any_text = st.text(st.characters(exclude_categories=()), max_size=80)  # NUL and lone surrogates too
plain_text = st.text(max_size=80).filter(lambda text: "\0" not in text)
names = plain_text.filter(bool)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=8,
)
json_texts = json_values.flatmap(
    lambda value: st.sampled_from(
        [json.dumps(value), json.dumps(value, ensure_ascii=False), json.dumps(value, indent=1)]
    )
)
capabilities = st.binary(min_size=16, max_size=16).map(bytes.hex)
instants = st.integers(0, 1 << 40)
failures = st.builds(
    Failure,
    kind=st.sampled_from(FailureKind),
    type=any_text,
    message=any_text,
    frame=any_text,
    traceback=any_text,
    exit_code=st.none() | st.integers(-255, 1 << 32),
    signal=st.none() | st.integers(1, 64),
)


@st.composite
def updates(draw: st.DrawFn) -> Update:
    kind = draw(st.sampled_from(UpdateKind))
    stored = kind is UpdateKind.COMPLETED and draw(st.booleans())
    task_id, run_id = draw(ids), draw(ids)
    return draw(
        st.builds(
            Update,
            status_id=ids,
            kind=st.just(kind),
            task_id=st.just(task_id),
            capability=capabilities,
            n=st.integers(1, 1 << 31),
            r=st.integers(1, (1 << 20) - 1),
            run_id=st.just(run_id),
            worker=names,
            lease=st.integers(1, 43_200_000),
            received_boot=instants,
            began_boot=st.none() | instants,
            ended_boot=st.none() | instants,
            receipt=st.none() | names,
            deleted=st.booleans(),
            result=st.none() if stored or kind is not UpdateKind.COMPLETED else json_texts,
            result_ref=st.just(result_reference(task_id, run_id, b"7")) if stored else st.none(),
            failure=failures if kind is UpdateKind.FAILED else st.none(),
            unrecoverable=st.booleans(),
            after=st.none() | st.integers(-5, 1 << 41),
            fraction=st.none() | st.floats(),
            note=st.none() | any_text,
            log=st.none() | any_text,
            log_ref=st.none() | st.just(log_reference(task_id, run_id, b"line")),
            log_bytes=st.integers(0, 1 << 30),
            trace=st.none() | names,
        )
    )


wire_tasks = st.builds(
    WireTask,
    id=ids,
    n=st.integers(1, 1 << 31),
    capability=capabilities,
    arguments=json_texts,
    arguments_ref=st.none(),
    trace=st.none() | names,
) | ids.flatmap(
    lambda id: st.builds(
        WireTask,
        id=st.just(id),
        n=st.integers(1, 1 << 31),
        capability=capabilities,
        arguments=st.none(),
        arguments_ref=st.just(arguments_reference(id, b"{}")),
        trace=st.none() | names,
    )
)
task_messages = st.builds(
    TaskMessage,
    name=names,
    lease=st.integers(1, 43_200_000),
    not_after=st.integers(0, 1 << 45),
    tasks=st.lists(wire_tasks, min_size=1, max_size=4, unique_by=lambda task: task.id).map(tuple),
    queue=st.none() | names,
    most_receives=st.integers(1, 1_000),
)
malformed_messages: st.SearchStrategy[Malformed] = st.builds(
    quarantined, source=names, body=any_text | st.binary(max_size=20) | st.none(), reason=any_text
)


def fresh_id() -> str:
    return str(uuid.uuid4())
