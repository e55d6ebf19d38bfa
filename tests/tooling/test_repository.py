"""What holds for every file: no machine's paths, no ignored warning without a reason, no sleeping tests."""

import re

from tests.tooling.repository import ROOT, lines, texts

MACHINE = re.compile(
    r"/(work|root)/[\w.]|/home/[a-z]|/Users/[A-Z]?[a-z]|/opt/pypi|\.\./shared/|(?<!\w)shared/(design|spec)"
)
NOQA = re.compile(r"#\s*noqa\b(?P<rest>.*)", re.IGNORECASE)
TYPE_IGNORE = re.compile(r"#\s*(type:\s*ignore|pyright:(\s*ignore)?)(?P<rest>.*)")
NO_COVER = re.compile(r"#\s*pragma:\s*no (cover|branch)(?P<rest>.*)")
CODES = re.compile(r"\s*[:\[]\s*[A-Za-z]\w+(,\s*[A-Za-z]\w+)*\s*\]?")
SLEEP = re.compile(r"\bsleep\((?!0\))")
HERE = "tests/tooling/test_repository.py"


def unexplained(rest: str, *, codes: bool) -> bool:
    """Whether what follows an exemption names no rule, or gives no reason after it."""
    named = CODES.match(rest)
    if codes and named is None:
        return True
    reason = rest[named.end() :] if named else rest
    return len(re.findall(r"[A-Za-z]{2,}", reason)) < 2


def test_no_path_of_a_machine_or_workplace_is_written_down() -> None:
    assert [(place, line) for place, line in lines() if MACHINE.search(line) and HERE not in place] == []


def test_every_noqa_names_its_rule_and_its_reason() -> None:
    exemptions = [(place, NOQA.search(line)) for place, line in lines("*.py") if HERE not in place]
    assert [place for place, found in exemptions if found and unexplained(found["rest"], codes=True)] == []


def test_every_type_ignore_in_tests_names_its_rule_and_its_reason() -> None:
    exemptions = [(place, TYPE_IGNORE.search(line)) for place, line in lines("*.py") if HERE not in place]
    assert [place for place, found in exemptions if found and unexplained(found["rest"], codes=True)] == []


def test_every_line_kept_from_coverage_has_a_reason() -> None:
    exemptions = [(place, NO_COVER.search(line)) for place, line in lines("*.py") if HERE not in place]
    assert [place for place, found in exemptions if found and unexplained(found["rest"], codes=False)] == []


def test_the_source_ignores_no_type_error() -> None:
    assert [place for place, line in lines("src/*.py") if TYPE_IGNORE.search(line)] == []


def test_every_exemption_from_ruff_stands_beside_its_reason() -> None:
    config = (ROOT / "pyproject.toml").read_text()
    lint = config[config.index("[tool.ruff.lint]") : config.index("[tool.basedpyright]")]
    exemptions = [line for line in lint.splitlines() if re.match(r'\s+"[A-Z]+\d*",', line)]
    assert len(exemptions) > 20
    assert [line for line in exemptions if not re.search(r"# (\w.{9,}|as [A-Z]+\d+$)", line)] == []


def test_no_test_sleeps() -> None:
    """A test waits for a signal with a generous bound, or moves a manual clock; what hangs waits for ever."""
    assert [place for place, line in lines("tests/*.py") if SLEEP.search(line) and HERE not in place] == []


def test_text_files_end_with_one_newline_and_no_line_with_a_blank() -> None:
    ours = [(name, text) for name, text in texts() if not name.endswith(".min.js")]  # what is vendored stays as it is
    untidy = [name for name, text in ours if text and (not text.endswith("\n") or text.endswith("\n\n"))]
    assert untidy == []
    written = lines("*.py", "*.md", "*.toml", "Makefile", "scripts")
    assert [place for place, line in written if line != line.rstrip()] == []
