"""What filters of arguments owe, with an index and without one, as tests. See ``ledger_suite`` for how to run it."""

from __future__ import annotations

import json

import pytest

from leasehold.core.errors import BadFilter
from leasehold.core.events import Cancelled
from leasehold.core.filters import term
from leasehold.ports.ledger import NewTask, Operation
from leasehold.testing.bench_suite import BenchSuite
from leasehold.testing.filter_suite import find, ids_of, pages
from leasehold.testing.ledger_bench import Moves
from leasehold.testing.operations_suite import walk

Find = tuple[str, ...]
INDEXED: Find = ("episode", "source.bucket")
BIG = "x" * 70
VALUES = ("42", "a b", 'say "x"', "it's", "", "äöü 🎉", "\x00", "\ud800", "null", BIG + "1", BIG + "2", "100%", "\\")


class ArgumentsSuite(BenchSuite):
    """Tasks by what their arguments are."""

    @pytest.fixture(params=[(), INDEXED], ids=["scanned", "indexed"])
    def declared(self, request: pytest.FixtureRequest) -> Find:
        """What the handler declares."""
        found: Find = request.param
        return found

    @pytest.fixture
    def ledger(self, moves: Moves, declared: Find) -> Moves:
        """A ledger whose index, if any, is whole."""
        moves.submit(moves.new(name="first", find=declared), task(moves, {}, declared))
        fill(moves)
        return moves

    @pytest.mark.parametrize("value", VALUES)
    def test_a_text_is_found_as_it_is(self, ledger: Moves, declared: Find, value: str) -> None:
        """Whatever is in it, and however long it is."""
        ids = given(ledger, declared, *({"episode": each} for each in VALUES))
        assert find(ledger, term("args.episode", value)) == [ids[VALUES.index(value)]]
        assert len(find(ledger, f"-{term('args.episode', value)} name:transcribe")) == len(VALUES)

    def test_other_scalars_are_found_by_how_they_are_written(self, ledger: Moves, declared: Find) -> None:
        """A number and a text that read alike are both found; objects and lists have no text."""
        values = (7, 1.5, "7", True, False, None, {"a": 7}, [7])
        seven, half, text, true, false, null, *_ = given(ledger, declared, *({"episode": each} for each in values))
        assert find(ledger, "args.episode:7") == [text, seven]
        assert find(ledger, "args.episode:1.5") == [half]
        assert find(ledger, "args.episode:true,false") == [false, true]
        assert find(ledger, "args.episode:null") == [null]
        assert find(ledger, "args.episode:7 -args.episode:7") == []

    def test_what_stands_in_an_argument_is_found(self, ledger: Moves, declared: Find) -> None:
        """Each dot leads one object further; what is not there is not found, and not what is not wanted."""
        one, other, text = given(
            ledger,
            declared,
            {"source": {"bucket": "in", "key": "a"}},
            {"source": {"bucket": "out", "key": "a"}},
            {"source": "in"},
        )
        assert find(ledger, "args.source.bucket:in") == [one]
        assert find(ledger, "args.source.key:a") == [other, one]
        assert find(ledger, "args.source:in") == [text]
        assert find(ledger, "-args.source.bucket:in name:transcribe")[:2] == [text, other]
        assert find(ledger, "args.source.bucket.deep:in") == []

    def test_all_that_is_said_of_arguments_holds_together(self, ledger: Moves, declared: Find) -> None:
        """Of several, of which some are indexed, and beside all else that a filter asks."""
        first, second, third, fourth = given(
            ledger,
            declared,
            {"episode": "1", "language": "en"},
            {"episode": "1", "language": "de"},
            {"episode": "2", "language": "en"},
            {"episode": "1", "language": "en"},
        )
        ledger.apply(fourth, Cancelled("ada"))
        assert find(ledger, "args.episode:1 args.language:en") == [fourth, first]
        assert find(ledger, "args.episode:1,2 args.language:en") == [fourth, third, first]
        assert find(ledger, "args.episode:1 -args.language:en") == [second]
        assert find(ledger, "args.episode:1 status:pending") == [second, first]
        assert find(ledger, "args.episode:1 status:cancelled") == [fourth]
        assert find(ledger, f"args.episode:1 id:{second}") == [second]
        assert find(ledger, "args.episode:1 batch:none") == []
        assert find(ledger, "args.episode:1 -name:transcribe") == []

    def test_pages_join_without_gap_or_overlap(self, ledger: Moves, declared: Find) -> None:
        """Of several values, and of handlers with an index and without."""
        ids: list[str] = []
        for nth in range(12):
            name = "transcribe" if nth % 3 else "convert"
            (new,) = (task(ledger, {"episode": str(nth % 4)}, declared if nth % 3 else (), name),)
            ledger.submit(new)
            ids += [new.task.id] if nth % 4 in (1, 2) else []
        found = [task_id for page in pages(ledger, "args.episode:1,2", 2) for task_id in page]
        assert found == ids[::-1]

    def test_damaged_and_stored_arguments_are_not_found(self, ledger: Moves, declared: Find) -> None:
        """Not even by what they are not: nobody knows."""
        (good,) = given(ledger, declared, {"episode": "9"})
        broken = [ledger.new(arguments=text, find=declared) for text in ("{", "[1]", '"42"', "", "{}}")]
        stored = ledger.new(find=declared)._replace(arguments=None, arguments_ref="arguments/a")
        ledger.submit(*broken, stored)
        assert find(ledger, "args.episode:42") == []
        assert find(ledger, "-args.episode:42 name:transcribe")[0] == good

    def test_tasks_from_before_are_found_once_they_are_indexed(self, moves: Moves) -> None:
        """Until then they are looked through; submits that know of no declaration are indexed all the same."""
        before = given(moves, (), *({"episode": str(nth % 2)} for nth in range(5)))
        after = given(moves, INDEXED, {"episode": "1"})
        assert find(moves, "args.episode:1") == [*after, before[3], before[1]]
        fill(moves)
        blind = given(moves, (), {"episode": "1"})
        assert find(moves, "args.episode:1") == [*blind, *after, before[3], before[1]]
        assert find(moves, "args.episode:0") == before[4::-2]

    def test_without_an_index_the_newest_are_looked_at_and_that_is_said(
        self, moves: Moves, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As many as fit the rest of the filter; nothing is said where those were all."""
        monkeypatch.setattr("leasehold.core.finding.LOOKED_AT", 4)
        ids = given(moves, (), *({"episode": str(nth % 2)} for nth in range(6)))
        bound = moves.views.bound("args.episode:1")
        assert bound is not None
        assert bound.looked_at == 4
        assert str(bound).startswith("looked at the newest 4 tasks only. To search all of them, declare find=")
        page = moves.views.tasks("args.episode:1", limit=1)
        assert (ids_of(page), page.bound) == ([ids[5]], bound)
        page = moves.views.tasks("args.episode:1", limit=5, cursor=page.cursor)
        assert (ids_of(page), page.bound, page.cursor) == ([ids[3]], bound, None)
        assert moves.views.count("args.episode:1") == 2
        moves.apply(ids[5], Cancelled("ada"))
        moves.apply(ids[0], Cancelled("ada"))
        assert moves.views.bound("args.episode:1 status:pending") is None
        assert find(moves, "args.episode:1 status:pending") == [ids[3], ids[1]]

    def test_of_several_handlers_those_without_an_index_are_said(
        self, moves: Moves, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What the others declare is found however old it is."""
        monkeypatch.setattr("leasehold.core.finding.LOOKED_AT", 2)
        old = given(moves, INDEXED, *({"episode": "1"} for _ in range(3)))
        fill(moves)
        moves.submit(*(task(moves, {"episode": "1"}, (), "convert") for _ in range(3)))
        bound = moves.views.bound("args.episode:1")
        assert "the newest 2 tasks of 'convert' only" in str(bound)
        assert moves.views.count("args.episode:1") == 5
        assert find(moves, "args.episode:1 name:transcribe") == old[::-1]
        assert moves.views.bound("args.episode:1 name:transcribe") is None

    def test_an_index_has_what_was_submitted_long_ago(self, moves: Moves, monkeypatch: pytest.MonkeyPatch) -> None:
        """Batch by batch, however many there are."""
        ids = given(moves, (), *({"episode": str(nth)} for nth in range(7)))
        given(moves, INDEXED, {"episode": "7"})
        fill(moves, 3)
        monkeypatch.setattr("leasehold.core.finding.LOOKED_AT", 1)
        assert moves.views.bound("args.episode:0") is None
        assert find(moves, "args.episode:0") == [ids[0]]
        assert moves.ledger.index(3) == 0

    @pytest.mark.parametrize("name", ["password", "db_password", "login.password", "password.inner", "$secret"])
    def test_hidden_arguments_cannot_be_found(self, moves: Moves, name: str) -> None:
        """Nor told from others, by what they are or are not; a declaration of them counts for nothing."""
        given(moves, (name,), {"password": "x"})
        fill(moves)
        if name == "$secret":
            return
        for filter_ in (f"args.{name}:x", f"-args.{name}:x"):
            for ask in (moves.views.tasks, moves.views.count, moves.views.bound):
                with pytest.raises(BadFilter, match="is hidden"):
                    ask(filter_)

    def test_an_operation_means_all_that_match(self, ledger: Moves, declared: Find) -> None:
        """Oldest first, a few at a time, and none that came later."""
        ids = given(ledger, declared, *({"episode": str(nth % 2)} for nth in range(6)))
        operation = Operation("o", "cancel", "args.episode:1", ceiling=ids[-1], by="ada", reason="", created_at=1)
        ledger.ledger.start_operation(operation)
        given(ledger, declared, {"episode": "1"})
        assert walk(ledger, limit=2) == [ids[1:4:2], ids[5:], []]


def task(moves: Moves, arguments: object, find_: Find, name: str = "transcribe") -> NewTask:
    """A task that is yet to be submitted."""
    return moves.new(name=name, arguments=json.dumps(arguments), find=find_)


def given(moves: Moves, find_: Find, *arguments: object) -> list[str]:
    """Tasks with these arguments; their ids."""
    new = [task(moves, each, find_) for each in arguments]
    moves.submit(*new)
    return [each.task.id for each in new]


def fill(moves: Moves, limit: int = 100) -> None:
    """Index all that is there already."""
    while moves.ledger.index(limit):
        pass
