"""Old tasks go batch by batch, archived first, and nothing that is needed goes with them."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from leasehold.adapters.memory import MemoryLedger, MemoryRetention, MemoryStore, MemoryViews
from leasehold.core.errors import LedgerUnavailable, StoreUnavailable
from leasehold.core.events import Cancelled, Retried
from leasehold.core.model import Status, Task
from leasehold.core.reports import Payload
from leasehold.core.retention import Keep
from leasehold.core.units import DAY, HOUR
from leasehold.flow.audit import audit
from leasehold.flow.retention import LIMIT, ROUND, Done, Pruner, Terms
from leasehold.ports.ledger import Change, Existing, Ledger
from leasehold.ports.views import Views
from leasehold.testing.clock import ManualClock
from leasehold.testing.ledger_bench import LEASE, VALIDITY, Moves

KEEP = Keep(completed=DAY, failed=3 * DAY, keys=30 * DAY)


class Bench:
    """A ledger, a store, and who prunes them."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        memory = MemoryLedger(self.clock)
        self.ledger: Ledger = memory
        self.views: Views = MemoryViews(memory.book, self.clock)
        self.retention = MemoryRetention(memory.book, self.clock)
        self.store = MemoryStore()
        self.moves = Moves(self)

    def another(self) -> Ledger:
        raise NotImplementedError

    def let_pass(self, ms: int) -> None:
        self.clock.advance(ms)

    def pruner(self, terms: Terms | None = None) -> Pruner:
        return Pruner(self.retention, self.store, self.clock, terms or Terms(KEEP))

    def prune(self, terms: Terms | None = None) -> Done:
        """One whole round."""
        return Done(*(sum(column) for column in zip(Done(), *self.pruner(terms).round(), strict=True)))

    def done(self, tasks: int, **fields: str) -> list[str]:
        """Tasks that are completed."""
        ids = self.moves.out(tasks, **fields)
        for task_id in ids:
            self.moves.complete(task_id)
        return ids

    def there(self) -> set[str]:
        return {row.task.id for row in self.views.tasks("", limit=10_000).rows}

    def archived(self) -> list[dict[str, object]]:
        objects = [self.store.get(key) or b"" for key in self.store.keys("archive")]
        return [json.loads(line) for value in objects for line in value.decode().splitlines()]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_completed_and_failed_tasks_have_times_of_their_own(bench: Bench) -> None:
    done, failed, cancelled = bench.moves.out(3)
    bench.moves.complete(done)
    bench.moves.apply(failed, bench.moves.failed())
    bench.moves.apply(cancelled, Cancelled("ada"))
    (newest,) = bench.moves.given()
    bench.let_pass(DAY - 1)
    bench.prune()
    assert bench.there() == {done, failed, cancelled, newest}
    bench.let_pass(1)
    bench.prune()
    assert bench.there() == {failed, cancelled, newest}
    bench.let_pass(2 * DAY)
    bench.prune()
    assert bench.there() == {newest}
    assert audit(bench.views, now=bench.clock.now()).ok


def test_what_goes_on_stays_however_old_it_is(bench: Bench) -> None:
    running, lapsed, queued, done = bench.moves.out(4)
    bench.moves.apply(running, bench.moves.started())
    bench.moves.complete(done)
    (due,) = bench.moves.given()
    bench.let_pass(100 * DAY)
    bench.prune()
    assert bench.there() == {running, lapsed, queued, due}


