"""What a real run costs: the server's own count, the meter's, and what was planned."""

from __future__ import annotations

from pathlib import Path

import pytest

from leasehold.core.measured import Backend
from leasehold.core.metering import Cause
from leasehold.core.planning import plan
from leasehold.core.traffic import Work
from tests.acceptance.accounts import SmallBatch
from tests.acceptance.deployment import deployed
from tests.acceptance.sites import Site, site
from tests.acceptance.small_tasks import SPEC
from tests.servers.clusters import Clusters

pytestmark = pytest.mark.timeout(300)  # a bound for what hangs: longer than those within

TASKS = 400
SETTINGS = {"LEASEHOLD_WINDOW": "10000", "LEASEHOLD_VALIDITY": "5m", "LEASEHOLD_LONG_POLL": "20s"}
NEAR = 0.4
"""How near a plan comes for so few tasks, as a part of what it says; the more tasks, the nearer."""
FEW = 12
"""Requests more or fewer of one kind: what happens at the start and at the end."""
CAUSES = {
    Cause.DISPATCH: ("tasks", "SendMessage"),
    Cause.RECEIVE: ("tasks", "ReceiveMessage"),
    Cause.DELETE: ("tasks", "DeleteMessage"),
    Cause.GIVE_BACK: ("tasks", "ChangeMessageVisibility"),
    Cause.REPORT: ("status", "SendMessage"),
    Cause.RECORD: ("status", "ReceiveMessage"),
    Cause.ACKNOWLEDGE: ("status", "DeleteMessage"),
}
ROAD = {"SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility"}


def counted(standing: Site) -> dict[tuple[str, str], tuple[int, int]]:
    """Requests and empty receives, by role of the queue and action, as the server counts them."""
    assert standing.sqs is not None
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for row in standing.sqs.requests():
        action = row["action"].removesuffix("Batch")
        role = row["queue"].removeprefix("harbour-").partition("-")[0]
        if action in ROAD:
            found[role, action] = row["requests"], row["empty"]
    return found


@pytest.mark.parametrize(("topology", "backend"), [("two-queue", Backend.SQS), ("single-queue", Backend.SQS_SINGLE)])
def test_a_run_costs_what_was_planned_and_is_metered_as_the_server_counts(
    tmp_path: Path, clusters: Clusters, topology: str, backend: Backend
) -> None:
    with (
        site(tmp_path, clusters["newest"], topology, "sqs") as standing,
        deployed(tmp_path, standing.place._replace(settings=SETTINGS), SPEC) as deployment,
    ):
        batch = SmallBatch(deployment, TASKS)
        standing.set_up(deployment)
        batch.submit()
        deployment.start(orchestrators=1, workers=1)
        batch.check()
        server = counted(standing)
        told = deployment.run("cost", "--json").json
    metered = {line["cause"]: line["requests"] for line in told["causes"]}
    planned = plan(Work(TASKS, 1, 5, workers=1, slots=2, backend=backend))
    expected = {cause: sum(each.requests for each in planned.asked if each.cause is cause) for cause in Cause}
    for cause, (role, action) in CAUSES.items():
        requests, empty = server.get((role, action), (0, 0))
        # a worker's last words are not in its own count
        assert requests - empty - (cause is Cause.REPORT) <= metered.get(cause.value, 0) <= requests - empty, cause
        assert round(expected[cause] * (1 - NEAR)) - FEW <= requests - empty <= expected[cause] * (1 + NEAR) + FEW, (
            cause
        )
    made = sum(requests for requests, _ in server.values())
    assert abs(planned.requests - made) <= NEAR * made, (planned.requests, made)
