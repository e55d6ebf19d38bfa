"""The actions on queues as such: make, find, describe, change, empty, delete, tag."""

from __future__ import annotations

from leasehold.testing.sqs_server.account import A_WHILE, StoredQueue
from leasehold.testing.sqs_server.attributes import NAMES, RANGES
from leasehold.testing.sqs_server.calls import Call, Reply, needed
from leasehold.testing.sqs_server.errors import SqsError, invalid
from leasehold.testing.sqs_server.fields import mapping, number, text, texts

PAGE = 1_000


def create_queue(call: Call) -> Reply:
    """Make a queue, or find it as it should be."""
    name = text(call.fields, "QueueName") or ""
    queue = call.account.create(name, mapping(call.fields, "Attributes"))
    queue.tags |= {tag: str(value) for tag, value in mapping(call.fields, "tags").items()}
    return {"QueueUrl": f"{call.base}{name}"}


def get_queue_url(call: Call) -> Reply:
    """Find a queue by its name."""
    name = call.account.find(needed(call.fields, "QueueName")).name
    return {"QueueUrl": f"{call.base}{name}"}


def list_queues(call: Call) -> Reply:
    """The queues whose names begin with a prefix, in pages."""
    prefix = text(call.fields, "QueueNamePrefix") or ""
    limit = number(call.fields, "MaxResults", 1, PAGE)
    after = text(call.fields, "NextToken") or ""
    names = sorted(name for name in call.account.queues if name.startswith(prefix) and name > after)
    page = names[: limit or PAGE]
    if not page:
        return {}
    more: Reply = {"NextToken": page[-1]} if limit and len(names) > len(page) else {}
    return {"QueueUrls": [f"{call.base}{name}" for name in page]} | more


def get_queue_attributes(call: Call) -> Reply:
    """The attributes that are asked for."""
    queue = call.queue()
    wanted = {*texts(call.fields, "AttributeNames")}
    if unknown := wanted - NAMES:
        raise SqsError("InvalidAttributeName", f"Unknown Attribute {min(unknown)}.")
    known = _described(queue) if wanted else {}
    found = {name: value for name, value in known.items() if name in wanted or "All" in wanted}
    return {"Attributes": found} if found else {}


def _described(queue: StoredQueue) -> dict[str, str]:
    counts = queue.shelf.counts()
    return {
        **{name: str(default) for name, (default, _, _) in RANGES.items()},
        **queue.attributes,
        "QueueArn": queue.arn,
        "ApproximateNumberOfMessages": str(counts.visible),
        "ApproximateNumberOfMessagesNotVisible": str(counts.in_flight),
        "ApproximateNumberOfMessagesDelayed": str(counts.delayed),
        "CreatedTimestamp": str(queue.created_at // 1_000),
        "LastModifiedTimestamp": str(queue.modified_at // 1_000),
    }


def set_queue_attributes(call: Call) -> Reply:
    """Change some attributes, at once."""
    call.account.set_attributes(call.queue(), mapping(call.fields, "Attributes"))
    return {}


def purge_queue(call: Call) -> Reply:
    """Forget every message; once a minute."""
    queue = call.queue()
    now = call.account.clock.now()
    if queue.purged_at is not None and now - queue.purged_at < A_WHILE:
        raise SqsError(
            "PurgeQueueInProgress", f"Only one PurgeQueue operation on {queue.name} is allowed every 60 seconds."
        )
    queue.purged_at = now
    queue.shelf.clear()
    return {}


def delete_queue(call: Call) -> Reply:
    """Delete a queue and what is on it."""
    queue = call.queue()
    call.account.delete(queue)
    call.polls.end(queue)
    return {}


def tag_queue(call: Call) -> Reply:
    """Add tags."""
    queue = call.queue()
    tags = mapping(call.fields, "Tags")
    if len(queue.tags | tags) > 50:
        raise invalid(len(queue.tags | tags), "Tags", "A queue has at most 50 tags.")
    queue.tags |= {tag: str(value) for tag, value in tags.items()}
    return {}


def untag_queue(call: Call) -> Reply:
    """Take tags away."""
    queue = call.queue()
    for tag in texts(call.fields, "TagKeys"):
        queue.tags.pop(tag, None)
    return {}


def list_queue_tags(call: Call) -> Reply:
    """The tags."""
    tags = call.queue().tags
    return {"Tags": dict(tags)} if tags else {}
