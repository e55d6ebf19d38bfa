"""The filter language."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasehold.core.errors import BadCursor, BadFilter
from leasehold.core.filters import OLDEST, STATES, Choice, Filter, check_groups, parse, quoted, term

HOUR = 3_600_000


def test_a_filter_has_a_length() -> None:
    assert parse("id:" + ",".join(["0199c3a1"] * 100)).id.wanted
    with pytest.raises(BadFilter, match="a filter of 10,001 characters is over 10,000"):
        parse("x" * 10_001)


def test_an_empty_filter_asks_for_nothing() -> None:
    assert parse("") == parse("   ") == Filter()


def test_values_of_one_key_are_alternatives() -> None:
    assert parse("name:b,a name:c").name == Choice(("a", "b", "c"))


def test_a_minus_excludes() -> None:
    assert parse("-name:a queue:x -queue:y,z") == Filter(name=Choice((), ("a",)), queue=Choice(("x",), ("y", "z")))


def test_values_may_be_quoted() -> None:
    assert parse('name:"two words","a,b",c').name == Choice(("a,b", "c", "two words"))
    assert parse('key:"say ""go""","""" name:a').key == Choice(('"', 'say "go"'))
    assert parse('key:"it: is -a value"').key == Choice(("it: is -a value",))


def test_values_may_hold_almost_anything() -> None:
    assert parse("key:s3://bucket/a-b_c.wav batch:2024-11 id:0190").key == Choice(("s3://bucket/a-b_c.wav",))


@pytest.mark.parametrize(
    ("filter_", "states"),
    [
        ("status:failed", ["failed"]),
        ("status:failed,completed", ["completed", "failed"]),
        ("why:lapsed", ["pending/lapsed"]),
        ("status:pending -why:due,queued,lapsed", ["pending/blocked", "pending/scheduled"]),
        ("-status:pending,completed", ["in_progress", "failed", "cancelled"]),
        ("status:failed why:due", []),
        ("STATUS:failed", ["failed"]),
    ],
)
def test_status_and_why_leave_states(filter_: str, states: list[str]) -> None:
    assert list(parse(filter_).states) == states


@pytest.mark.parametrize(
    ("filter_", "older", "younger"),
    [
        ("age:>1h", HOUR, None),
        ("age:<30m", 0, HOUR // 2),
        ("age:>=1h,<2h", HOUR, 2 * HOUR),
        ("age:<2h age:<1h age:>1s age:>2s", 2_000, HOUR),
        ("age:>99999999999999d", OLDEST, None),
        ("-age:>1h", 0, HOUR),
        ("-age:<1h", HOUR, None),
    ],
)
def test_ages_leave_a_span(filter_: str, older: int, younger: int | None) -> None:
    asked = parse(filter_)
    assert (asked.older, asked.younger) == (older, younger)
    assert asked.states == STATES


@pytest.mark.parametrize(
    ("filter_", "sentence"),
    [
        ("stauts:failed", "there is no filter 'stauts'. Did you mean 'status'?"),
        ("colour:red", "there is no filter 'colour'. Filters: status, why"),
        ("status:faild", "status:faild: no task has that. Did you mean 'failed'?"),
        ("why:later", "why:later: no task has that. Known: blocked, scheduled, due, queued, lapsed"),
        ("failed", "'failed' has no key. Write id:failed or key:failed"),
        ('name:"open', "'name:\"open' does not parse"),
        ("name:", "'name:' does not parse"),
        ("name:a,", "'name:a,' does not parse"),
        ('name:"a"b', "does not parse"),
        ("age:1h", "age:1h does not say whether older or younger. Write age:>1h or age:<1h"),
        ("age:>soon", "age:>soon: 'soon' is no duration"),
    ],
)
def test_what_does_not_parse_is_told_with_what_was_meant(filter_: str, sentence: str) -> None:
    with pytest.raises(BadFilter) as refused:
        parse(filter_)
    assert sentence in str(refused.value)


def test_a_cursor_is_read_by_its_own_filter() -> None:
    asked = parse("name:a,b status:failed")
    assert parse("status:failed  name:b,a").position(asked.cursor(1234567)) == 1234567


def test_a_cursor_of_another_filter_is_refused() -> None:
    with pytest.raises(BadCursor, match="belongs to another filter"):
        parse("name:b").position(parse("name:a").cursor(1))


@pytest.mark.parametrize("cursor", ["", "nonsense", "ä", "MTIz", "=", "////", Filter().cursor(2**63)])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(BadCursor, match="is no page cursor"):
        parse("").position(cursor)


@given(st.text())
def test_every_text_is_understood_or_refused(text: str) -> None:
    try:
        asked = parse(text)
    except BadFilter as refused:
        assert str(refused)  # noqa: PT017 - whichever it is, it must be one of the two
    else:
        assert asked.position(asked.cursor(5)) == 5


@given(st.lists(st.text(), min_size=1))
def test_every_value_can_be_quoted(values: list[str]) -> None:
    """An argument may be any text."""
    asked = parse("args.x:" + ",".join(map(quoted, values)))
    assert asked.args == (("x", Choice(tuple(sorted(set(values))))),)


@pytest.mark.parametrize("key", ["name", "queue", "batch", "key", "group", "id", "status", "age"])
@pytest.mark.parametrize("odd", ["\0", "\ud800"])
def test_what_not_every_ledger_can_store_is_refused(key: str, odd: str) -> None:
    """PostgreSQL would be asked for another text than was counted."""
    for minus in ("", "-"):
        with pytest.raises(BadFilter, match=r"which no \w+ of a task has. Leave that sign out") as refused:
            parse(minus + term(key, f"a{odd}b"))
        assert str(refused.value).isprintable()


@pytest.mark.parametrize("key", ["group", "id"])
def test_a_beginning_has_a_length(key: str) -> None:
    with pytest.raises(BadFilter, match=f'{key}:"" begins all of them'):
        parse(term(key, ""))


def test_a_filter_may_mean_so_many_groups() -> None:
    check_groups(["a", "b"], 100, 100)
    with pytest.raises(BadFilter, match="group:a,b begins the ids of over 100 groups of failures"):
        check_groups(["a", "b"], 101, 100)


def test_a_cursor_is_the_same_whatever_the_version_of_python_can_print() -> None:
    """This sign is printed as it is from Python 3.12 on."""
    assert parse(term("name", "\U0001fa77")).fingerprint == "6c26b16d"


@given(st.lists(st.text(st.characters(exclude_characters='"\0', exclude_categories=["Cs"]), min_size=1), min_size=1))
def test_filters_written_before_a_quote_could_be_mean_the_same(values: list[str]) -> None:
    asked = parse("key:" + ",".join(f'"{value}"' for value in values))
    assert asked.key == Choice(tuple(sorted(set(values))))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a-b_c.wav", "key:a-b_c.wav"),
        ("two words", 'key:"two words"'),
        ('say "x"', 'key:"say ""x"""'),
        ("", 'key:""'),
        ("a,b", 'key:"a,b"'),
        ("\\", 'key:"\\"'),
    ],
)
def test_values_are_quoted_where_they_must_be(value: str, written: str) -> None:
    assert term("key", value) == written
    assert parse(written).key == Choice((value,))


