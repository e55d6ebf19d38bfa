"""Sets of rows as PostgreSQL takes them fastest: array literals for ``unnest``, and lines for ``COPY``.

psycopg's own adaptation of Python lists costs three times as much as a text made here, and its row by row ``COPY`` too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import repeat

Values = Sequence[object]
NUL, INSTEAD = "\0", "\ufffd"
"""PostgreSQL keeps no NUL in a text; the sign for what cannot be shown takes its place."""
SPECIAL = "\\\n\r\t"
"""What stands for something else in a line of ``COPY``."""


def array_of(kind: str, values: Values) -> str:
    """One column as an array literal. ``kind`` is the type of its elements."""
    return ARRAYS.get(kind, plain_array)(values)


def texts_array(texts: Sequence[str]) -> str:
    """Texts, none of them null, as an array literal."""
    return text_array(texts) if texts else "{}"


def plain_array(values: Values) -> str:
    """Of numbers and truth values, whose Python names PostgreSQL reads too."""
    joined = ",".join(map(str, values))
    return f"{{{joined.replace('None', 'NULL') if None in values else joined}}}"


def text_array(values: Values) -> str:
    """Of texts."""
    if None in values:
        return without_nul("{" + ",".join(["NULL" if value is None else quoted(value) for value in values]) + "}")
    joined = '","'.join(map(str, values))
    if "\\" in joined or joined.count('"') != 2 * (len(values) - 1):
        return without_nul("{" + ",".join(map(quoted, values)) + "}")
    return without_nul(f'{{"{joined}"}}')


def bytes_array(values: Values) -> str:
    """Of bytes."""
    return "{" + ",".join([f'"\\\\x{value.hex()}"' if isinstance(value, bytes) else "NULL" for value in values]) + "}"


ARRAYS: dict[str, Callable[[Values], str]] = {"TEXT": text_array, "BYTEA": bytes_array}


def quoted(value: object) -> str:
    """One text within an array literal."""
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def without_nul(text: str) -> str:
    """The text as PostgreSQL can keep it."""
    return text.replace(NUL, INSTEAD) if NUL in text else text


def storable(value: object) -> object:
    """One value beside a set: a text as PostgreSQL keeps it, so that what was written is found by the same words."""
    return without_nul(value) if isinstance(value, str) else value


def lines_of(kinds: Sequence[str], rows: Sequence[Values]) -> bytes:
    """Rows as ``COPY`` reads them. What is the same in all of them is written once."""
    fields: list[Iterable[str]] = []
    same: list[str] = []
    for kind, column in zip(kinds, zip(*rows, strict=True), strict=True):
        if column.count(column[0]) == len(column):
            same += fields_of(kind, column[:1])
            continue
        if same:
            fields.append(repeat("\t".join(same), len(rows)))
            same = []
        fields.append(fields_of(kind, column))
    if same:
        fields.append(repeat("\t".join(same), len(rows)))
    lines = "\n".join(map("\t".join, zip(*fields, strict=True)))
    return f"{without_nul(lines)}\n".encode()


def fields_of(kind: str, values: Values) -> Iterable[str]:
    """One column, field by field."""
    return text_fields(values) if kind == "TEXT" else plain_fields(values)


def plain_fields(values: Values) -> Iterable[str]:
    """Numbers and truth values."""
    return ["\\N" if value is None else str(value) for value in values] if None in values else map(str, values)


def text_fields(values: Values) -> Iterable[str]:
    """Texts."""
    if None in values:
        return ["\\N" if value is None else escaped(str(value)) for value in values]
    texts = list(map(str, values))
    joined = "".join(texts)
    return list(map(escaped, texts)) if any(sign in joined for sign in SPECIAL) else texts


def escaped(text: str) -> str:
    """One text within a line."""
    for sign, written in ESCAPES:
        if sign in text:
            text = text.replace(sign, written)
    return text


ESCAPES = (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"))
"""The backslash first: it is in all the others."""
