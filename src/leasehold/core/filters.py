"""The one filter language: what the command line, the API and the pages mean by ``status:failed age:>1h``.

Words are separated by spaces and mean *and*; values of one key are separated by commas (or given by repeating the key)
and mean *or*; a leading ``-`` means *not*. Values with spaces or commas are quoted: ``name:"two words"``; a quote in
one is written twice. Ages are compared, and all comparisons hold: ``age:>1h,<2d``. ``args.NAME:value`` asks for what an
argument is, ``args.source.bucket:value`` for what stands in one.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from leasehold.core.errors import BadCursor, BadFilter
from leasehold.core.model import Status, Why
from leasehold.core.suggest import did_you_mean
from leasehold.core.transitions import state_name
from leasehold.core.units import milliseconds

NO_GROUP = "none"
"""``group:none``: without an error, as a task is that failed because its machines went away too often."""

LONGEST = 10_000
"""Characters of a filter: some 250 ids."""

LAST_POSITION = 2**63 - 1
"""The highest number that a ledger can give a task."""

OLDEST = 2**48
"""ms, some 9,000 years: an age beyond that is this one, for no database takes a number of any size."""

STATES = tuple(
    state_name(status, why) for status in Status for why in (tuple(Why) if status is Status.PENDING else (None,))
)
"""Every state in which a task can be found."""

ARGUMENT = "args."
"""What the name of an argument stands behind."""

LONGEST_NAME = 100
"""Characters of an argument's name."""

MOST_NAMES = 10
"""Arguments of which one filter may speak: each is looked up in each task."""

MOST_IDS = 1_000
"""Tasks that a filter may name by how their ids begin, and groups that it may exclude so."""

MOST_GROUPS = 100
"""Groups that a filter may ask for: each is a range of an index to walk for each page."""

KEYS = ("status", "why", "name", "queue", "batch", "key", "group", "id", "age", f"{ARGUMENT}NAME")
CHOICES = {"status": tuple(map(str, Status)), "why": tuple(map(str, Why))}
LISTS = ("name", "queue", "batch", "key", "group", "id")
BEGINNINGS = ("group", "id")
"""Keys whose values are how something begins."""

_VALUE = r'"(?:[^"]|"")*"|[^\s",]+'
_PLAIN = re.compile(r"[\w./:-]+")
_WORD = re.compile(rf"\s*(?P<minus>-?)(?P<key>\w[\w.-]*):(?P<values>(?:{_VALUE})(?:,(?:{_VALUE}))*)(?=\s|$)")
_ONE = re.compile(_VALUE)
_ODD = re.compile(r"[\x00\ud800-\udfff]")
_CURSOR = re.compile(r"(\d{1,19}) ([0-9a-f]{8})")


class Choice(NamedTuple):
    """Values of which one is wanted (any value at all if there is none), and values that are not."""

    wanted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()


class Filter(NamedTuple):
    """A filter that parses. ``states`` are names as ``state_name`` writes them; ages are ms."""

    states: tuple[str, ...] = STATES
    name: Choice = Choice()
    queue: Choice = Choice()
    batch: Choice = Choice()
    key: Choice = Choice()
    group: Choice = Choice()
    id: Choice = Choice()
    older: int = 0
    """At least this old."""
    younger: int | None = None
    """At most this old."""
    args: tuple[tuple[str, Choice], ...] = ()
    """Names of arguments, in order, and what they are to be."""

    @property
    def fingerprint(self) -> str:
        """The same for filters that mean the same."""
        return hashlib.sha256(ascii(self).encode()).hexdigest()[:8]

    def cursor(self, position: int) -> str:
        """A place in the answer to this filter, as text that means nothing to anybody else."""
        return base64.urlsafe_b64encode(f"{position} {self.fingerprint}".encode()).decode().rstrip("=")

    def position(self, cursor: str) -> int:
        """The place that ``cursor`` made a cursor of. Raises ``BadCursor`` for one of another filter."""
        try:
            text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        except ValueError:
            text = ""
        match = _CURSOR.fullmatch(text)
        if match is None or int(match[1]) > LAST_POSITION:
            raise BadCursor(f"{cursor!r} is no page cursor. Take the one that came with the page before, or none")
        if match[2] != self.fingerprint:
            raise BadCursor("this page cursor belongs to another filter. Begin again without a cursor")
        return int(match[1])


