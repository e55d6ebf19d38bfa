"""The role as which a worker logs in to the ledger's database: may it do what it needs to, and no more?"""

from __future__ import annotations

from collections.abc import Iterator

from leasehold.adapters.database import worker_role
from leasehold.backends import worker_grants
from leasehold.checks.finding import OK, WRONG, Said
from leasehold.settings import Settings


def granted(settings: Settings) -> Iterator[Said]:
    """Each grant that a worker needs is there, and no other one is."""
    standing = worker_role.look(settings.ledger, worker_grants(settings))
    name = f"role '{standing.role}'"
    if standing.missing:
        told = f"{worker_role.lacking(standing)}. Let the owner of the tables run"
        yield Said(WRONG, told, worker_role.command_for(standing.role))
    for each in standing.excess:
        yield Said(
            WRONG,
            f"{name} may also {each.may}, which no worker needs: take it away, so that whoever breaks into one cannot "
            "do it either",
            each.mended,
        )
    if not standing.missing and not standing.excess:
        yield Said(OK, f"{name} may do what a worker needs, and no more")
