"""Templates of commands: split once, filled argument by argument."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasehold.core.errors import BadApplication
from leasehold.flow.commands import Command


@given(st.text(st.characters(exclude_characters="\0")))
def test_a_value_is_one_argument_whatever_is_in_it(value: str) -> None:
    command = Command("c", "ffmpeg -i {source} 'out of {source}.ogg' {{x}}")
    assert command.argv({"source": value}) == ["ffmpeg", "-i", value, f"out of {value}.ogg", "{x}"]


@pytest.mark.parametrize(
    ("value", "written"), [(1, "1"), (1.5, "1.5"), (True, "true"), (False, "false"), (None, ""), ("{x}", "{x}")]
)
def test_plain_values_are_written_as_text(value: object, written: str) -> None:
    assert Command("c", "echo {x}").argv({"x": value}) == ["echo", written]


def test_a_shell_gets_the_line_with_quoted_values() -> None:
    command = Command("c", "cat {a} | sort > {b}", shell=True)  # noqa: S604 - the shell is the point
    assert command.argv({"a": "x y", "b": "$HOME; rm *"}) == ["/bin/sh", "-c", "cat 'x y' | sort > '$HOME; rm *'"]
    assert command.names == ("a", "b")


@pytest.mark.parametrize("template", ["echo '{x}' | cat", 'echo "a {x}"'])
def test_a_placeholder_in_a_shells_quotes_is_refused(template: str) -> None:
    with pytest.raises(BadApplication, match="inside quotes"):
        Command("c", template, shell=True)  # noqa: S604 - as above, the point
    assert Command("c", template).names == ("x",)  # without a shell, quotes only hold an argument together


@pytest.mark.parametrize(
    "template", ["echo {", "echo 'open", "echo {}", "echo {0}", "echo {x.y}", "echo {x!r:>3}", "", " "]
)
def test_a_template_must_parse(template: str) -> None:
    with pytest.raises(BadApplication, match="command 'c'"):
        Command("c", template)