class Term(NamedTuple):
    """One word of a filter."""

    key: str
    values: tuple[str, ...]
    negated: bool


def parse(text: str) -> Filter:
    """Read a filter. Raises ``BadFilter`` with what is wrong and what was probably meant."""
    if len(text) > LONGEST:
        raise BadFilter(
            f"a filter of {len(text):,} characters is over {LONGEST:,}; name a batch, or give ids one by one"
        )
    terms = list(terms_of(text))
    choices = {key: choice_of(key, terms) for key in LISTS}
    older, younger = ages_of(terms)
    return Filter(states=states_of(terms), older=older, younger=younger, args=args_of(terms), **choices)


def quoted(value: str) -> str:
    """A value as a filter takes it, whatever is in it: ``"two words"``."""
    return value if _PLAIN.fullmatch(value) else '"' + value.replace('"', '""') + '"'


def term(key: str, value: str) -> str:
    """A word of a filter: ``batch:"two words"``."""
    return f"{key}:{quoted(value)}"


def terms_of(text: str) -> Iterator[Term]:
    """The words of a filter, each with a known key and values that it may have."""
    rest = text.rstrip()
    while rest:
        word = _WORD.match(rest)
        if word is None:
            raise not_a_term(rest.split()[0])
        key, values = key_of(word["key"]), tuple(unquoted(one) for one in _ONE.findall(word["values"]))
        check(key, values)
        yield Term(key, values, bool(word["minus"]))
        rest = rest[word.end() :]


def key_of(written: str) -> str:
    """A key in lower case; the name of an argument stays as it is."""
    prefix = written[: len(ARGUMENT)].lower()
    return prefix + written[len(ARGUMENT) :] if prefix == ARGUMENT else written.lower()


def unquoted(written: str) -> str:
    """The value that stands there."""
    return written[1:-1].replace('""', '"') if written.startswith('"') else written


def not_a_term(word: str) -> BadFilter:
    """What to write instead of a word that has no key, or a damaged value."""
    if ":" not in word:
        return BadFilter(f"{word!r} has no key. Write id:{word} or key:{word}; there are: {', '.join(KEYS)}")
    return BadFilter(f'{word!r} does not parse. Write key:value or key:one,two; quote values with spaces: key:"a b"')


def check(key: str, values: Iterable[str]) -> None:
    """Raise ``BadFilter`` for a key that does not exist, or a value that it cannot have."""
    if key.startswith(ARGUMENT):
        check_name(key.removeprefix(ARGUMENT))
    elif key not in KEYS:
        raise BadFilter(f"there is no filter {key!r}.{did_you_mean(key, KEYS)} Filters: {', '.join(KEYS)}")
    for value in values:
        check_value(key, value)


def check_value(key: str, value: str) -> None:
    """Raise ``BadFilter`` for what a key cannot be. An argument may be any text."""
    if not key.startswith(ARGUMENT) and (odd := odd_sign(value)):
        raise BadFilter(f"{key}:{value!a} holds {odd!a}, which no {key} of a task has. Leave that sign out")
    if key in CHOICES and value not in CHOICES[key]:
        known = CHOICES[key]
        raise BadFilter(f"{key}:{value}: no task has that.{did_you_mean(value, known)} Known: {', '.join(known)}")
    if key in BEGINNINGS and not value:
        raise BadFilter(f'{key}:"" begins all of them. Write how the {key} begins, or leave the word out')


def odd_sign(text: str) -> str | None:
    """The first sign that not every ledger can store: NUL, or half a surrogate pair."""
    found = _ODD.search(text)
    return found and found[0]


