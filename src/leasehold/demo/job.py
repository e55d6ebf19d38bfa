"""The job: write down what is said in a recording, surviving whatever happens to the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, TypedDict

from leasehold.core.errors import Unrecoverable
from leasehold.demo.listen import Listener, Pace, Segment, recognise
from leasehold.demo.trouble import Mischief, Trouble
from leasehold.demo.wav import Recording, UnreadableAudio, open_recording


class State(TypedDict):
    """A checkpoint: what the next run needs to go on."""

    second: float  # of the recording, up to which `text` is its transcript
    text: str
    segments: int  # how many of them that is
    starts: list[float]  # the second at which each run began, this one last


class Transcript(TypedDict):
    """What the job returns."""

    text: str
    seconds: float  # how long the recording is
    starts: list[float]  # the second at which each run began: more than one if any was cut off


class Run(Protocol):
    """What the job needs of the run it is in."""

    def load(self, default: State) -> State:
        """Return the last checkpoint of this task, from whichever machine wrote it, or `default`."""
        ...

    def save(self, state: State, *, done: float, total: float, note: str | None) -> None:
        """Keep a checkpoint and say how far the work is; returns when it is kept."""
        ...

    def check(self) -> None:
        """Raise `Interrupted` if this run should end early: what is saved is where the next one begins."""
        ...


def write_down(run: Run, path: Path, listener: Listener, pace: Pace, trouble: Trouble) -> Transcript:
    """Transcribe a recording, segment by segment, from where the last run of this task was cut off."""
    recording = readable(path)
    state = begin(run.load(State(second=0.0, text="", segments=0, starts=[])))
    note = f"from second {state['second']:.1f} of {recording.seconds:.1f}" if state["second"] else None
    run.save(state, done=state["second"], total=recording.seconds, note=note)
    mischief = Mischief(trouble, run_number=len(state["starts"]))
    mischief.at_start()
    for segment in recognise(recording, listener, pace, start=state["second"]):
        state = add(state, segment)
        run.save(state, done=segment.end, total=segment.total, note=note)
        mischief.after_checkpoint(state["segments"])
        if state["second"] < recording.seconds:
            run.check()
    return Transcript(text=state["text"], seconds=recording.seconds, starts=state["starts"])


def readable(path: Path) -> Recording:
    """Open a recording; one that is damaged stays damaged, however often it is tried."""
    try:
        return open_recording(path)
    except UnreadableAudio as error:
        raise Unrecoverable(str(error)) from error


def begin(state: State) -> State:
    """Note where this run takes up the work."""
    return {**state, "starts": [*state["starts"], state["second"]]}


def add(state: State, segment: Segment) -> State:
    """Append what was heard, if anything was."""
    text = f"{state['text']} {segment.text}".strip()
    return {**state, "second": segment.end, "text": text, "segments": state["segments"] + 1}
