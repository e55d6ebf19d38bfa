"""Arguments: checked against the hints, written as JSON, and the same when they are read."""

import dataclasses
import datetime as dt
import enum
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretBytes, SecretStr
from pydantic import Secret as Covered

from leasehold.core.errors import BadApplication, BadArguments, BadResult
from leasehold.core.secret import Secret
from leasehold.flow.arguments import Arguments, dump_result, exact, hints_of, parameters_of


class Colour(enum.Enum):
    RED = "red"


class Size(BaseModel):
    width: int
    height: int = 1


@dataclasses.dataclass
class Point:
    x: float


def of(function: Callable[..., object], name: str = "transcribe") -> Arguments:
    return Arguments(name, parameters_of(name, function), partial(hints_of, name, function))


def transcribe(source: str, language: str = "en") -> str:
    return source + language


ROUND_TRIPS: list[tuple[object, object]] = [
    (str, "grün"),
    (int, 7),
    (float, 1.5),
    (bool, True),
    (None, None),
    (int | None, None),
    (int | str, "x"),
    (list, [1, "x", None]),
    (dict, {"x": [1]}),
    (list[int], [1, 2]),
    (dict[str, float], {"x": 1.5}),
    (list[dict[str, int | None]], [{"x": None}]),
    (Any, {"x": [1, {"y": None}]}),
    (object, "x"),
    (Path, Path("a/b")),
    (dt.datetime, dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC)),
    (dt.timedelta, dt.timedelta(seconds=3)),
    (set[int], {1, 2}),
    (tuple[int, str], (1, "x")),
    (Literal["a", "b"], "b"),
    (Colour, Colour.RED),
    (Size, Size(width=3)),
    (Point, Point(1.0)),
    (Annotated[int, Field(gt=0)], 3),
    (list[Size] | None, [Size(width=1)]),
]


@pytest.mark.parametrize(("hint", "value"), ROUND_TRIPS, ids=[str(hint) for hint, _ in ROUND_TRIPS])
def test_what_fits_a_hint_is_the_same_after_json(hint: object, value: object) -> None:
    def function(x: object) -> None:
        del x

    function.__annotations__["x"] = hint
    arguments = of(function)
    assert arguments.coerce(arguments.bind((value,), {})) == {"x": value}


def test_arguments_go_by_place_or_by_name() -> None:
    assert json.loads(of(transcribe).bind(("a.wav",), {"language": "de"})) == {"source": "a.wav", "language": "de"}
    assert json.loads(of(transcribe).bind((), {"source": "a.wav"})) == {"source": "a.wav"}


@pytest.mark.parametrize(
    ("positional", "named", "message"),
    [
        (
            (),
            {"source": "a", "lang": "de"},
            "has no argument 'lang'. It takes: source, language. Did you mean 'language'?",
        ),
        ((), {"language": "de"}, "needs an argument 'source'. It takes: source, language."),
        (("a", "b", "c"), {}, "takes 2 arguments, not 3. It takes: source, language."),
        (("a",), {"source": "b"}, "was given 'source' twice. It takes: source, language."),
    ],
)
def test_names_must_fit(positional: tuple[object, ...], named: dict[str, object], message: str) -> None:
    with pytest.raises(BadArguments) as caught:
        of(transcribe).bind(positional, named)
    assert str(caught.value) == f"handler 'transcribe' {message}"


def test_a_handler_without_arguments_says_so() -> None:
    with pytest.raises(BadArguments, match=r"It takes: no arguments\."):
        of(lambda: None).bind((1,), {})


def count(n: int, ratio: float = 0, *, flags: list[bool] | None = None) -> None:
    del n, ratio, flags


def test_text_becomes_what_the_hint_says() -> None:
    """Rows of a CSV file hold nothing but text."""
    bound = of(count).bind((), {"n": "3", "ratio": "1.5", "flags": ["true", "0"]})
    assert json.loads(bound) == {"n": 3, "ratio": 1.5, "flags": [True, False]}


@pytest.mark.parametrize("value", ["three", 1.5, None, True and "yes", [3]])
def test_a_value_that_does_not_fit_is_named(value: object) -> None:
    with pytest.raises(BadArguments, match=r"handler 'count' cannot take .* for 'n': input should be a valid int"):
        of(count, "count").bind((value,), {})


def test_where_inside_a_value_it_does_not_fit_is_said() -> None:
    with pytest.raises(BadArguments, match=r"for 'flags'.*\(at \[1\]\)"):
        of(count, "count").bind((1,), {"flags": [True, "maybe"]})


