"""A child that lies to its worker harms itself only: what it says is held to a shape, and its files to their folder."""

from __future__ import annotations

import marshal
import os
from pathlib import Path
from random import Random
from typing import Any

import pytest

from leasehold.adapters.slots.frames import (
    BEGAN,
    HEADER,
    HELLO,
    LITTERED,
    LOADING,
    MARK,
    OUTPUT,
    RAISED,
    RETURNED,
    SAVING,
    TOLD,
    Decoder,
    Garbage,
    encode,
)
from leasehold.adapters.slots.heard import understood
from leasehold.adapters.slots.spool import Spool
from tests.slots.conftest import Make

FAILED = (("exception", "ValueError", "no", "jobs.py:f", "", None, None), False, None)
HONEST: list[tuple[Any, ...]] = [
    (HELLO, [("work", False, 1, ()), ("more", True, 4, ("AWS_*",))]),
    (BEGAN, 1, 1_000),
    (RETURNED, 1, 1_000, 5, '"x"', b"out", 3),
    (RETURNED, 1, 1_000, 5, b"c0", b"", 0),
    (RAISED, 1, 1_000, 5, FAILED, b"", 0),
    (SAVING, 1, 1, "{}", 0.5, "half"),
    (LOADING, 1, 2),
    (TOLD, 1, None, None),
    (OUTPUT, 1, b"x", 1),
    (LITTERED,),
]
LIES: list[Any] = [
    *(None, 7, "x", b"x", [], {}, (), (99,), ("x",), (None,), ([],), (True, 1, 1)),
    (BEGAN, 1),
    (BEGAN, "1", 1),
    (BEGAN, -1, 1),
    (BEGAN, 1, 1 << 62),
    (BEGAN, True, 1),
    (RETURNED, 1, 1, 1, 7, b"", 0),
    (RETURNED, 1, 1, 1, b"../../etc/passwd", b"", 0),
    (RETURNED, 1, 1, 1, b"/etc/passwd", b"", 0),
    (RETURNED, 1, 1, 1, "x", "no bytes", 0),
    (RAISED, 1, 1, 1, None, b"", 0),
    (RAISED, 1, 1, 1, (("exploded", *FAILED[0][1:]), False, None), b"", 0),
    (RAISED, 1, 1, 1, (FAILED[0], False, -5), b"", 0),
    (RAISED, 1, 1, 1, (FAILED[0], 0, None), b"", 0),
    (SAVING, 1, 1, b"c0/../x", None, None),
    (SAVING, 1, "{}", None, None),
    (LOADING, 1, None),
    (TOLD, 1, "half", None),
    (TOLD, 1, None, 7),
    (OUTPUT, 1, b"x", -1),
    (HELLO, [("work", False, 1)]),
    (HELLO, [("work", False, 1, ["AWS_*"])]),
    (HELLO, [("work", False, 1, ())] * 10_001),
    (HELLO, {}),
    (LITTERED, 1),
]


@pytest.mark.parametrize("said", HONEST)
def test_what_a_child_may_say_is_understood(said: tuple[Any, ...]) -> None:
    assert understood(said) == said


@pytest.mark.parametrize("said", LIES)
def test_anything_else_is_garbage(said: object) -> None:
    with pytest.raises(Garbage):
        understood(said)


def test_damaged_frames_are_garbage_or_say_what_a_child_may_say() -> None:
    """Seeded: bytes of real frames are changed, cut and spliced."""
    chance, frame = Random(7), encode(HONEST)
    seen = {"garbage": 0, "understood": 0}
    for _ in range(20_000):
        damaged = bytearray(frame)
        for _ in range(chance.randrange(1, 4)):
            damaged[chance.randrange(HEADER.size, len(damaged))] = chance.randrange(256)
        del damaged[chance.choice([len(damaged), chance.randrange(HEADER.size, len(damaged))]) :]
        damaged[: HEADER.size] = HEADER.pack(MARK, len(damaged) - HEADER.size)
        try:
            for message in Decoder().feed(bytes(damaged)):
                understood(message)
            seen["understood"] += 1
        except Garbage:
            seen["garbage"] += 1
    assert min(seen.values()) > 100


def test_a_frame_that_promises_too_much_is_garbage() -> None:
    with pytest.raises(Garbage):
        Decoder().feed(HEADER.pack(MARK, (1 << 24) + 1))
    with pytest.raises(Garbage):
        Decoder().feed(HEADER.pack(MARK, 5) + b"[\xff\xff\xff\x7f")


# ------------ spool files


@pytest.mark.parametrize(
    "name", [b"/etc/hostname", b"../c0", b"c0/../c0", b"", b".", b"c", b"x0", b"c0\n", b"c0\0", b"C0"]
)
def test_no_name_leads_out_of_the_spool(tmp_path: Path, name: bytes) -> None:
    with pytest.raises(FileNotFoundError):
        Spool(str(tmp_path), "w").take(name)


def test_a_link_in_the_spool_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "secret"
    outside.write_text("secret")
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "c0").symlink_to(outside)
    with pytest.raises(OSError, match="c0"):
        Spool(str(tmp_path / "spool"), "w").take(b"c0")
    assert outside.read_text() == "secret"


def test_a_pipe_in_the_spool_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "c0")
    with pytest.raises(OSError, match="c0"):
        Spool(str(tmp_path), "w").take(b"c0")


# ------------ real children


@pytest.mark.parametrize(
    "lie",
    [
        [(RETURNED, 1, 1, 1, b"/etc/hostname", b"", 0)],
        [(RETURNED, 1, 1, 1, b"c999", b"", 0)],
        [(RAISED, 1, 1, 1, "not a failure", b"", 0)],
        [(BEGAN,)],
        [None],
        [("x",)],
    ],
)
def test_a_run_that_lies_through_the_pipe_fails_and_the_worker_goes_on(make: Make, lie: list[Any]) -> None:
    bench = make()
    body = marshal.dumps(lie, 2)
    said = (HEADER.pack(MARK, len(body)) + body).decode("latin-1")
    failed = bench.end(bench.start("write_to_worker", text=said))
    assert (failed.failure.type, failed.failure.kind) == ("PipeBroken", "exception")
    assert bench.run("add", a=1, b=2).result == "3"
    assert Path("/etc/hostname").exists()
