"""Every state of many small worlds, with the real ``decide()``: what is promised holds, and each rule is needed for it.

``python -m tests.model NAME`` prints what was found in one of them.
"""

import dataclasses

import pytest

from tests.model.broken import BROKEN
from tests.model.configurations import SOUND
from tests.model.parts import Configuration
from tests.model.search import SAYS, Found, Search

SHORT = 20
"""Steps that a reader follows."""


def held(configuration: Configuration) -> Found:
    found = Search(configuration).run()
    assert not found.broken, "\n".join([found.broken, *found.story])
    missing = [what for what in configuration.sees if not any(seen.startswith(what) for seen in found.seen)]
    assert not missing, f"this never happened: {missing}"
    return found


@pytest.mark.prove
@pytest.mark.parametrize("configuration", SOUND, ids=lambda each: each.name)
def test_no_world_breaks_an_invariant_or_keeps_a_task_from_its_end(configuration: Configuration) -> None:
    assert held(configuration).states > 1_000


@pytest.mark.parametrize("configuration", BROKEN, ids=lambda each: each.name)
def test_without_one_rule_there_is_a_short_story_of_how_it_goes_wrong(configuration: Configuration) -> None:
    found = Search(configuration).run()
    assert found.broken == configuration.breaks
    told = "\n".join(found.story)
    assert f"{configuration.breaks} is broken: {SAYS[configuration.breaks]}" in told
    assert "ledger: pending/queued, dispatch 1 open" in told
    steps = [line for line in found.story if line.lstrip()[0].isdigit()]
    assert [int(line.split(".")[0]) for line in steps] == list(range(1, len(steps) + 1))
    assert len(steps) <= SHORT


@pytest.mark.parametrize("configuration", [each for each in BROKEN if each.dispatches == 1], ids=lambda each: each.name)
def test_with_that_rule_the_same_world_is_sound(configuration: Configuration) -> None:
    whole = dataclasses.replace(configuration, without="", breaks="")
    assert held(whole).states > 20


def test_there_are_enough_worlds() -> None:
    names = [each.name for each in (*SOUND, *BROKEN)]
    assert len(set(names)) == len(names)
    assert len(SOUND) >= 20
