"""Ledger, store, clock, disk: what every role stands on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from leasehold.checks.finding import OK, WARNING, WRONG, Said
from leasehold.core.units import GIB, MIB, SECOND, say_bytes, say_duration
from leasehold.settings import Settings

if TYPE_CHECKING:
    from leasehold.assemble import Parts

LITTLE = GIB
TOO_LITTLE = 100 * MIB
PROBE = "doctor/probe"
SKEW = 2 * SECOND
"""Between this machine's clock and another one."""


def settings_told(settings: Settings) -> Iterator[Said]:
    """What the settings come to."""
    slots = f"{settings.worker_slots:,} slot{'' if settings.worker_slots == 1 else 's'}"
    topology = "" if settings.embedded else f", {settings.topology}"
    yield Said(
        OK, f"ledger {settings.ledger_shown}, queues {settings.queues}, store {settings.store}, {slots}{topology}"
    )


def ledger_works(system: Parts, settings: Settings) -> Iterator[Said]:
    """It opens, its schema fits, and it can be written."""
    system.ledger.fold_counters()
    total = sum(sum(queue.counts.values()) for queue in system.views.queues())
    where = settings.ledger_path or settings.ledger_shown
    tasks = f"{total:,} task{'' if total == 1 else 's'}"
    yield Said(OK, f"{where} opens and can be written; it holds {tasks}")


def ledger_answers(system: Parts, settings: Settings) -> Iterator[Said]:
    """It opens, and its schema fits."""
    system.ledger.now()
    yield Said(OK, f"{settings.ledger_path or settings.ledger_shown} opens")


def store_works(system: Parts, settings: Settings) -> Iterator[Said]:
    """An object can be written durably, read back and deleted."""
    key = f"{PROBE}-{os.getpid()}-{system.random.randbytes(4).hex()}"
    system.store.create(key, b"well")
    read_back = system.store.get(key)
    system.store.delete([key])
    if read_back == b"well":
        yield Said(OK, f"{settings.store_folder or settings.store} can be written and read")
    else:
        yield Said(WRONG, f"{settings.store} did not give back what was written to it")


def clock_agrees(system: Parts, now: Callable[[], int], zone: tzinfo | None) -> Iterator[Said]:
    """Ages on the screen are reckoned by this machine's clock; decisions never are."""
    skew = abs(system.ledger.now() - now())
    if skew > SKEW:
        yield Said(
            WARNING, f"this machine's clock and the ledger's differ by {say_duration(skew)}; so do ages shown here"
        )
        return
    shown = datetime.now().astimezone(zone)
    yield Said(OK, f"this machine's clock agrees with the ledger's; times are shown in UTC{shown:%z}")


def disk_has_room(settings: Settings) -> Iterator[Said]:
    """There is space beside the ledger and in the store."""
    folders = [path.parent if path.suffix else path for path in (settings.ledger_path, settings.store_folder) if path]
    if not folders:
        yield Said(OK, "ledger and store are remote")
        return
    free = min(shutil.disk_usage(existing(folder)).free for folder in folders)
    state = WRONG if free < TOO_LITTLE else WARNING if free < LITTLE else OK
    yield Said(state, f"{say_bytes(free)} free where ledger and store are")


def existing(folder: Path) -> Path:
    """The nearest folder above that exists."""
    return next(each for each in (folder, *folder.parents) if each.exists())
