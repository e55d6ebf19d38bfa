"""Arguments as filters look for them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasehold.core.errors import BadFilter
from leasehold.core.filters import Choice
from leasehold.core.finding import PLAIN, check_shown, fitting, indexable, kept, text_at
from leasehold.core.redaction import Redaction

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@pytest.mark.parametrize(
    ("arguments", "name", "text"),
    [
        ('{"a": "x"}', "a", "x"),
        ('{"a": 1.50}', "a", "1.50"),
        ('{"a": 1e400}', "a", "1e400"),
        ('{"a": NaN}', "a", "NaN"),
        (f'{{"a": {"9" * 5_000}}}', "a", "9" * 5_000),
        ('{"a": true}', "a", "true"),
        ('{"a": null}', "a", "null"),
        ('{"a": {"b": {"c": "x"}}}', "a.b.c", "x"),
        ('{"a": {"b": "x"}}', "a", None),
        ('{"a": ["x"]}', "a.0", None),
        ('{"a": "x"}', "a.b", None),
        ('{"a": "x"}', "b", None),
        ("[1]", "a", None),
        ("{", "a", None),
        ("[" * 200_000, "a", None),
        (None, "a", None),
    ],
)
def test_scalars_have_a_text(arguments: str | None, name: str, text: str | None) -> None:
    assert text_at(arguments, name) == text


@given(SCALARS, SCALARS)
def test_an_index_tells_apart_what_differs(one: object, other: object) -> None:
    texts = [text_at(json.dumps({"a": each}), "a") for each in (one, other)]
    first, second = texts
    assert first is not None
    assert second is not None
    assert (kept(first) == kept(second)) is (first == second)


@given(st.text())
def test_what_an_index_keeps_is_short_and_every_database_can_store_it(text: str) -> None:
    found = kept(text)
    assert len(found) <= PLAIN + len("sha256:")
    assert found.encode().decode() == found
    assert "\0" not in found
    assert kept(found) == found or len(found) > PLAIN


@pytest.mark.parametrize("text", ["\U0001fa77", "ä", "a\x7f", "a\n", "\xa0", "x" * 65])
def test_an_index_keeps_plain_what_every_version_of_python_can_print(text: str) -> None:
    """The first of these only since 3.12: an index written by one version is asked by another."""
    assert kept(text).startswith("sha256:")
    assert kept("".join(map(chr, range(32, 96)))) == "".join(map(chr, range(32, 96)))
    assert kept(text[:64].encode("ascii", "replace").decode().strip()).isprintable()


def test_what_cannot_be_read_fits_nothing() -> None:
    asked = [("a", Choice((), ("x",)))]
    assert fitting('{"a": "y"}', asked)
    assert fitting("{}", asked)
    assert not fitting('{"a": "x"}', asked)
    assert not fitting(None, asked)
    assert not fitting("no JSON", asked)


def test_what_is_shown_to_nobody_is_neither_asked_for_nor_indexed() -> None:
    redaction = Redaction(["patient"])
    assert indexable(["b", "a", "a", "token", "login.password", "patient.name"], redaction) == ["a", "b"]
    check_shown([("a", Choice(("x",)))], redaction)
    for name in ("patient", "a.patient", "patient.name", "apiToken"):
        with pytest.raises(BadFilter, match=f"args.{name} is hidden"):
            check_shown([("a", Choice(("x",))), (name, Choice((), ("x",)))], redaction)
