"""Rows of a CSV or JSON-lines file, one at a time, with their numbers."""

from __future__ import annotations

import csv
import json
import shlex
import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import IO, NamedTuple, cast

from leasehold.cli.output import plural
from leasehold.core.errors import UsageError
from leasehold.core.suggest import did_you_mean
from leasehold.flow.arguments import Parameters

STDIN = "-"
CSV, TSV, JSONL = "csv", "tsv", "jsonl"
FORMATS = (CSV, TSV, JSONL)
_SUFFIXES = {".csv": CSV, ".tsv": TSV, ".jsonl": JSONL, ".ndjson": JSONL, ".json": JSONL}
LONGEST_FIELD = 2**30
"""Characters of one CSV field; Python's own limit of 128 Ki is too small for transcripts."""


class Row(NamedTuple):
    """One row: its number (the first one is 1) and its values by name, or what is wrong with it."""

    number: int
    values: dict[str, object]
    wrong: str | None = None


class Rows(NamedTuple):
    """The rows of one file. ``columns``: those of its header, or of its first object; none for an empty file."""

    name: str
    columns: Sequence[str]
    rows: Iterator[Row]
    fixed: bool
    """Every row has these columns."""


@contextmanager
def open_rows(path: str, format_: str | None) -> Generator[Rows]:
    """The rows of a file, or of standard input (``-``), read as they are asked for."""
    name = "standard input" if path == STDIN else path
    try:
        with ExitStack() as stack:
            raw = sys.stdin.buffer if path == STDIN else stack.enter_context(Path(path).open("rb"))
            file = TextIOWrapper(raw, encoding="utf-8-sig", newline="")
            stack.callback(file.detach)
            yield read(file, name, format_ or _SUFFIXES.get(Path(path).suffix.lower()))
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is no UTF-8 text ({error.reason} at byte {error.start}): convert it first") from error
    except csv.Error as error:
        raise UsageError(f"{name} is no CSV: {error}") from error


def read(file: IO[str], name: str, format_: str | None) -> Rows:
    """The rows of an open file; without a format, a first line that begins with ``{`` means JSON lines."""
    rest = lines_of(file, name)
    first = next(rest, "")
    lines = chain([first] if first else [], rest)
    if first.lstrip().startswith("["):
        raise UsageError(f"{name} begins like a JSON array; write one object per line (jq -c '.[]' does that)")
    if format_ == JSONL or (format_ is None and first.lstrip().startswith("{")):
        return json_rows(lines, name)
    return csv_rows(lines, name, "\t" if format_ == TSV else ",")


def lines_of(file: IO[str], name: str) -> Iterator[str]:
    """Its lines, none of them longer than the arguments of any task may be."""
    number = 0
    while line := file.readline(LONGEST_FIELD):
        number += 1
        if len(line) >= LONGEST_FIELD:
            raise UsageError(
                f"line {number:,} of {name} has {LONGEST_FIELD:,} characters or more. Put large data elsewhere"
            )
        yield line


def csv_rows(lines: Iterable[str], name: str, delimiter: str) -> Rows:
    """The rows below a header line."""
    csv.field_size_limit(LONGEST_FIELD)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    columns = [column.strip() for column in next(reader, list[str]())]
    if not columns:
        raise UsageError(f"{name} is empty: its first line has to name the columns")
    if twice := sorted({column for column in columns if columns.count(column) > 1}):
        raise UsageError(f"{name} has the column {twice[0]!r} twice")
    return Rows(name, columns, _csv_rows(reader, columns), fixed=True)


def _csv_rows(reader: Iterable[list[str]], columns: Sequence[str]) -> Iterator[Row]:
    for number, cells in enumerate(filter(None, reader), 1):
        if len(cells) != len(columns):
            yield Row(number, {}, f"it has {plural(len(cells), 'value')}, the header has {len(columns)}")
        else:
            yield Row(number, dict(zip(columns, cells, strict=True)))


def json_rows(lines: Iterable[str], name: str) -> Rows:
    """One JSON object per line."""
    rows = _json_rows(lines)
    first = next(rows, None)
    return Rows(name, list(first.values) if first else [], chain([first] if first else [], rows), fixed=False)


def _json_rows(lines: Iterable[str]) -> Iterator[Row]:
    number = 0
    for line in lines:
        if not line.strip():
            continue
        number += 1
        try:
            value: object = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Row(number, {}, f"it is no JSON ({error})")
            continue
        if isinstance(value, dict):
            yield Row(number, cast("dict[str, object]", value))
        else:
            yield Row(number, {}, f"it is no JSON object but {line.strip()[:40]!r}")


def check_key(rows: Rows, key: str | None) -> None:
    """Refuse a key that is no column, before anything is stored."""
    if key is not None and rows.fixed and key not in rows.columns:
        known = f" Its columns: {', '.join(rows.columns) or 'none'}"
        raise UsageError(f"{rows.name} has no column {key!r} for --key.{did_you_mean(key, rows.columns) or known}")


def check_columns(rows: Rows, handler: str, parameters: Parameters, given: Sequence[str], left: Sequence[str]) -> None:
    """Refuse a file whose columns do not fit, before anything is stored.

    ``given``: arguments that every row gets anyhow; ``left``: columns that are not meant as arguments.
    """
    takes = ", ".join(parameters.names) or "no arguments"
    for column in () if parameters.open else rows.columns:
        if column not in parameters.names and column not in left:
            hint = did_you_mean(column, parameters.names) or f" To leave the column out: --ignore {shlex.quote(column)}"
            raise UsageError(
                f"handler {handler!r} has no argument {column!r} (a column of {rows.name}). It takes: {takes}.{hint}"
            )
    missing = [name for name in parameters.names if name in parameters.required - {*rows.columns, *given}]
    if missing and rows.fixed:
        raise UsageError(
            f"{rows.name} has no column {missing[0]!r}, which handler {handler!r} needs. "
            f"Its columns: {', '.join(rows.columns) or 'none'}. For one value in every row: --set {missing[0]}=VALUE"
        )
