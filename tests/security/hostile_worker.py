"""A worker that was taken over: a process of its own with a worker's rights on SQS, and nothing else.

It receives the one task it may have, and then says whatever its orders (argument 1) name, of that task and of others.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

CHUNK = 200


def received(client: SQSClient, queue: str) -> dict[str, Any]:
    """The message of the task it was given."""
    url = client.get_queue_url(QueueName=queue)["QueueUrl"]
    found = client.receive_message(QueueUrl=url, MaxNumberOfMessages=1, VisibilityTimeout=600, WaitTimeSeconds=5)
    (message,) = found.get("Messages", [])
    return json.loads(message.get("Body", ""))


def report(task: dict[str, Any], status: int, **changes: object) -> dict[str, Any]:
    """A success of the task, or whatever ``changes`` make of it."""
    said = {
        "status_id": f"00000000-0000-7000-8000-{status:012d}",
        "kind": "completed",
        "task_id": task["id"],
        "capability": task["capability"],
        "n": task["n"],
        "r": 1,
        "run_id": "00000000-0000-7000-8000-0000000000ff",
        "worker": "hostile",
        "lease": 60_000,
        "held": 10,
        "ended": 1,
        "result": '"forged"',
    }
    return said | changes


def lies(task: dict[str, Any], victim: str, orders: str) -> list[Any]:
    """What it says."""
    said: dict[str, list[Any]] = {
        "another's task": [report(task, 1, task_id=victim)],
        "another's task with a guess": [report(task, i, task_id=victim, capability=f"{i:032x}") for i in range(CHUNK)],
        "another dispatch": [report(task, 2, n=task["n"] + 1), report(task, 3, n=2**31)],
        "another's store": [
            {k: v for k, v in report(task, 4, result_ref=ref).items() if k != "result"}
            for ref in (f"results/{victim}/00000000-0000-7000-8000-0000000000ff-{'0' * 64}", "../../etc/passwd")
        ],
        "its own task, again and again": [report(task, 5)] * CHUNK + [report(task, 6, result='"other"')],
        "rubbish": [
            {"kind": "malformed", "source": "x", "digest": f"{i:064x}", "body": "", "reason": ""} for i in range(CHUNK)
        ],
    }
    return said[orders]


def main() -> None:
    orders, queue, status, victim = sys.argv[1:]
    client: SQSClient = boto3.client("sqs")
    task = received(client, queue)["tasks"][0]
    url = client.get_queue_url(QueueName=status)["QueueUrl"]
    reports = lies(task, victim, orders)
    for copy in range(2):  # whatever it says, it says twice
        client.send_message(QueueUrl=url, MessageBody=json.dumps({"v": 1, "reports": reports}) + " " * copy)


if __name__ == "__main__":
    main()
