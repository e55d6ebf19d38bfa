"""A process is killed at every boundary that it crosses: before and after each transaction, request and store write.

``python -m tests.crash`` plays one point again, counts them, and draws pairs.
"""

from __future__ import annotations

import pytest

from tests.crash.conftest import Playhouse
from tests.crash.sites import SITES

PIECES = 24
"""Into so many items are the points of one site cut, for two workers to share."""
SLICE = 30
"""`make test` plays every so many-th point."""
pytestmark = pytest.mark.timeout(
    1_800
)  # processes die by the hundred: on a machine with other work that takes its time
ROLES = {
    "client": {"client"},
    "orchestrator": {"start", "sweeper", "scheduler", "dispatcher"},
    "worker": {"intake 0", "worker", "reporter"},
}
CALLS = {
    "ledger.submit COMMIT",
    "ledger.start_operation COMMIT",
    "ledger.advance_operation COMMIT",
    "ledger.dispatch COMMIT",
    "ledger.apply COMMIT",
    "ledger.fold_counters COMMIT",
    "ledger.prune COMMIT",
    "ledger.secret COMMIT",
    "ledger.alarms read",
    "store create arguments",
    "store create checkpoints",
    "store create results",
    "store create cancelled",
    "store delete checkpoints",
    "fsync of the store",
}
REQUESTS = {"SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility"}


def survived(playhouse: Playhouse, site: str, piece: int, pieces: int) -> None:
    said = playhouse.ask(site, piece, pieces)
    assert not said["failed"], "\n\n".join(["", *said["failed"]])
    assert said["points"] >= len(said["crossed"]) // pieces


@pytest.mark.parametrize("site", SITES)
def test_nothing_is_lost_or_done_twice_when_a_process_is_killed_here_and_there(playhouse: Playhouse, site: str) -> None:
    survived(playhouse, site, 3, SLICE)


@pytest.mark.prove
@pytest.mark.parametrize("piece", range(PIECES))
@pytest.mark.parametrize("site", SITES)
def test_nothing_is_lost_or_done_twice_wherever_a_process_is_killed(
    playhouse: Playhouse, site: str, piece: int
) -> None:
    survived(playhouse, site, piece, PIECES)


@pytest.mark.parametrize("site", SITES)
def test_the_same_history_crosses_the_same_boundaries(playhouse: Playhouse, site: str) -> None:
    """Or a point could not be played again, and `make prove` would not come to all of them."""
    assert playhouse.ask(site, None)["crossed"] == playhouse.crossed(site)


@pytest.mark.parametrize("site", SITES)
def test_every_role_is_among_those_that_are_killed_and_everything_it_writes(playhouse: Playhouse, site: str) -> None:
    crossed = playhouse.crossed(site)
    roles = {(each["actor"].partition("-")[0], each["role"]) for each in crossed}
    readers = {"recorder"} if "two-queue" in site else set[str]()
    wanted = {(actor, role) for actor, roles in ROLES.items() for role in roles}
    wanted |= {("orchestrator", reader) for reader in readers}
    wanted |= {("orchestrator", "dead letters")} if "postgres" in site else set[tuple[str, str]]()
    wanted |= {("worker", "claims")} if "single-queue" in site else set[tuple[str, str]]()
    assert wanted <= roles
    calls = {f"{each['call']} {each['what']}".rpartition(" > ")[2] for each in crossed}
    calls |= {each["what"] for each in crossed}
    assert calls >= CALLS
    if "postgres" in site:
        assert {each["what"].partition(" ")[0] for each in crossed} >= REQUESTS