def test_arguments_are_asked_for_by_name() -> None:
    asked = parse('args.episode:42,"a b" -args.Source.bucket:in Args.episode:7')
    assert asked.args == (("Source.bucket", Choice((), ("in",))), ("episode", Choice(("42", "7", "a b"))))
    assert asked == parse('-args.Source.bucket:in args.episode:7,42 args.episode:"a b"')
    assert asked.fingerprint != parse("args.episode:42").fingerprint


@pytest.mark.parametrize(
    ("filter_", "sentence"),
    [
        ("args:x", "there is no filter 'args'. Did you mean 'args.NAME'?"),
        ("arg.episode:x", "there is no filter 'arg.episode'."),
        ("args.:x", "args. names no argument. Write args.NAME:value"),
        ("args.a..b:x", "args.a..b names no argument"),
        (f"args.{'a' * 101}:x", "a name of 101 characters is over 100"),
        (
            " ".join(f"args.a{nth}:x" for nth in range(11)),
            "may speak of 10 arguments at most, and this one speaks of 11",
        ),
        ("args.a:", "'args.a:' does not parse"),
    ],
)
def test_names_that_no_argument_can_have_are_told(filter_: str, sentence: str) -> None:
    with pytest.raises(BadFilter) as refused:
        parse(filter_)
    assert sentence in str(refused.value)
