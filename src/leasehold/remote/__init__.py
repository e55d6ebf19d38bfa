"""A ledger over HTTP: a client of the REST API with what a client of the database has.

::

    from leasehold.remote import connect

    with connect("https://leasehold.example.org", token="lh_...") as client:
        task_id = client.submit_named("transcribe", {"source": "s3://in/a.wav"}, lease="30m").task_id
        for outcome in client.wait([task_id]):
            print(outcome.status, client.result_text(outcome))

Programs with handlers need none of this: ``App("media", ledger="https://leasehold.example.org")``.
"""

from __future__ import annotations

from random import SystemRandom
from typing import TYPE_CHECKING

from leasehold.core.errors import BadSettings
from leasehold.core.secret import Secret

if TYPE_CHECKING:
    from leasehold.remote.client import RemoteClient

__all__ = ["connect"]


def connect(url: str | None = None, *, token: str | Secret | None = None) -> RemoteClient:
    """A client of the API at this address; without them ``LEASEHOLD_LEDGER`` and ``LEASEHOLD_TOKEN`` say both.

    Nothing is asked yet. Close it when done, or use it in a ``with``. Raises ``BadSettings`` for what is no address of
    an API, and where the extra ``remote`` is not installed.
    """
    try:
        from leasehold.remote.http import Api
    except ModuleNotFoundError as error:
        raise without_http(error) from error
    from leasehold.adapters.clock import SystemClock
    from leasehold.adapters.tracing import ProgramTracing
    from leasehold.flow.ids import IdMaker
    from leasehold.remote.bell import StillBell
    from leasehold.remote.client import RemoteClient
    from leasehold.settings import read_settings

    settings = read_settings(ledger=url, token=token.reveal() if isinstance(token, Secret) else token)
    if settings.api is None:
        raise BadSettings(
            f"{settings.ledger_shown} is no address of an API: give http://HOST:PORT or https://HOST, as `leasehold "
            "dashboard` says it; or open the database by App(..., ledger=...)"
        )
    bell, clock, chance = StillBell(), SystemClock(), SystemRandom()
    api = Api(settings.api, settings.token, bell, chance)
    ids, limit = IdMaker(clock, chance), settings.payload_limit
    return RemoteClient(api, bell, clock, ids=ids, payload_limit=limit, tracing=ProgramTracing(), owns=True)


def without_http(error: ModuleNotFoundError) -> BadSettings:
    """The address of an API is set, and nothing here speaks HTTP."""
    return BadSettings(
        f"a ledger behind an API needs {error.name}, which is not installed: pip install 'leasehold[remote]'"
    )
