"""The worlds in which nothing may be broken. Everything in them may be slow; only faults are counted."""

from __future__ import annotations

from tests.model.broken import LONG
from tests.model.parts import Configuration

LONGER = 3
"""A validity that is longer than a lease of two ticks."""

STANDARD = [
    Configuration(
        "slow",
        "nothing fails, but everybody may take as long as he likes, and reports come in any order",
        {},
        sees=("Voided: voided", "Lapsed: lapsed", "Completed: refunded"),
    ),
    Configuration(
        "crash", "a worker dies between any two of its steps", {"crash": 1}, sees=("Lapsed: lapsed", "Voided: voided")
    ),
    Configuration(
        "crashes",
        "two workers die; the losses are spent",
        {"crash": 2},
        dispatches=1,
        receives=3,
        sees=("Lapsed: lapsed", "Completed: refunded"),
    ),
    Configuration(
        "crash and redelivery",
        "a worker dies, and its message comes back in time to be started again",
        {"crash": 1},
        dispatches=1,
        receives=3,
        validity=LONGER,
        sees=("Started: lost",),
    ),
    Configuration(
        "slow and valid",
        "messages that come back while somebody still holds them may be started",
        {},
        validity=LONGER,
    ),
    Configuration("failure", "a run fails", {"fail": 1}, sees=("Failed: failed", "Due: due")),
    Configuration(
        "failures",
        "two runs fail; the attempts are spent",
        {"fail": 2},
        dispatches=1,
        receives=3,
        validity=LONGER,
    ),
    Configuration("failure and crash", "a run fails, a worker dies", {"fail": 1, "crash": 1}, dispatches=1, losses=1),
    Configuration("replies", "a reply is lost: of a receive, a delete, a change, a send or a report", {"lose": 1}),
    Configuration(
        "paused dispatcher",
        "a dispatcher that pauses between its commit and its send, past the validity, and others that go on",
        {"lose": 1},
        dispatches=3,
        receives=1,
        lease=1,
        sees=("Expired: its dispatch is closed", "Voided: voided"),
    ),
    Configuration(
        "early",
        "a worker that holds a message to be expired before it is, for its clock must be careful",
        {"early": 1},
        losses=1,
        lease=1,
        validity=LONG,
    ),
    Configuration("lost report", "the status queue loses a report", {"forget": 1}),
    Configuration("lost reports", "it loses two, and a run fails", {"forget": 2, "fail": 1}, dispatches=1),
    Configuration("twice", "reports are recorded twice, at any time", {"twice": 1, "fail": 1}),
    Configuration(
        "drain",
        "a worker leaves, and what it gives back is heard of in any order",
        {"drain": 1},
        dispatches=1,
        receives=3,
        validity=LONGER,
        sees=("Released: released", "Started: this run is known already", "Draining: draining"),
    ),
    Configuration(
        "drain and crash", "a worker leaves, and it or another one dies", {"drain": 1, "crash": 1}, dispatches=1
    ),
    Configuration("refusal", "no worker knows the handler, or its arguments are gone", {"refuse": 1, "arguments": 1}),
    Configuration("suspended", "a machine is suspended past its lease, and goes on", {"pause": 1}),
    Configuration(
        "purge",
        "the queue loses a message, buries one, or will not have it",
        {"purge": 1, "bury": 1, "unsendable": 1},
        sees=("Unsendable: unsendable", "DeadLettered: dead-lettered"),
    ),
    Configuration("duplicate", "the queue hands one message out twice at once", {"duplicate": 1}, dispatches=1),
    Configuration("undeleted", "a delete does not stick", {"undeleted": 1, "fail": 1}, dispatches=1, validity=LONGER),
    Configuration(
        "poison",
        "a message that is received too often",
        {"crash": 2},
        dispatches=1,
        receives=4,
        most_receives=2,
        validity=LONGER,
        sees=("DeadLettered: dead-lettered",),
    ),
    Configuration(
        "slow replies",
        "messages are long on their way to a worker",
        {"crash": 1},
        slow_replies=True,
        dispatches=1,
        validity=LONGER,
    ),
    Configuration(
        "long validity",
        "messages that come back may be started again",
        {"crash": 1},
        validity=LONGER,
        dispatches=1,
    ),
]

PEOPLE = [
    Configuration(
        "retry while out",
        "ann cancels the task and retries it while a message of it is out",
        {"cancel": 1, "retry": 1},
        sees=("Retried: retried", "Completed: late"),
    ),
    Configuration(
        "retry of a failure",
        "ann retries a failed task whose message or run is still there",
        {"crash": 1, "fail": 1, "retry": 1},
        dispatches=1,
        attempts=1,
        losses=1,
        validity=LONGER,
        sees=("Retried: retried", "Failed: failed"),
    ),
]

PLATFORM = [
    Configuration(
        "recall",
        "a machine is gone for good, and its run is recalled",
        {"crash": 1},
        recalls=True,
        dispatches=1,
        validity=LONGER,
        receives=3,
        sees=("Recalled: recalled",),
    ),
    Configuration(
        "recall and drain",
        "a machine says that it leaves, and is gone",
        {"crash": 1, "drain": 1},
        recalls=True,
        dispatches=1,
        receives=3,
        sees=("Recalled: recalled",),
    ),
]

OTHER_QUEUES = [
    Configuration(
        "bundle",
        "a task in a bundle, which runs at its first receive only and is given up when it is received again",
        {"crash": 1, "lose": 1},
        bundle=True,
        dispatches=1,
        validity=LONGER,
    ),
    Configuration(
        "fifo", "a send of unknown fate is repeated on a FIFO queue", {"resend": 1, "crash": 1}, fifo=True, dispatches=1
    ),
    Configuration(
        "one transaction",
        "the queue is in the ledger's database",
        {"crash": 1, "fail": 1},
        one_transaction=True,
        dispatches=1,
        validity=LONGER,
    ),
]

CLAIMED = [
    Configuration("claims", "runs are claimed, a worker dies", {"crash": 1}, claims=True, lease=1, validity=LONG),
    Configuration("claims in doubt", "the answer to a claim is lost", {"lose": 2}, claims=True, lease=1, validity=LONG),
    Configuration(
        "claims of twins",
        "messages are handed out twice, deletes do not stick",
        {"duplicate": 1, "undeleted": 1},
        dispatches=1,
        receives=3,
        claims=True,
        lease=1,
        validity=LONG,
    ),
    Configuration(
        "claims of equal tokens",
        "a send of unknown fate is repeated: two messages with one token",
        {"resend": 1, "crash": 1},
        dispatches=1,
        receives=3,
        claims=True,
        lease=1,
        validity=LONG,
    ),
    Configuration(
        "claims of the retried",
        "ann cancels and retries while a message is out",
        {"cancel": 1, "retry": 1},
        claims=True,
        lease=1,
        validity=LONG,
    ),
    Configuration(
        "claims of the leaving",
        "a worker leaves and another one dies",
        {"drain": 1, "crash": 1},
        claims=True,
        lease=1,
        validity=LONG,
    ),
    Configuration(
        "claims and recall",
        "a machine is gone for good, and its task goes out again at once",
        {"crash": 1, "drain": 1},
        claims=True,
        recalls=True,
        sees=("Recalled: recalled",),
    ),
]

SOUND = [*STANDARD, *PEOPLE, *PLATFORM, *OTHER_QUEUES, *CLAIMED]
