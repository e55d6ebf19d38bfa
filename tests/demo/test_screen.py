from __future__ import annotations

import io

import pytest
from rich.console import Console

from leasehold.core.model import Token
from leasehold.demo.history import Held, Look
from leasehold.demo.report import Happening
from leasehold.demo.screen import Frame, LineScreen, LiveScreen, Mood, NodeRow, about, progress

HELD = [
    Held(name, Token(1, 1), f"/sounds/{name}.wav", "worker-1", 0, fraction)
    for name, fraction in (("a", 0.25), ("b", 0.75))
]
WELL = NodeRow("worker-1", Mood.WELL, HELD, 5.0)


def frame(seconds: float = 10.0, ended: int = 4, **counts: int) -> Frame:
    found = counts or {"completed": 3, "failed": 1, "in_progress": 2, "pending": 3}
    return Frame(seconds, ended, Look(found, HELD, []), [WELL])


def test_counts_rate_and_time_to_go() -> None:
    assert progress(frame()) == "4 of 9 ended (1 failed), 2 running, 3 waiting, 0.4/s, 8 s to go"


def test_what_is_under_way_counts_towards_the_time_to_go() -> None:
    assert progress(frame(completed=4, in_progress=2)).endswith("2 s to go"), "one of the two has been done in 10 s"


def test_nothing_is_foretold_before_the_first_has_ended() -> None:
    assert progress(frame(ended=0, pending=9)) == "0 of 9 ended, 0 running, 9 waiting"


def test_slow_work_is_counted_per_minute() -> None:
    assert ", 2.4/min, " in progress(frame(seconds=100.0))


@pytest.mark.parametrize(
    ("node", "told"),
    [
        (WELL, "a.wav 25 %, b.wav 75 %"),
        (WELL._replace(holds=[]), "idle"),
        (WELL._replace(holds=[], mood=Mood.STARTING), "starting"),
        (WELL._replace(mood=Mood.STOPPING), "stopping a.wav 25 %, b.wav 75 %"),
        (WELL._replace(mood=Mood.KILLED), "killed; for 5 s more its leases hold a.wav, b.wav"),
        (WELL._replace(mood=Mood.KILLED, lease_left=-0.3), "killed; for 0 s more its leases hold a.wav, b.wav"),
        (WELL._replace(mood=Mood.KILLED, holds=[]), "killed"),
    ],
)
def test_a_node_is_told_by_what_it_holds(node: NodeRow, told: str) -> None:
    assert about(node).plain == told


def test_a_log_gets_a_line_per_happening_and_a_line_of_progress_now_and_then() -> None:
    out = io.StringIO()
    screen = LineScreen(Console(file=out, width=200))
    screen.title("nine recordings")
    for seconds in (1.0, 5.0, 6.0, 9.9, 10.0):
        screen.show(frame(seconds))
    screen.tell(Happening(10.5, "a.wav", "ran again", good=True))
    screen.close()
    lines = out.getvalue().splitlines()
    assert [line[:10] for line in lines] == ["nine recor", "   5.0 s  ", "  10.0 s  ", "  10.5 s  "]
    assert lines[-1] == "  10.5 s  a.wav: ran again"


@pytest.mark.parametrize("width", [80, 160])
def test_a_terminal_shows_nodes_and_a_bar_that_fit(width: int) -> None:
    out = io.StringIO()
    screen = LiveScreen(Console(file=out, width=width, height=24, force_terminal=True, color_system=None))
    screen.show(frame())
    screen.tell(Happening(10.5, "a.wav", "ran again"))
    screen.close()
    assert "a.wav: ran again" in out.getvalue()
    assert "8 s to go" in out.getvalue()
    assert "worker-1" in out.getvalue()
