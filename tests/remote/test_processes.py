"""Programs and commands that reach a deployment by its address alone; a server that is killed under them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import pytest

from leasehold.adapters.database.open import open_database
from leasehold.core.model import Policy, Status
from leasehold.flow.client import Order
from leasehold.ports.ledger import Accepted
from leasehold.ports.views import Outcome
from leasehold.remote import connect
from leasehold.remote.bell import StillBell
from leasehold.remote.client import RemoteClient
from tests.remote.processes import JOBS, PATIENCE, Deployment
from tests.servers.clusters import Clusters

PROGRAM = (
    JOBS
    + """
import asyncio
from leasehold import TaskFailed

async def awaited():
    return await double.submit(4)

print(double.submit(21).result(timeout="5m"))
batch = double.submit_many([{"number": n} for n in range(1_200)] + [{"number": "x"}], key="number", batch="many")
print(batch.submitted, [row.number for row in batch.rejected], batch.wait(timeout="5m"))
print(sum(handle.result() for handle in batch.as_completed(timeout="5m")))
print(asyncio.run(awaited()))
with app.executor() as executor:
    print(executor.submit(double, 5).result(timeout=300))
try:
    hopeless.submit().result(timeout="5m")
except TaskFailed as error:
    print(error)
"""
)


@pytest.fixture(params=[pytest.param("sqlite", marks=pytest.mark.prove), "postgresql"])
def deployment(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Deployment]:
    """A deployment on a ledger of each kind."""
    if request.param == "postgresql":
        clusters: Clusters = request.getfixturevalue("clusters")
        cluster = clusters["newest"]
        name = cluster.fresh()
        with closing(Deployment(tmp_path, cluster.url(name))) as deployment:
            yield deployment
        cluster.drop(name)
        return
    path = tmp_path / "leasehold.db"
    open_database(f"sqlite:///{path}").close()  # commands make no ledger by looking for it
    with closing(Deployment(tmp_path, str(path))) as deployment:
        yield deployment


@pytest.fixture
def client(deployment: Deployment) -> Iterator[RemoteClient]:
    with connect(deployment.url) as client:
        yield client


@pytest.mark.timeout(400)  # a bound for what hangs: longer than those within
def test_a_program_runs_unchanged(deployment: Deployment) -> None:
    deployment.work()
    elsewhere = deployment.folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "program.py").write_text(PROGRAM)
    done = deployment.run("program.py")
    assert done.stderr == ""
    *said, failed = done.stdout.splitlines()
    total = str(2 * sum(range(1_200)))
    assert said == ["42", "1200 [1201] {'completed': 1200}", total, "8", "10"]
    assert failed.endswith("is failed: the file is damaged"), failed


def test_a_server_that_dies_under_a_wait_is_waited_for(deployment: Deployment, client: RemoteClient) -> None:
    deployment.work()
    gate = deployment.folder / "gate"
    os.mkfifo(gate)
    task_id = client.submit(Order("wait_at", json.dumps({"gate": str(gate)}), Policy(120_000))).task_id
    waiting, found = Event(), list[Outcome]()
    client.check = waiting.set
    thread = Thread(target=lambda: found.extend(client.wait([task_id])))
    thread.start()
    assert waiting.wait(PATIENCE), "it never looked"
    deployment.kill()
    gate.write_text("it is open")  # returns when the run has come to it
    waiting.clear()
    assert waiting.wait(PATIENCE), "it looks on while nobody answers"
    deployment.come_back()
    thread.join(PATIENCE)
    assert [(each.task_id, each.status) for each in found] == [(task_id, Status.COMPLETED)]
    assert client.result_text(found[0]) == '"it is open"'


class Returning(StillBell):
    """Lets a client try again when the server is there again, however long that takes."""

    def __init__(self, is_back: Event) -> None:
        super().__init__()
        self._is_back = is_back

    def wait(self, topic: str, timeout: int) -> bool:
        del topic, timeout
        return self._is_back.wait(PATIENCE)


@pytest.mark.parametrize("keyed", [True, False], ids=["keys", "no keys"])
def test_a_server_that_dies_under_a_stream_loses_no_row_and_stores_none_twice(
    deployment: Deployment, client: RemoteClient, *, keyed: bool
) -> None:
    def rows() -> Iterator[tuple[int, Order]]:
        for number in range(3_500):
            if number == 2_500:  # while what comes before it is on its way
                deployment.kill()
                back.start()
            key = f"k{number}" if keyed else None
            yield number, Order("double", f'{{"number":{number}}}', Policy(60_000), key=key, batch="b")

    is_back = Event()
    client._api._bell = Returning(is_back)
    back = Thread(target=lambda: (deployment.come_back(), is_back.set()))
    answers = [answer for _, answer in client.submit_many(rows())]
    back.join(PATIENCE)
    assert all(isinstance(answer, Accepted) for answer in answers)
    assert len({answer.task_id for answer in answers if isinstance(answer, Accepted)}) == 3_500
    assert [cell.tasks for cell in client.views.counts(batch="b")] == [3_500]
    shown = client.views.task(answers[3_000].task_id) if isinstance(answers[3_000], Accepted) else None
    assert shown is not None
    assert shown.arguments == '{"number":3000}'