def check_name(name: str) -> None:
    """Raise ``BadFilter`` for what cannot be the name of an argument, or of what stands in one."""
    if not all(name.split(".")):
        raise BadFilter(
            f"{ARGUMENT}{name} names no argument. Write {ARGUMENT}NAME:value, or {ARGUMENT}NAME.INNER:value"
        )
    if len(name) > LONGEST_NAME:
        raise BadFilter(f"{ARGUMENT}{name[:20]}...: a name of {len(name)} characters is over {LONGEST_NAME}")


def check_groups(beginnings: Iterable[str], groups: int, most: int) -> None:
    """Raise ``BadFilter`` where there are more groups that begin so than a filter may mean."""
    if groups > most:
        said = ",".join(beginnings)
        raise BadFilter(
            f"group:{said[:LONGEST_NAME]} begins the ids of over {most:,} groups of failures. Write more of the id, or "
            "filter by name: or batch: instead"
        )


def args_of(terms: Sequence[Term]) -> tuple[tuple[str, Choice], ...]:
    """What is said of arguments, by their names."""
    keys = sorted({term.key for term in terms if term.key.startswith(ARGUMENT)})
    if len(keys) > MOST_NAMES:
        raise BadFilter(f"a filter may speak of {MOST_NAMES} arguments at most, and this one speaks of {len(keys)}")
    return tuple((key.removeprefix(ARGUMENT), choice_of(key, terms)) for key in keys)


def choice_of(key: str, terms: Sequence[Term]) -> Choice:
    """All that is said of one key. The values are put in order, so that two spellings of one filter are equal."""

    def said(*, negated: bool) -> tuple[str, ...]:
        found = {value for term in terms if term.key == key and term.negated is negated for value in term.values}
        return tuple(sorted(found))

    return Choice(said(negated=False), said(negated=True))


def states_of(terms: Sequence[Term]) -> tuple[str, ...]:
    """The states that ``status`` and ``why`` leave."""
    status, why = choice_of("status", terms), choice_of("why", terms)
    parts = [(state, *state.partition("/")[::2]) for state in STATES]
    return tuple(state for state, of_status, of_why in parts if fits(status, of_status) and fits(why, of_why))


def fits(choice: Choice, value: str) -> bool:
    """Whether a choice leaves this value."""
    return (not choice.wanted or value in choice.wanted) and value not in choice.unwanted


def begins(choice: Choice, value: str) -> bool:
    """Whether a choice of beginnings leaves this value."""
    wanted = not choice.wanted or starts(value, choice.wanted)
    return wanted and not starts(value, choice.unwanted)


def grouped(choice: Choice, group: str | None) -> bool:
    """Whether a choice of groups leaves a task of this one."""
    if group is not None:
        return begins(choice, group)
    return (not choice.wanted or NO_GROUP in choice.wanted) and NO_GROUP not in choice.unwanted


def starts(value: str, beginnings: Sequence[str]) -> bool:
    """Whether a value begins with one of these."""
    return any(value.startswith(beginning) for beginning in beginnings)


def ages_of(terms: Iterable[Term]) -> tuple[int, int | None]:
    """The bounds that all comparisons of the age leave."""
    older, younger = 0, None
    for term in terms:
        if term.key == "age":
            for value in term.values:
                sign, ms = comparison(value)
                if (sign == ">") is not term.negated:
                    older = max(older, ms)
                else:
                    younger = ms if younger is None else min(younger, ms)
    return older, younger


def comparison(value: str) -> tuple[str, int]:
    """A sign and a duration."""
    sign, duration = value[:1], value[1:].removeprefix("=")
    if sign not in ("<", ">"):
        raise BadFilter(f"age:{value} does not say whether older or younger. Write age:>{value} or age:<{value}")
    try:
        return sign, min(milliseconds(duration), OLDEST)
    except ValueError as error:
        raise BadFilter(f"age:{value}: {error}") from error
