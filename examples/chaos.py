"""Two handlers for ``leasehold chaos``: one is safe to run at least once, one is not.

leasehold chaos examples/chaos.py:count_words source=talk.txt --files FOLDER
leasehold chaos examples/chaos.py:log_words source=talk.txt --files FOLDER
"""

from pathlib import Path

from leasehold import App, current

app = App("words")


@app.task(lease="1m")
def count_words(source: str) -> int:
    """Count words, line by line; a new run goes on at the line after the last checkpoint."""
    run = current()
    done, words = run.load([0, 0])
    for number, line in enumerate(Path(source).read_text().splitlines(), start=1):
        if number > done:
            words += len(line.split())
            run.save([number, words])
    part = Path(f"{source}.part")
    part.write_text(f"{words}\n")
    part.replace(f"{source}.count")  # all of it or nothing, and the same again if this run is repeated
    return words


@app.task(lease="1m")
def log_words(source: str) -> int:
    """The same, appended to a file: after a repeated run the line is there twice."""
    words = len(Path(source).read_text().split())
    with Path("counts.txt").open("a") as log:
        log.write(f"{source} {words}\n")
    return words