def test_a_long_value_is_not_shown_whole() -> None:
    with pytest.raises(BadArguments) as caught:
        of(count).bind(("x" * 10_000,), {})
    assert len(str(caught.value)) < 300


NO_JSON: list[object] = [float("nan"), float("inf"), [float("nan")], {1: 2}, object(), {"x": {1, 2}}, b"\xff"]


@pytest.mark.parametrize("value", NO_JSON)
def test_what_json_cannot_carry_is_refused(value: object) -> None:
    def untyped(x) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001 - the missing hint is the point
        del x

    with pytest.raises(BadArguments, match="JSON"):
        of(untyped).bind((value,), {})


def test_a_number_that_is_none_is_refused_for_a_float() -> None:
    with pytest.raises(BadArguments, match="JSON"):
        of(count).bind((1, float("nan")), {})


def test_tuples_become_lists_where_no_hint_says_otherwise() -> None:
    def untyped(x: Any) -> None:  # noqa: ANN401 - any value is the point
        del x

    assert of(untyped).bind(((1, (2,)),), {}) == '{"x":[1,[2]]}'


def test_further_names_are_taken_by_handlers_that_do() -> None:
    def open_handed(a: int, **rest: int) -> None:
        del a, rest

    arguments = of(open_handed)
    assert json.loads(arguments.bind((), {"a": 1, "b": "2"})) == {"a": 1, "b": 2}
    assert arguments.coerce('{"a": 1, "b": 2}') == {"a": 1, "b": 2}
    with pytest.raises(BadArguments, match="for 'b'"):
        arguments.bind((), {"a": 1, "b": "x"})


@pytest.mark.parametrize("text", ["[]", '"x"', "1"])
def test_only_an_object_is_read(text: str) -> None:
    with pytest.raises(BadArguments, match="no JSON object"):
        of(transcribe).coerce(text)


def test_what_another_version_was_given_is_checked_again() -> None:
    with pytest.raises(BadArguments, match="no argument 'voice'"):
        of(transcribe).coerce('{"source": "a", "voice": "b"}')
    with pytest.raises(BadArguments, match="cannot take 3 for 'source'"):
        of(transcribe).coerce('{"source": 3}')


@pytest.mark.parametrize("function", [lambda *files: files, lambda a, /: a], ids=["*files", "a, /"])
def test_arguments_need_names(function: Callable[..., object]) -> None:
    with pytest.raises(BadApplication, match="need names"):
        of(function)


def test_a_hint_that_names_nothing_is_said_at_first_use() -> None:
    def broken(x: "NoSuchThing") -> None:  # type: ignore[name-defined] # noqa: F821 - the missing name is the point
        del x

    with pytest.raises(BadApplication, match="NoSuchThing"):
        of(broken).bind((1,), {})


def test_a_hint_that_json_cannot_carry_is_said() -> None:
    class Opaque: ...

    def broken(x: Opaque) -> None:
        del x

    broken.__annotations__["x"] = Opaque
    with pytest.raises(BadApplication, match=r"argument 'x' .* cannot carry"):
        of(broken).bind((Opaque(),), {})


def test_wrapped_partial_and_callable_handlers_keep_their_hints() -> None:
    @wraps(count)
    def wrapped(*args: object, **kwargs: object) -> None:
        del args, kwargs

    class Job:
        def __call__(self, n: int) -> None: ...

        def method(self, n: int) -> None: ...

    for function in (wrapped, partial(count, ratio=2.0), Job(), Job().method):
        assert json.loads(of(function).bind((), {"n": "3"})) == {"n": 3}


# -- the fast way is the same way --------------------------------------------------------------------------------------
HINTS = [str, int, float, bool, type(None), int | None, list[int], dict[str, float], list[str | None], Any, list, dict]
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(HINTS), plain)
def test_whatever_is_taken_as_it_is_pydantic_takes_as_it_is(hint: object, value: object) -> None:
    from pydantic import TypeAdapter

    check = exact(hint)
    assert check is not None
    if check(value):
        taken = TypeAdapter(hint).validate_json(json.dumps(value))  # type: ignore[arg-type] - hints are given as values
        assert repr(taken) == repr(json.loads(json.dumps(value)))


