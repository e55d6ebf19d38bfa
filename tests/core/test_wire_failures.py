"""What a report says of a failure."""

import json

from leasehold.core.reports import UpdateKind
from leasehold.core.wire import encode_update
from tests.core.wire_examples import FAILURE, an_update

NOW = 5_000


def test_what_is_not_known_of_a_failure_does_not_travel() -> None:
    bare = an_update(UpdateKind.FAILED, failure=FAILURE._replace(frame="", traceback=""))
    assert json.loads(encode_update(bare, NOW))["failure"] == {
        "kind": "exception",
        "type": "ValueError",
        "message": "no such file",
    }
