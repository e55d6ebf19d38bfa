"""Whatever comes in has a limit: what is over it is refused in one sentence, and nothing is done."""

from __future__ import annotations

import io
from pathlib import Path
from unittest.mock import patch

import pytest

from leasehold.cli import rows
from leasehold.cli.submit import from_json
from leasehold.core.errors import BadArguments, BadFilter, BadSettings, UsageError
from leasehold.core.filters import parse
from leasehold.settings import LARGEST_FILE, read_settings

HOPELESS = ["key:" + "a" * 9_000 + '"', "key:" + "a," * 4_500, '"' * 9_000, "-" * 9_000, "a:" * 4_500]


@pytest.mark.parametrize("word", HOPELESS)
def test_a_filter_that_does_not_parse_is_refused_at_once(word: str) -> None:
    with pytest.raises(BadFilter):
        parse(word)


def test_a_file_of_settings_has_a_size(tmp_path: Path) -> None:
    (tmp_path / "leasehold.toml").write_text("#" * (LARGEST_FILE + 1))
    with pytest.raises(BadSettings, match="is larger than any file of settings"):
        read_settings(environ={}, folder=tmp_path)


def test_a_file_of_settings_that_nests_without_end_is_no_toml(tmp_path: Path) -> None:
    (tmp_path / "leasehold.toml").write_text("window = " + "[" * 100_000)
    with pytest.raises(BadSettings, match="cannot be read as TOML"):
        read_settings(environ={}, folder=tmp_path)


def test_a_line_of_a_file_has_a_length() -> None:
    with (
        patch.object(rows, "LONGEST_FIELD", 100),
        pytest.raises(UsageError, match=r"line 2 of rows.jsonl has 100"),
    ):
        list(rows.read(io.StringIO('{"a":1}\n{"a":"' + "x" * 100 + '"}\n'), "rows.jsonl", None).rows)


def test_arguments_that_nest_without_end_are_no_json() -> None:
    with pytest.raises(BadArguments, match="--arguments is no JSON"):
        from_json("[" * 100_000)
