"""Transcribe WAV files: ``python transcribe.py talk.wav interview.wav``.

Stop it at any moment, or let the machine vanish, and start it again: what is done is done, and what was under way goes
on behind its last checkpoint. The ledger is ``leasehold.db`` in the working directory.
"""

import sys
from functools import cache
from pathlib import Path

from leasehold import App, Retry, TaskFailed, Unrecoverable, current
from leasehold.demo.listen import Pace, recognise
from leasehold.demo.recogniser import Model, load
from leasehold.demo.wav import UnreadableAudio, open_recording

app = App("transcripts")
listener = cache(load)  # a process loads the model once, for all the runs that it has


@app.task(lease="30m", retry=Retry(attempts=3, backoff="2s..1m", losses=20))
def transcribe(source: Path, model: Model = Model.GENERAL) -> str:
    """Return the words in a recording."""
    run = current()
    state = run.load({"second": 0.0, "text": ""})  # whichever machine saved it
    try:
        recording = open_recording(source)
    except UnreadableAudio as error:
        raise Unrecoverable(str(error)) from error  # it stays damaged, however often it is tried
    for segment in recognise(recording, listener(model), Pace(0), start=state["second"]):
        state = {"second": segment.end, "text": f"{state['text']} {segment.text}".strip()}
        run.save(state, done=segment.end, total=segment.total)  # durable when it returns
    return state["text"]


if __name__ == "__main__":
    files = [{"source": Path(name).resolve()} for name in sys.argv[1:]]
    batch = transcribe.submit_many(files, key="source", batch="transcripts")
    for rejected in batch.rejected:
        print(f"{sys.argv[rejected.number]}: {rejected.reason}")
    for task in batch.as_completed():
        try:
            print(f"{Path(task.view().key or '').name}: {task.result()}")
        except TaskFailed as failure:
            print(failure)
    app.close()
