"""What a run prints is kept with the run: bounded, counted, and also when it dies."""

from leasehold.adapters.slots.logs import HALF, KEPT, Log
from tests.slots.bench import Bench
from tests.slots.conftest import Make


def test_what_python_prints_and_logs_belongs_to_the_run(shared: Bench) -> None:
    end = shared.run("speak", text="hello")
    assert end.log == b"hello\nHELLO\nlogged hello\nbytes\n"
    assert end.log_bytes == len(end.log)


def test_what_programs_print_belongs_to_the_run(shared: Bench) -> None:
    end = shared.run("speak_raw", text="hello")
    assert end.log == b"hello\nHELLO\n"


def test_output_survives_the_process(shared: Bench) -> None:
    end = shared.run("speak_and_die", text="last words")
    assert b"last words\n" in end.log
    assert b"raw\n" in end.log


def test_each_run_has_its_own_output(make: Make) -> None:
    bench = make()
    ends = [bench.run("speak_raw", text=text) for text in ("one", "two")]
    assert [end.log for end in ends] == [b"one\nONE\n", b"two\nTWO\n"]


def test_a_run_that_prints_nothing_has_no_output(shared: Bench) -> None:
    end = shared.run("noop")
    assert (end.log, end.log_bytes) == (b"", 0)


def test_closing_the_output_hurts_nobody(make: Make) -> None:
    bench = make()
    end = bench.run("close_output")
    assert end.result == '"fine"'
    assert end.log == b"before\nafter\n"
    assert bench.run("add", a=1).result == "3"


def test_a_flood_of_prints_is_counted_and_cut(shared: Bench) -> None:
    end = shared.run("print_much", megabytes=20, raw=False)
    assert end.result == "null"
    assert end.log_bytes == 20_000_000 + len("first\nlast\n")
    assert end.log.startswith(b"first\n")
    assert end.log.endswith(b"last\n")
    assert b"bytes left out" in end.log
    assert len(end.log) < KEPT + 1_000


def test_a_flood_of_raw_output_is_counted_and_cut(shared: Bench) -> None:
    end = shared.run("print_much", megabytes=20, raw=True)
    assert end.log_bytes == 20_000_000 + len("first\nlast\n")
    assert len(end.log) < KEPT + 1_000


def test_a_log_keeps_both_ends() -> None:
    log = Log()
    for number in range(4_000):
        log.add(b"%04d" % number * 250, 1_000)
    kept = log.kept()
    assert log.total == 4_000_000
    assert kept.startswith(b"0000")
    assert kept.endswith(b"3999")
    assert b"%d bytes left out" % (4_000_000 - 2 * HALF) in kept


def test_a_short_log_is_kept_whole() -> None:
    log = Log()
    log.add(b"x" * (HALF + 10), HALF + 10)
    assert log.kept() == b"x" * (HALF + 10)


def test_one_enormous_print_is_cut_too(shared: Bench) -> None:
    end = shared.run("print_at_once", megabytes=40)
    assert end.log_bytes == 40_000_001
    assert len(end.log) < KEPT + 1_000
    assert end.log.endswith(b"x\n")
