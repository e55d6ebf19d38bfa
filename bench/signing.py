"""What signing a task message costs, and verifying it: ms of CPU each, alone and with the message's coding around it.

``python -m bench.signing [--messages 500] [--runs 9]``. Needs the extra ``signing``.
"""

from __future__ import annotations

import argparse
import time
import uuid
from collections.abc import Callable, Mapping

from bench._tables import show, spread
from leasehold.adapters.signing import Signer, Verifier, make_pair
from leasehold.core.wire import TaskMessage, WireTask, capability, decode_task_message, encode_task_message

KEY = b"k" * 32


def message(arguments: str) -> TaskMessage:
    """One task, as a queue carries it."""
    task_id = str(uuid.uuid4())
    task = WireTask(task_id, 1, capability(KEY, task_id, 1), arguments)
    return TaskMessage("transcribe", 1_800_000, 1_790_000_000_000, (task,))


def each(work: Callable[[], object], units: int, runs: int) -> list[float]:
    """CPU per unit in ms, run by run."""
    work()  # what is made once is not counted
    found: list[float] = []
    for _ in range(runs):
        begin = time.process_time()
        work()
        found.append((time.process_time() - begin) / units * 1_000)
    return found


def measure(arguments: str, messages: int, runs: int) -> Mapping[str, list[float]]:
    """How many ms each operation takes."""
    pair = make_pair()
    signer = Signer(bytes.fromhex(pair.signing_key))
    verifier = Verifier([bytes.fromhex(pair.verify_key)])
    sent = [message(arguments) for _ in range(messages)]
    plain = [encode_task_message(one) for one in sent]
    signed = [signer(text) for text in plain]
    assert [verifier(body) for body in signed] == plain
    jobs: dict[str, Callable[[], object]] = {
        "encode": lambda: [encode_task_message(one) for one in sent],
        "sign": lambda: [signer(text) for text in plain],
        "verify": lambda: [verifier(body) for body in signed],
        "decode": lambda: [decode_task_message(text) for text in plain],
    }
    return {name: each(job, messages, runs) for name, job in jobs.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=500)
    parser.add_argument("--runs", type=int, default=9)
    given = parser.parse_args()
    for size in (100, 100_000):
        arguments = f'{{"source":"{"x" * size}"}}'
        found = measure(arguments, max(20, given.messages // (1 + size // 1_000)), given.runs)
        title = f"ms of CPU for a message of {len(arguments):,} bytes of arguments: median (lowest to highest)"
        show(title, [{name: spread(values, 3) for name, values in found.items()}], {"ms": found})


if __name__ == "__main__":
    main()
