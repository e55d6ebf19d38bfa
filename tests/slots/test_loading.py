"""Applications that do not load."""

from pathlib import Path

import pytest

from leasehold.core.errors import BadApplication, UnknownHandler
from tests.slots.bench import Bench
from tests.slots.conftest import Make


def app(folder: Path, text: str) -> str:
    path = folder / "app.py"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nothing_of_that_name", "No module named 'nothing_of_that_name'"),
        ("raise SystemExit(3)", "SystemExit"),
        ("x = 1", "must have one application"),
        ("import os; print('about to die', flush=True); os._exit(1)", "about to die"),
    ],
)
def test_what_is_wrong_with_an_application_is_said(make: Make, tmp_path: Path, text: str, message: str) -> None:
    bench = make(spec=app(tmp_path, text))
    with pytest.raises(BadApplication, match=message):
        bench.pool.knows("anything")


def test_an_unknown_handler_cannot_be_started(shared: Bench) -> None:
    with pytest.raises(UnknownHandler):
        shared.start("nothing_of_that_name")


def test_an_application_that_breaks_later_is_tried_again(make: Make, tmp_path: Path) -> None:
    text = "from leasehold.flow.registry import Registry\nr = Registry()\n"
    text += "import os\nr.add(lambda: os._exit(1), name='die')\nr.add(lambda: 7, name='seven')\n"
    bench = make(spec=app(tmp_path, text))
    assert bench.run("seven").result == "7"
    app(tmp_path, "half a fi")
    bench.run("die")
    run_id = bench.start("seven")
    bench.turn()
    app(tmp_path, text)
    assert bench.end(run_id).result == "7"


def test_a_script_is_loaded_without_running_its_main_block(make: Make, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("SEVEN = 7\n")
    text = "from leasehold.flow.registry import Registry\nfrom beside import SEVEN\nimport sys\nr = Registry()\n"
    text += "r.add(lambda: [SEVEN, sys.argv], name='seven')\nif __name__ == '__main__':\n    raise SystemExit(1)\n"
    spec = app(tmp_path, text)
    assert make(spec=spec).run("seven").result == f'[7, ["{spec}"]]'
