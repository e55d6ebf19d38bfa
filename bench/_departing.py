"""Tasks for ``departures.py``: the first run holds on until it is told to leave, any later one ends at once."""

from __future__ import annotations

import time

from leasehold import App, current

RECEIVES = (1 << 20) - 1
app = App("departing")


@app.task(lease="30m")
def hold(number: int) -> int:
    run = current()
    while run.token & RECEIVES == 1:
        time.sleep(0.05)
        run.check()
    return number
