"""Nothing of the worker leaks into a child: no credentials, no files, no modules."""

import json
import os

from leasehold.adapters.slots.environment import WITHHELD, lent, scrubbed
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
    assert scrubbed({**SECRETS, **HARMLESS}) == HARMLESS | WITHHELD


def test_more_is_handed_on_by_name() -> None:
    assert scrubbed({"MODEL": "large", "AWS_REGION": "here"}, ["MODEL"]) == {"MODEL": "large"} | WITHHELD


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


# ------------ what handlers ask for


def test_no_sdk_finds_credentials_below_home_or_in_the_machine() -> None:
    given = scrubbed({"HOME": "/home", "AWS_PROFILE": "me", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://x"})
    assert given == {"HOME": "/home", **WITHHELD}


def test_what_a_worker_hands_on_to_all_is_not_withheld() -> None:
    assert scrubbed({"AWS_PROFILE": "me"}, ["AWS_*"]) == {"AWS_PROFILE": "me"}


def test_a_handler_is_lent_what_it_names_and_no_more() -> None:
    assert lent({"MODEL": "large", "MODE": "x", "API_TOKEN": "t"}, ["MODEL*"]) == {"MODEL": "large"}
    assert lent({"AWS_PROFILE": "me", "AWS_CONFIG_FILE": "/c"}, ["AWS_*"]) == {
        "AWS_PROFILE": "me",
        "AWS_CONFIG_FILE": "/c",
        "AWS_SHARED_CREDENTIALS_FILE": None,
        "AWS_EC2_METADATA_DISABLED": None,
    }


CLOUD = {
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/1",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/secrets/token",
    "API_TOKEN": "api",
}


def test_a_task_that_asks_gets_credentials_and_the_next_one_in_the_same_process_does_not(make: Make) -> None:
    bench = make(env={**os.environ, **CLOUD})
    before = json.loads(bench.run("environment").result)
    asked = json.loads(bench.run("environment_with_credentials").result)
    after = json.loads(bench.run("environment").result)
    assert {name: asked.get(name) for name in CLOUD} == {**CLOUD, "API_TOKEN": None}
    assert not WITHHELD.keys() & asked.keys()
    assert before == after
    assert not CLOUD.keys() & before.keys()
    assert WITHHELD.items() <= before.items()


def test_a_task_that_fails_gives_back_what_it_was_lent(make: Make) -> None:
    bench = make(env={**os.environ, **CLOUD})
    assert bench.run("fail_with_credentials").failure.message == "AKIAEXAMPLE"[:4]
    assert not CLOUD.keys() & json.loads(bench.run("environment").result).keys()


def test_a_program_is_lent_what_its_task_asked_for(make: Make) -> None:
    bench = make(env={**os.environ, **CLOUD})
    assert bench.run("program_with_token").log == b"api"
    assert bench.run("program_without_token").log == b"none"


def test_async_tasks_that_ask_share_no_process_with_those_that_do_not(make: Make) -> None:
    bench = make(2, env={**os.environ, **CLOUD})
    with_it, without = bench.start("wait_with_credentials"), bench.start("environment_async")
    assert not CLOUD.keys() & json.loads(bench.end(without).result).keys()
    assert json.loads(bench.end(with_it).result) == ["AKIAEXAMPLE", True]
    assert not CLOUD.keys() & json.loads(bench.run("environment_async").result).keys()
