"""Programs as tasks."""

import json

import pytest

from leasehold.core.model import FailureKind
from leasehold.flow.application import command_spec
from tests.slots.bench import Bench, Held
from tests.slots.conftest import Make


def test_each_placeholder_fills_one_argument(shared: Bench) -> None:
    end = shared.run("say", first="a b; $HOME 'c'", second="*")
    assert end.result == "null"
    assert end.log == b"a b; $HOME 'c'|-*-|"


def test_a_shell_gets_each_value_quoted(shared: Bench) -> None:
    assert shared.run("say_in_shell", text="a b; rm $HOME 'c'").log == b"A B; RM $HOME 'C'"


@pytest.mark.parametrize(("code", "unrecoverable"), [(1, False), (2, True)])
def test_an_exit_code_is_a_failure(shared: Bench, code: int, unrecoverable: bool) -> None:
    end = shared.run("exit_with", code=code)
    assert (end.failure.kind, end.failure.exit_code, end.unrecoverable) == (FailureKind.EXIT, code, unrecoverable)
    assert end.failure.message == f"sh ended with exit code {code}"


def test_a_missing_program_is_said_to_be_missing(shared: Bench) -> None:
    assert "no program 'no-such-program-anywhere'" in shared.run("missing", x=1).failure.message


def test_a_program_is_stopped_with_its_run(make: Make, held: Held) -> None:
    bench = make()
    run_id = bench.start("hang_program", fifo=held.path)
    held.wait_until_held()
    bench.pool.stop([run_id], "drain")
    assert bench.end(run_id).cause == "drain"
    held.wait_until_free()


def test_an_application_can_be_one_command(make: Make) -> None:
    bench = make(spec=command_spec("greet", "echo hello {name}", unrecoverable=(3,)))
    assert bench.run("greet", name="{world}").log == b"hello {world}\n"
    assert json.loads(bench.run("greet", name=7).result) is None
