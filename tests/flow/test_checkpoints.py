"""Checkpoints: nothing is overwritten, a run never sees a newer one's, and a stale run can harm nobody."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from leasehold.adapters.memory.store import MemoryStore
from leasehold.core.model import Token
from leasehold.flow.checkpoints import KEPT, Checkpoints

TASK = "01900000-0000-7000-8000-000000000001"
OTHER = "01900000-0000-7000-8000-000000000002"
SMALL = 1_000


def kept(store: MemoryStore) -> int:
    return len(store.keys(f"checkpoints/{TASK}"))


def test_what_was_saved_last_is_loaded() -> None:
    checkpoints = Checkpoints(MemoryStore(), limit=SMALL)
    assert checkpoints.load(TASK, Token(1, 1)) is None
    checkpoints.save(TASK, Token(1, 1), "run1", '{"line":1}')
    checkpoints.save(TASK, Token(1, 1), "run1", '{"line":2}')
    assert checkpoints.load(TASK, Token(1, 1)) == '{"line":2}'
    assert checkpoints.load(OTHER, Token(1, 1)) is None


def test_a_later_run_resumes_where_the_earlier_one_was() -> None:
    checkpoints = Checkpoints(MemoryStore(), limit=SMALL)
    checkpoints.save(TASK, Token(1, 3), "run1", '"seven"')
    assert checkpoints.load(TASK, Token(2, 1)) == '"seven"'


def test_a_stale_run_never_sees_what_a_newer_one_saved() -> None:
    checkpoints = Checkpoints(MemoryStore(), limit=SMALL)
    checkpoints.save(TASK, Token(1, 1), "old", '"old"')
    checkpoints.save(TASK, Token(1, 2), "new", '"new"')
    assert checkpoints.load(TASK, Token(1, 1)) == '"old"'


def test_nor_does_it_replace_or_prune_that() -> None:
    checkpoints = Checkpoints(MemoryStore(), limit=SMALL)
    checkpoints.save(TASK, Token(1, 2), "new", '"new"')
    for _ in range(9):
        checkpoints.save(TASK, Token(1, 1), "old", '"old"')
    assert checkpoints.load(TASK, Token(1, 2)) == '"new"'


def test_nor_do_newer_ones_cost_it_its_own() -> None:
    checkpoints = Checkpoints(MemoryStore(), limit=SMALL)
    for _ in range(4):
        checkpoints.save(TASK, Token(1, 2), "new", '"new"')
    for state in ('"older"', '"old"'):
        checkpoints.save(TASK, Token(1, 1), "old", state)
    assert checkpoints.load(TASK, Token(1, 1)) == '"old"'


def test_two_runs_of_one_token_each_keep_what_they_were_told_is_kept() -> None:
    """A standard queue may deliver one message twice at once."""
    store = MemoryStore()
    checkpoints = Checkpoints(store, limit=SMALL)
    checkpoints.save(TASK, Token(1, 1), "one", '"one"')
    checkpoints.save(TASK, Token(1, 1), "two", '"two"')
    states = {store.get(key) for key in store.keys(f"checkpoints/{TASK}")}
    assert states == {b'"one"', b'"two"'}


def test_what_is_kept_last_is_loaded_though_a_restored_ledger_gives_its_numbers_again() -> None:
    checkpoints = Checkpoints(MemoryStore(), limit=SMALL)
    for number in range(5):
        checkpoints.save(TASK, Token(1, 1), "before", f'"before {number}"')
    checkpoints.save(TASK, Token(1, 1), "after", '"after"')
    assert checkpoints.load(TASK, Token(1, 1)) == '"after"'
    assert checkpoints.load(TASK, Token(1, 2)) == '"after"'


def test_old_ones_are_pruned() -> None:
    store = MemoryStore()
    checkpoints = Checkpoints(store, limit=SMALL)
    for number in range(1, 30):
        checkpoints.save(TASK, Token(1 + number // 10, 1), "run", str(number))
    assert kept(store) == KEPT
    assert checkpoints.load(TASK, Token(9, 1)) == "29"


def test_a_completed_task_keeps_none() -> None:
    store = MemoryStore()
    checkpoints = Checkpoints(store, limit=SMALL)
    checkpoints.save(TASK, Token(1, 1), "run", "1")
    checkpoints.save(OTHER, Token(1, 1), "run", "1")
    checkpoints.forget(TASK)
    assert kept(store) == 0
    assert checkpoints.load(OTHER, Token(1, 1)) == "1"


def test_one_over_the_limit_is_refused_with_what_to_do() -> None:
    store = MemoryStore()
    error = Checkpoints(store, limit=SMALL).save(TASK, Token(1, 1), "run", '"' + "é" * SMALL + '"')
    assert error is not None
    assert "2,002 bytes" in error
    assert "LEASEHOLD_PAYLOAD_LIMIT" in error
    assert kept(store) == 0


tokens = st.builds(Token, st.integers(1, 3), st.integers(1, 3))


@given(st.lists(st.tuples(tokens, st.integers(1, 15)), max_size=20, unique=True), tokens)
def test_in_whatever_order_runs_save_the_newest_state_is_loaded_and_never_one_from_the_future(
    saved: list[tuple[Token, int]], own: Token
) -> None:
    checkpoints = Checkpoints(MemoryStore(), limit=SMALL)
    for token, number in saved:
        checkpoints.save(TASK, token, "run", f"[{token.n},{token.r},{number}]")
    loaded = checkpoints.load(TASK, own)
    assert loaded is None or Token(*json.loads(loaded)[:2]) <= own
    if saved:
        token = max(token for token, _ in saved)
        number = [number for theirs, number in saved if theirs == token][-1]
        assert checkpoints.load(TASK, Token(9, 9)) == f"[{token.n},{token.r},{number}]"
