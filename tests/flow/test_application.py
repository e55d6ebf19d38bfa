"""Where the handlers of an application are found."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from leasehold.core.errors import BadApplication
from leasehold.flow.application import MAIN, command_spec, load

TEXT = """
from leasehold.flow.registry import Registry
first = Registry()
first.add(lambda: 1, name="one")

class App:
    registry = Registry()

NOT_ONE = 7
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to load from; what is loaded is forgotten afterwards."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    before = {*sys.modules}
    (tmp_path / "shop.py").write_text(TEXT)
    yield tmp_path
    for name in {*sys.modules} - before:
        del sys.modules[name]


@pytest.mark.parametrize("spec", ["shop:first", "shop.py:first", "./shop.py:first", "shop.py", "shop"])
def test_an_application_is_found_by_module_or_file(folder: Path, spec: str) -> None:
    assert [handler.name for handler in load(spec).all()] == ["one"]


def test_an_application_is_found_by_an_absolute_path(folder: Path) -> None:
    assert load(f"{folder}/shop.py").find("one")
    assert MAIN in sys.modules


def test_an_object_with_a_registry_is_an_application(folder: Path) -> None:
    (folder / "shop.py").write_text(f"{TEXT}\napp = App()\n")
    assert list(load("shop:app").all()) == []


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("shop:second", "'shop:second' has no 'second'; applications and tasks there: first"),
        ("shop:NOT_ONE", "is no application: it is a int, not an App"),
        ("shop:App", "is no application"),
        ("no_such_shop:app", "no module 'no_such_shop'"),
        ("no_such_shop.inner", "no module 'no_such_shop.inner'"),
        ("no_such_shop.py", "no file 'no_such_shop.py'"),
        ("folder/shop.py:app", "no file 'folder/shop.py'"),
        ("command:{}", "does not describe a command"),
        ("command:nonsense", "does not describe a command"),
        ('command:{"name": "x", "command": "echo {"}', "does not parse"),
    ],
)
def test_what_is_wrong_with_a_spec_is_said(folder: Path, spec: str, message: str) -> None:
    with pytest.raises(BadApplication, match=message):
        load(spec)


def test_a_module_that_fails_fails_with_its_own_error(folder: Path) -> None:
    (folder / "broken.py").write_text("import no_such_thing_inside\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_thing_inside"):
        load("broken:app")


def test_two_applications_need_a_name(folder: Path) -> None:
    (folder / "shop.py").write_text(f"{TEXT}\nsecond = Registry()\n")
    with pytest.raises(
        BadApplication, match=r"must have one application, found first, second; name it as shop.py:NAME"
    ):
        load("shop.py")


def test_one_application_may_have_two_names(folder: Path) -> None:
    (folder / "shop.py").write_text(f"{TEXT}\nsecond = first\n")
    assert load("shop.py").find("one")


def test_a_command_travels_in_its_spec() -> None:
    spec = command_spec("convert", "ffmpeg -i {source} {target}", shell=False, unrecoverable=[2])
    handler = load(spec).get("convert")
    assert handler.command is not None
    assert handler.command.argv({"source": "a", "target": "b"}) == ["ffmpeg", "-i", "a", "b"]
    assert handler.unrecoverable == (2,)
