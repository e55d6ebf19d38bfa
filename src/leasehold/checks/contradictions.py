"""Settings that are each allowed and do not work together."""

from __future__ import annotations

from collections.abc import Iterator

from leasehold.checks.finding import WARNING, WRONG, Role, Said
from leasehold.core.units import SECOND, say_duration
from leasehold.settings import Settings

SINGLE = "single-queue"
RUSHED = SECOND
"""A long poll below this asks an idle queue so often that it shows on the bill."""


def contradictions(settings: Settings, role: Role | None) -> Iterator[Said]:
    """Each one found; ``role``: what this machine does, or ``None``: everything."""
    if settings.sqs is not None:
        yield from of_sqs(settings)
        if role in {Role.WORKER, None} and settings.topology != SINGLE:
            yield from of_two_queues(settings, role)
    yield from of_keys(settings, role)
    if settings.store_folder is not None and (settings.sqs is not None or settings.ledger_path is None):
        yield Said(
            WARNING,
            f"store {settings.store} is a folder: machines that do not share it cannot see each other's checkpoints "
            "and large values. Set store to s3://BUCKET/PREFIX, or mount the same folder on every machine",
        )


def of_keys(settings: Settings, role: Role | None) -> Iterator[Said]:
    """Keys of signatures on the wrong side, or on one side only."""
    if role is Role.WORKER and settings.signing_key is not None:
        yield Said(
            WRONG,
            "a worker needs no signing_key, but it is set: with it, it could send tasks to other workers. Give it "
            "verify_keys instead: leasehold keys ls shows the one that belongs to it",
        )
    if role is not Role.WORKER and settings.signing_key is not None and settings.verify_keys:
        from leasehold.adapters.signing import Signer  # noqa: PLC0415 - an extra, needed where keys are set

        signer = Signer(settings.signing_key)
        if signer.public not in settings.verify_keys:
            yield Said(
                WRONG,
                f"signing_key is key {signer.kid}, which is not among verify_keys: workers with them take no message "
                f"of an orchestrator with it. Add {signer.public.hex()} to verify_keys",
            )
    if role is None and (settings.signing_key is None) != (not settings.verify_keys):
        there, gone = ("signing_key", "verify_keys") if settings.signing_key else ("verify_keys", "signing_key")
        yield Said(WARNING, f"{there} is set and {gone} is not: " + UNEVEN[gone])


UNEVEN = {
    "verify_keys": "messages are signed, and a worker with these settings takes unsigned ones too. Set verify_keys",
    "signing_key": "a worker with these settings takes no message of an orchestrator with them. Set signing_key",
}


def of_sqs(settings: Settings) -> Iterator[Said]:
    """Queues that other machines can see, and a ledger that they perhaps cannot."""
    if settings.ledger_path is not None and settings.topology == SINGLE:
        yield Said(
            WRONG,
            f"topology is single-queue and queues are {settings.queues}, but the ledger is a file of this machine: "
            "workers elsewhere cannot ask it whether they may run. Set ledger to postgresql://USER@HOST/NAME",
        )
    if settings.long_poll < RUSHED:
        yield Said(
            WARNING,
            f"long_poll is {say_duration(settings.long_poll)}: SQS is asked over and over while there is nothing to "
            "do, and bills each time. Set long_poll to 20s, or 2s on machines with a two-minute notice",
        )


def of_two_queues(settings: Settings, role: Role | None) -> Iterator[Said]:
    """What a worker is better off without, where it only talks to queues."""
    if role is Role.WORKER and settings.ledger_path is None:
        yield Said(
            WRONG,
            f"a worker in two-queue needs no ledger, but {settings.ledger_shown} is set. Take LEASEHOLD_LEDGER (and "
            "its password) away from workers: whoever breaks into one should find nothing",
        )
    if role is Role.WORKER and settings.capability_key is not None:
        yield Said(
            WRONG,
            "a worker needs no capability_key, but it is set: with it, it could report for any task. Take it away",
        )
