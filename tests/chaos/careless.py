"""Handlers that are not safe to run at least once, each in a way of its own."""

import os
import tempfile
import time
from pathlib import Path
from random import SystemRandom
from threading import Event

from leasehold import App, current

app = App("careless")
SPEC = f"{__name__}:app"


@app.task
def appends() -> None:
    with Path("log").open("a") as log:
        log.write("done\n")


@app.task
def counts_in_a_file() -> int:
    count = Path("count")
    number = int(count.read_text()) + 1 if count.exists() else 1
    count.write_text(str(number))
    return 0


@app.task
def insists_on_being_first() -> None:
    Path("out").open("x").close()


@app.task
def takes_its_input_away() -> str:
    Path("input").rename("done")
    return "moved"


@app.task
def numbers_its_outputs() -> None:
    number = sum(1 for _ in Path().glob("out-*"))
    Path(f"out-{number}").write_text("x")


@app.task
def returns_its_token() -> int:
    return current().token


@app.task
def counts_twice_after_a_checkpoint() -> int:
    run = current()
    total = run.load(0)
    for each in (1, 2):
        total += each
        run.save(total)  # and not where it is
    return total


@app.task
def trusts_a_file_that_is_half_written() -> int:
    out = Path("out")
    if not out.exists():
        with out.open("w") as file:
            file.write("first half, ")
            file.flush()
            current().save("half")
            file.write("second half")
    return 0


@app.task
def leaves_temporary_files() -> None:
    handle, name = tempfile.mkstemp(dir=".", prefix="part-")
    os.write(handle, b"x")
    current().save("written")
    Path(name).rename("out")


@app.task
def cannot_read_its_own_checkpoint() -> str:
    run = current()
    state = run.load({"position": 0})
    run.save({"place": state["position"]})
    return "done"


@app.task
def leaves_its_lock_behind() -> None:
    Path("lock").open("x").close()
    current().save("locked")
    Path("lock").unlink()


@app.task
def appends_between_checkpoints() -> None:
    run = current()
    for each in range(run.load(0), 2):
        with Path("lines").open("a") as lines:
            lines.write(f"{each}\n")
        run.save(each + 1)


@app.task
def waits_for_ever_when_resumed() -> None:
    run = current()
    if run.load(0):
        Event().wait()  # the leash ends it
    run.save(1)


@app.task
def takes_a_random_name() -> None:
    Path(f"out-{SystemRandom().random()}").touch()


@app.task
def writes_the_time() -> str:
    return str(time.time_ns())


@app.task
def fails() -> None:
    raise ValueError("no good")


@app.task
def is_careful() -> str:
    run = current()
    done = run.load(0)
    for each in range(done, 2):
        part = Path(f"part-{each}.new")
        part.write_text(f"{each}\n")
        part.replace(f"part-{each}")
        run.save(each + 1)
    return "".join(Path(f"part-{each}").read_text() for each in range(2))


@app.task
async def is_careful_too(text: str) -> str:
    write(text)
    return text


def write(text: str) -> None:
    Path("out").write_text(text)