def test_a_task_whose_message_may_still_come_stays(bench: Bench) -> None:
    """It is completed, but nobody said that its message was deleted."""
    (done,) = bench.done(1)
    bench.moves.given()
    keep = Keep(completed=HOUR // 60)
    bench.let_pass(HOUR // 60)
    bench.prune(Terms(keep))
    assert done in bench.there()
    bench.let_pass(VALIDITY + LEASE + 5_000)
    bench.prune(Terms(keep))
    assert done not in bench.there()


def test_a_key_finds_its_task_as_long_as_it_is_promised(bench: Bench) -> None:
    keyed = bench.moves.new(key="a.wav")
    bench.moves.submit(keyed, bench.moves.new())
    bench.moves.dispatch()
    bench.moves.complete(keyed.task.id)
    bench.let_pass(30 * DAY - 1)
    bench.prune()
    assert bench.moves.submit(bench.moves.new(key="a.wav")) == [Existing(keyed.task.id, Status.COMPLETED)]
    bench.let_pass(1)
    bench.prune()
    assert keyed.task.id not in bench.there()


def test_many_go_in_batches_of_a_few_hundred(bench: Bench) -> None:
    ids = bench.done(2 * LIMIT + 7)
    bench.moves.given()
    bench.let_pass(DAY)
    batches = [done.forgotten for done in bench.pruner().round() if done.forgotten]
    assert batches == [LIMIT, LIMIT, 7]
    assert not bench.there() & set(ids)
    bench.moves.assert_accounted_for()


def test_what_is_young_is_not_looked_at_beyond_the_first_page(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leasehold.flow.retention.LOOKED_AT", 3)
    bench.done(2)
    bench.let_pass(DAY)
    bench.done(30)
    asked: list[int] = []
    plain = bench.retention.aged

    def counting(status: Status, after: int, limit: int) -> object:
        asked.append(after)
        return plain(status, after, limit)

    monkeypatch.setattr(bench.retention, "aged", counting)
    assert bench.prune(Terms(Keep(completed=DAY))).forgotten == 2
    assert asked == [0]


def test_what_is_kept_for_its_key_is_not_looked_at_in_every_round(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But again when its time has come, and nothing is overlooked that ends in between."""
    monkeypatch.setattr("leasehold.flow.retention.LOOKED_AT", 3)
    asked: list[int] = []
    plain = bench.retention.aged

    def counting(status: Status, after: int, limit: int) -> object:
        asked.append(after)
        return plain(status, after, limit)

    keyed = [bench.moves.new(key=str(nth)) for nth in range(12)]
    bench.moves.submit(*keyed, bench.moves.new())
    bench.moves.dispatch()
    for each in keyed[:5] + keyed[6:]:
        bench.moves.complete(each.task.id)
    bench.let_pass(2 * DAY)
    monkeypatch.setattr(bench.retention, "aged", counting)
    pruner = bench.pruner(Terms(Keep(completed=DAY, keys=30 * DAY)))
    first = list(pruner.round())
    assert (first, len(asked)) == ([], 5)
    bench.moves.complete(keyed[5].task.id)
    bench.done(1)
    asked.clear()
    assert list(pruner.round()) == []
    assert len(asked) == 1
    bench.let_pass(2 * DAY)
    assert sum(done.forgotten for done in pruner.round()) == 0
    bench.let_pass(27 * DAY)
    assert sum(done.forgotten for done in pruner.round()) == 12


# -- the archive -------------------------------------------------------------------------------------------------------


def test_what_goes_is_archived_first_with_all_that_is_known_of_it(bench: Bench) -> None:
    (done,) = bench.done(1, batch="november")
    bench.moves.given()
    bench.let_pass(DAY)
    bench.prune(Terms(KEEP, archive=True))
    (line,) = bench.archived()
    assert line["id"] == done
    assert (line["status"], line["batch"], line["result"]) == ("completed", "november", "text")
    assert line["arguments"] == {"source": "a.wav"}
    assert [each["kind"] for each in maps(line["trail"])] == ["submitted", "dispatched", "started", "completed"]
    assert [each["outcome"] for each in maps(line["runs"])] == ["completed"]
    assert done not in bench.there()


def test_half_a_character_in_a_result_stops_no_archive(bench: Bench) -> None:
    """JSON can hold it, UTF-8 cannot."""
    (task_id,) = bench.moves.out(1)
    bench.moves.given()
    bench.ledger.apply([Change(task_id, bench.moves.completed(), payload=Payload(result='"\\ud800 é"'))])
    bench.let_pass(DAY)
    assert bench.prune(Terms(KEEP, archive=True)).forgotten == 1
    assert [line["result"] for line in bench.archived()] == ["\ud800 é"]


def maps(value: object) -> Sequence[dict[str, object]]:
    assert isinstance(value, list)
    return value


def test_without_an_archive_what_tasks_have_in_the_store_goes_with_them(bench: Bench) -> None:
    keys = with_objects(bench)
    bench.prune()
    assert [key for key in keys if bench.store.exists(key)] == []


def test_an_archive_keeps_what_it_speaks_of(bench: Bench) -> None:
    keys = with_objects(bench)
    bench.prune(Terms(KEEP, archive=True))
    assert [key.split("/")[0] for key in keys if bench.store.exists(key)] == ["results", "logs"]


def with_objects(bench: Bench) -> list[str]:
    """What an old task has in the store."""
    (task_id, _) = bench.moves.out(2)
    keys = [f"{folder}/{task_id}/1" for folder in ("results", "logs", "checkpoints", "cancelled")]
    for key in keys:
        bench.store.create(key, b"x")
    payload = Payload(result_ref=keys[0], log_ref=keys[1])
    bench.ledger.apply([Change(task_id, bench.moves.completed(), payload=payload)])
    bench.let_pass(DAY)
    return keys


def test_a_store_that_is_away_keeps_everything_in_the_ledger(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be archived does not go; what cannot be removed is removed later."""
    (done,) = bench.done(1)
    bench.moves.given()
    bench.let_pass(DAY)

    def away(*_: object) -> bool:
        raise StoreUnavailable("the store is away")

    with monkeypatch.context() as patched:
        patched.setattr(bench.store, "create", away)
        with pytest.raises(StoreUnavailable):
            bench.prune(Terms(KEEP, archive=True))
        assert done in bench.there()
    with monkeypatch.context() as patched:
        patched.setattr(bench.store, "delete", away)
        with pytest.raises(StoreUnavailable):
            bench.prune(Terms(KEEP, archive=True))
    assert done not in bench.there()
    assert bench.retention.leftovers(9)
    bench.prune()
    assert bench.retention.leftovers(9) == []
    assert len(bench.archived()) == 1


def test_who_archives_once_more_writes_the_same_object(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a crash between the archive and the ledger."""
    bench.done(3)
    bench.moves.given()
    bench.let_pass(DAY)

    def crash(tasks: Sequence[Task], *, trails: bool, archived: bool) -> list[str]:
        del tasks, trails, archived
        raise LedgerUnavailable("killed")

    with monkeypatch.context() as patched:
        patched.setattr(bench.retention, "forget", crash)
        with pytest.raises(LedgerUnavailable):
            bench.prune(Terms(KEEP, archive=True))
    assert len(bench.store.keys("archive")) == 1
    bench.prune(Terms(KEEP, archive=True))
    assert len(bench.store.keys("archive")) == 1
    assert len(bench.archived()) == 3


def test_a_task_that_is_tried_again_meanwhile_stays(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its old story is in the archive, at worst once more than needed."""
    (failed,) = bench.moves.out(1)
    bench.moves.apply(failed, bench.moves.failed())
    bench.moves.given()
    bench.let_pass(3 * DAY)
    plain = bench.store.create

    def retried(key: str, value: bytes) -> bool:
        bench.moves.apply(failed, Retried("ada"))
        return plain(key, value)

    monkeypatch.setattr(bench.store, "create", retried)
    assert bench.prune(Terms(KEEP, archive=True)).forgotten == 0
    assert bench.moves.state(failed) == "pending/due"


# -- trails ------------------------------------------------------------------------------------------------------------


def test_trails_are_kept_as_long_as_is_set(bench: Bench) -> None:
    (done,) = bench.done(1)
    bench.moves.given()
    terms = Terms(KEEP, trails=10 * DAY)
    bench.let_pass(DAY)
    bench.prune(terms)
    assert done not in bench.there()
    assert bench.moves.trail(done) == ["submitted", "dispatched", "started", "completed"]
    bench.let_pass(9 * DAY + 1)
    assert bench.prune(terms).trails == 1
    assert bench.moves.trail(done) == []


# -- the role ----------------------------------------------------------------------------------------------------------


def test_a_role_does_a_batch_at_a_step_and_rests_as_long_as_it_worked(bench: Bench) -> None:
    bench.done(LIMIT + 1)
    bench.moves.given()
    bench.let_pass(DAY)
    pruner = bench.pruner()
    seen: list[int] = []
    for _ in range(100):
        assert pruner.step() == 0
        assert 0 < pruner.pause <= 1_000
        seen.append(len(bench.there()))
        bench.clock.advance(pruner.pause)
    assert sorted(set(seen), reverse=True) == [2, 1]
    bench.done(1)
    bench.let_pass(DAY)
    bench.clock.advance(ROUND)
    pruner.step()
    assert len(bench.there()) == 2


def test_a_round_that_fails_is_begun_anew(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    (done,) = bench.done(1)
    bench.moves.given()
    bench.let_pass(DAY)
    pruner = bench.pruner()

    def away(limit: int) -> object:
        raise LedgerUnavailable(f"away: {limit}")

    with monkeypatch.context() as patched:
        patched.setattr(bench.retention, "leftovers", away)
        with pytest.raises(LedgerUnavailable):
            pruner.step()
    pruner.step()
    assert done not in bench.there()


def test_what_may_go_is_counted_up_to_a_ceiling(bench: Bench) -> None:
    bench.done(LIMIT + 3)
    bench.moves.given()
    bench.let_pass(DAY)
    assert bench.pruner().count(Status.COMPLETED, 10_000) == LIMIT + 3
    assert bench.pruner().count(Status.COMPLETED, 400) == 400
    assert bench.pruner().count(Status.FAILED, 10_000) == 0
