"""Each rule of the road is needed: without it, named tests fail."""

from pathlib import Path

import pytest

from tests.mutants import ROOT, Mutant
from tests.mutations import text_of, tried
from tests.switched_off import SWITCHED_OFF


def test_every_rule_is_switched_off_somewhere() -> None:
    rules = {f"R{number}" for number in range(1, 14)} | {"B1", "B2", "B3"}
    assert {each.rule for each in SWITCHED_OFF} == rules


@pytest.mark.parametrize("mutant", SWITCHED_OFF, ids=lambda each: f"{each.rule} {each.what}")
def test_the_table_of_mutants_fits_the_code(mutant: Mutant) -> None:
    compile(text_of(mutant), mutant.file, "exec")
    for test in mutant.tests:
        path, *_, name = test.split("::")
        written = (ROOT / path).read_text()
        suites = "".join(each.read_text() for each in Path(ROOT / "src/leasehold/testing").glob("*_suite.py"))
        assert f"def {name}(" in written + suites


@pytest.mark.prove
@pytest.mark.parametrize("mutant", SWITCHED_OFF, ids=lambda each: f"{each.rule} {each.what}")
def test_without_a_rule_the_tests_named_beside_it_fail(mutant: Mutant) -> None:
    result = tried(mutant)
    assert not result.unnoticed, result.output
