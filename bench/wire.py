"""What a report costs on its way: encode, pack, decode, verify, event. Prints a table and JSON."""

import json
import sys
import time
import uuid
from collections.abc import Callable

from leasehold.core.reports import Update, UpdateKind
from leasehold.core.wire import (
    TaskMessage,
    WireTask,
    capability,
    decode_status_message,
    decode_task_message,
    encode_task_message,
    encode_update,
    event_of,
    pack,
    payload_of,
    verify,
)

KEY = b"k" * 32
TASKS = 500
ROUNDS = 15
SENT_AT = 1_790_000_000_000


def reports_of_one_task() -> list[Update]:
    task_id, run_id = str(uuid.uuid4()), str(uuid.uuid4())
    started = Update(
        status_id=str(uuid.uuid4()),
        kind=UpdateKind.STARTED,
        task_id=task_id,
        capability=capability(KEY, task_id, 1),
        n=1,
        r=1,
        run_id=run_id,
        worker="i-0123456789abcdef0/2c6c9be1",
        lease=1_800_000,
        received_boot=1_000,
        began_boot=1_005,
        receipt="AQEB" + "x" * 60,
    )
    completed = started._replace(
        status_id=str(uuid.uuid4()),
        kind=UpdateKind.COMPLETED,
        ended_boot=1_007,
        result='{"text":"hello"}',
        log="done\n",
        log_bytes=5,
    )
    return [started, completed]


def cost(work: Callable[[], object], units: int) -> float:
    """Microseconds of CPU per unit: the best of many rounds, for the machine may be busy."""
    best = float("inf")
    for _ in range(ROUNDS):
        begin = time.process_time()
        work()
        best = min(best, time.process_time() - begin)
    return round(best / units * 1e6, 2)


def measure() -> dict[str, float]:
    updates = [update for _ in range(TASKS) for update in reports_of_one_task()]
    encoded = [encode_update(update, 2_000) for update in updates]
    bodies = [packed.body for packed in pack(encoded)]
    heard = [update for body in bodies for update in decode_status_message(body).updates]
    assert len(heard) == len(updates)
    message = TaskMessage(
        "transcribe", 1_800_000, SENT_AT, (WireTask(updates[0].task_id, 1, "0" * 32, '{"source":"s3://in/a.wav"}'),)
    )
    task_body = encode_task_message(message)
    many, few = len(updates), range(TASKS)
    report = {
        "encode": cost(lambda: [encode_update(update, 2_000) for update in updates], many),
        "pack": cost(lambda: pack(encoded), many),
        "decode": cost(lambda: [decode_status_message(body) for body in bodies], many),
        "verify": cost(lambda: [verify(KEY, update.task_id, update.n, update.capability) for update in heard], many),
        "event": cost(lambda: [(event_of(update, SENT_AT), payload_of(update)) for update in heard], many),
    }
    return {
        **report,
        "report, all of it": round(sum(report.values()), 2),
        "task message, encode": cost(lambda: [encode_task_message(message) for _ in few], TASKS),
        "task message, decode": cost(lambda: [decode_task_message(task_body) for _ in few], TASKS),
        "capability": cost(lambda: [capability(KEY, message.tasks[0].id, n) for n in few], TASKS),
    }


def main() -> None:
    figures = measure()
    for name, microseconds in figures.items():
        print(f"{name:24}{microseconds:8.2f} us")
    print(json.dumps({"python": sys.version.split()[0], "microseconds": figures}))


if __name__ == "__main__":
    main()
