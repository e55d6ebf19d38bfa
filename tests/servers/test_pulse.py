"""The pulse by which tests tell a machine that stood still from a product that is late."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from threading import Event

from leasehold.adapters.slots.boot import boot
from tests.servers.pulse import BEAT

STOPPED = 0.5
"""s."""
PROGRAM = """
import json
from tests.servers.pulse import Pulse

pulse = Pulse()
print("beating", flush=True)
since, until = json.loads(input())
pulse.close()
print(json.dumps([pulse.stood(since, until), pulse.stood(until + 3_600_000, until + 7_200_000), pulse.stalls(300)]))
"""


def test_a_process_that_was_stopped_knows_for_how_long() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "beating\n"
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        since = boot()
        Event().wait(STOPPED)
        until = boot()
        process.send_signal(signal.SIGCONT)
        process.stdin.write(json.dumps([since, until]) + "\n")
        process.stdin.flush()
        stood, afterwards, stalls = json.loads(process.stdout.readline())
    assert until - since - 2 * BEAT <= stood <= until - since, stalls
    assert afterwards == 0
    assert [began for began, ended in stalls if began <= since + 2 * BEAT and until <= ended], stalls
