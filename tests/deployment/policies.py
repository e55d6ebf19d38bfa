"""The policies in docs/deployment.md, and a server that holds each role to its own."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase

from leasehold.adapters.sqs.probe import PROBES
from leasehold.testing.sqs_server import Fault, SqsServer
from tests.docs.pages import text_of

QUEUES = {"tasks": "acme-tasks-default", "status": "acme-status", "dead": "acme-dead", "events": "acme-events"}
BATCHES = {"SendMessage", "DeleteMessage", "ChangeMessageVisibility"}
POLICY = re.compile(r"^```json (?P<role>[\w-]+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
POLICIES = {found["role"]: json.loads(found["text"]) for found in POLICY.finditer(text_of("docs/deployment.md"))}


def allowed(role: str, queue: str) -> set[str]:
    """The SQS actions that a policy allows on a queue."""
    return {
        action.removeprefix("sqs:")
        for statement in POLICIES[role]["Statement"]
        if fnmatchcase(queue, statement["Resource"].rpartition(":")[2])
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
        if action.startswith("sqs:")
    }


def enforce(server: SqsServer, role: str) -> None:
    """Refuse whatever the policy does not allow to whoever signs with the role's key."""
    every = PROBES.keys() | {"DeleteQueue", "PurgeQueue", "TagQueue"}
    for queue in QUEUES.values():
        for action in every - allowed(role, queue):
            name = f"{action}*" if action in BATCHES else action
            server.faults.add(Fault("denied", queue=queue, action=name, key=role))
    server.faults.add(Fault("denied", queue="", action="ListQueues", key=role))