def test_plain_handlers_need_no_pydantic() -> None:
    code = """
import sys
from functools import partial
from leasehold.flow.arguments import Arguments, dump_result, hints_of, parameters_of
def f(a: str, b: int | None = None, c: list[float] | None = None): pass
arguments = Arguments("f", parameters_of("f", f), partial(hints_of, "f", f))
assert arguments.coerce(arguments.bind(("x",), {"b": 3, "c": [1.5]})) == {"a": "x", "b": 3, "c": [1.5]}
dump_result("f", {"x": 1})
assert not {"pydantic", "pydantic_core"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": os.pathsep.join(sys.path)})


# -- results -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        ({"x": (1, 2)}, '{"x": [1, 2]}'),
        (dt.date(2024, 2, 29), '"2024-02-29"'),
        (Size(width=2), '{"width": 2, "height": 1}'),
        (Point(1.0), '{"x": 1.0}'),
        ({1}, "[1]"),
        (Path("a/b"), '"a/b"'),
        ("\ud800", '"\\ud800"'),
    ],
)
def test_a_result_is_written_as_json(value: object, text: str) -> None:
    assert dump_result("f", value) == text


@pytest.mark.parametrize("value", [object(), float("nan"), [dt.date(2024, 1, 1), float("inf")], lambda: None])
def test_a_result_that_is_no_json_is_refused(value: object) -> None:
    with pytest.raises(BadResult, match="handler 'f' returned"):
        dump_result("f", value)


def test_a_result_within_itself_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(BadResult):
        dump_result("f", endless)


# ------------ secrets


class Login(BaseModel):
    user: str
    password: SecretStr


@dataclasses.dataclass
class Note:
    at: dt.date
    text: object


def taking(hint: object) -> Arguments:
    def login(x: object) -> None:
        pass

    login.__annotations__["x"] = hint
    return of(login, "login")


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (SecretStr, "hunter2"),
        (SecretStr, SecretStr("hunter2")),
        (SecretBytes, b"hunter2"),
        (SecretStr | None, SecretStr("hunter2")),
        (Covered[str], "hunter2"),
        (list[SecretStr], ["hunter2"]),
        (dict[str, SecretStr], {"x": "hunter2"}),
        (Login, Login(user="ann", password=SecretStr("hunter2"))),
        (Login, {"user": "ann", "password": "hunter2"}),
        (Any, SecretStr("hunter2")),
        (dict, {"x": [SecretStr("hunter2")]}),
    ],
    ids=repr,
)
def test_a_secret_of_pydantics_is_refused_for_it_would_arrive_as_asterisks(hint: object, value: object) -> None:
    with pytest.raises(BadArguments, match=r"Use leasehold\.Secret as its hint") as caught:
        taking(hint).bind([value], {})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (str, Secret("hunter2")),
        (str, SecretStr("hunter2")),
        (Any, Secret("hunter2")),
        (Any, [Secret("hunter2")]),
        (dict, {"x": Secret("hunter2")}),
        (int, Secret("hunter2")),
        (Secret, SecretStr("hunter2")),
        (Secret, ["hunter2"]),
        (list[Secret] | None, "hunter2"),
    ],
    ids=repr,
)
def test_a_secret_under_another_hint_is_refused_without_a_word_of_it(hint: object, value: object) -> None:
    with pytest.raises(BadArguments) as caught:
        taking(hint).bind([value], {})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("value", ["hunter2", Secret("hunter2"), "**********"])
def test_a_secret_under_its_own_hint_arrives_as_it_is(value: str | Secret) -> None:
    arguments = taking(Secret)
    text = value.reveal() if isinstance(value, Secret) else value
    assert arguments.coerce(arguments.bind([value], {})) == {"x": Secret(text)}


@pytest.mark.parametrize(
    "value",
    [
        SecretStr("hunter2"),
        SecretBytes(b"hunter2"),
        [1, SecretStr("hunter2")],
        {"x": (SecretStr("hunter2"),)},
        Login(user="ann", password=SecretStr("hunter2")),
        Note(dt.date(2027, 1, 15), {SecretStr("hunter2")}),
    ],
    ids=repr,
)
def test_a_result_with_a_secret_of_pydantics_is_refused_for_it_would_be_lost(value: object) -> None:
    with pytest.raises(BadResult, match="the value would be lost") as caught:
        dump_result("login", value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("value", [Secret("hunter2"), [Secret("hunter2")], {"x": Secret("hunter2")}], ids=repr)
def test_a_result_with_a_secret_is_refused_without_a_word_of_it(value: object) -> None:
    with pytest.raises(BadResult, match="what JSON cannot hold") as caught:
        dump_result("login", value)
    assert "hunter2" not in str(caught.value)


def test_a_result_that_only_looks_covered_is_taken() -> None:
    assert json.loads(dump_result("login", Note(dt.date(2027, 1, 15), "**********")))["text"] == "**********"
