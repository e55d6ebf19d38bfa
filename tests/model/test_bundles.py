"""Every state of a bundle of two, with the real ``decide()``: B1 to B3 are kept, and each of them is needed."""

import pytest

from tests.model.bundle_search import search
from tests.model.bundles import BROKEN, SAYS, SOUND, Bundled

SHORT = 24
"""Lines that a reader follows."""


@pytest.mark.prove
@pytest.mark.parametrize("world", SOUND, ids=lambda each: each.name)
def test_no_bundle_of_two_breaks_an_invariant_or_keeps_a_task_from_its_end(world: Bundled) -> None:
    found = search(world)
    assert not found.broken, "\n".join(found.story)
    assert found.states > 1_000
    assert [what for what in world.sees if what not in found.seen] == []


@pytest.mark.parametrize("world", BROKEN, ids=lambda each: each.name)
def test_without_one_rule_a_bundle_goes_wrong_in_a_short_story(world: Bundled) -> None:
    found = search(world)
    assert found.broken == world.breaks, "\n".join(found.story)
    assert found.story[-1] == SAYS[world.breaks]
    assert len(found.story) <= SHORT
