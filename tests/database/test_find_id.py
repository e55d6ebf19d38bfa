"""What a part of an id costs: no index has the ends of ids, so all of them are walked for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from leasehold.adapters.database.views import DatabaseViews
from leasehold.testing.ledger_bench import Moves
from tests.database.sqlite_bench import SqliteBench


def test_no_id_is_walked_for_what_can_be_the_end_of_none(tmp_path: Path) -> None:
    bench = SqliteBench(tmp_path)
    (id,) = Moves(bench).given(1)
    views = DatabaseViews(bench.database)
    assert views.find_id(id[-12:]) == [id]
    views._sql = {name: sql for name, sql in views._sql.items() if name != "ids ending"}
    for slip in (f"{id[-12:-1]}o", f"{id[-12:]}0", f"-{id[-8:]}", "november"):
        assert views.find_id(slip) == []
    with pytest.raises(KeyError, match="ids ending"):
        views.find_id(id[-12:])
    bench.close()
