"""Nothing of the worker leaks into a child: no credentials, no files, no modules."""

import json
import os

from leasehold.adapters.slots.environment import scrubbed
from tests.slots.bench import Bench
from tests.slots.conftest import Make

SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "secret",
    "LEASEHOLD_LEDGER": "postgresql://user:secret@host/db",
    "PGPASSWORD": "secret",
    "DATABASE_URL": "secret",
}
HARMLESS = {"PATH": "/bin", "HOME": "/home", "LANG": "C.UTF-8", "LC_ALL": "C", "PYTHONHASHSEED": "1", "TZ": "UTC"}


def test_only_what_is_allowed_is_handed_on() -> None:
    assert scrubbed({**SECRETS, **HARMLESS}) == HARMLESS


def test_more_is_handed_on_by_name() -> None:
    assert scrubbed({"MODEL": "large", "AWS_REGION": "here"}, ["MODEL"]) == {"MODEL": "large"}


def test_a_child_sees_no_credentials(make: Make) -> None:
    bench = make(env={**os.environ, **SECRETS})
    seen = json.loads(bench.run("environment").result)
    assert not SECRETS.keys() & seen.keys()
    assert "secret" not in str(seen)


def test_a_child_has_no_files_of_the_worker(make: Make) -> None:
    with open(__file__, encoding="utf-8") as mine:  # noqa: PTH123 - a descriptor is the point
        os.set_inheritable(mine.fileno(), True)  # noqa: FBT003 - it takes no names
        opened = json.loads(make().run("descriptors").result)
    assert not [name for name in opened if name.startswith("/") and name != "/dev/null" and "memfd" not in name]
    assert len(opened) <= 8


def test_a_child_of_plain_handlers_stays_light(shared: Bench) -> None:
    loaded = set(json.loads(shared.run("modules").result))
    assert not loaded & {"sqlalchemy", "pydantic", "pydantic_core", "click", "rich", "boto3"}
    assert not [name for name in loaded if name.startswith("leasehold.adapters.database")]


def test_a_star_stands_for_any_ending() -> None:
    given = {"AWS_REGION": "here", "AWS_PROFILE": "me", "LAWS": "no"}
    assert scrubbed(given, ["AWS_*"]) == {"AWS_REGION": "here", "AWS_PROFILE": "me"}
