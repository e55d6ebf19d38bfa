"""What a plan counts with is what the roles do."""

from __future__ import annotations

import pytest

from leasehold import backends
from leasehold.core import sharing, traffic
from leasehold.core.bundles import LARGEST_BUNDLE
from leasehold.flow import dispatcher, lease, reporter, window
from leasehold.settings import read_settings

SETTINGS = read_settings(environ={})
PAIRS = {
    "reports that are worth no more waiting": (traffic.ENOUGH, reporter.ENOUGH),
    "how long a delete waits": (traffic.HOLD, reporter.AGAIN),
    "linger on SQS": (traffic.LINGER, backends.BILLED.linger),
    "linger in a line": (traffic.LINGER, backends.BACKLOGGED),
    "fetched ahead on SQS": (traffic.AHEAD[True], backends.BILLED.fetch_ahead.messages),
    "fetched ahead in a database": (traffic.AHEAD[False], backends.LOCAL.fetch_ahead.messages),
    "share of a lease to wait": (traffic.SHORT_WAIT, lease.SHORT_WAIT),
    "how soon it begins, on SQS": (traffic.SOON[True], backends.BILLED.fetch_ahead.within),
    "how soon it begins, in a database": (traffic.SOON[False], backends.LOCAL.fetch_ahead.within),
    "after which no member begins": (sharing.BEGINS, 1 - lease.USEFUL),
    "smallest window": (traffic.SMALLEST_WINDOW, window.SMALLEST),
    "in flight": (traffic.GUARD, window.IN_FLIGHT),
    "tasks of one dispatch": (traffic.CHUNK, dispatcher.CHUNK),
    "largest window": (traffic.LARGEST_WINDOW, SETTINGS.window),
    "validity": (traffic.Work(0, 0, 0, 0, 0, traffic.Backend.SQS).validity, SETTINGS.validity),
}


@pytest.mark.parametrize("what", PAIRS)
def test_a_plan_counts_with_what_the_roles_do(what: str) -> None:
    planned, done = PAIRS[what]
    assert planned == done


def test_the_largest_bundle_goes_out_in_one_dispatch() -> None:
    assert 2 * LARGEST_BUNDLE <= dispatcher.CHUNK
