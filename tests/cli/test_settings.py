"""Each setting has a working default, one place that wins, and one sentence for whoever gets it wrong."""

from pathlib import Path
from typing import Any

import pytest

from leasehold.core.errors import BadSettings
from leasehold.settings import KEYS, Address, Settings, read_settings

MISTYPED = (
    "there is no setting 'LEASEHOLD_WORKER_SLOT' (read in the environment). Did you mean 'LEASEHOLD_WORKER_SLOTS'?"
)
TOO_THIN = (
    "lease_margin is 1 s, but a run is given term_grace (1 s) to tidy up and 500 ms to be reaped: "
    "set lease_margin to at least 1.5 s"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def read(folder: Path, environ: dict[str, str] | None = None, given: dict[str, Any] | None = None) -> Settings:
    return read_settings(environ=environ or {}, folder=folder, **(given or {}))


def toml(folder: Path, text: str, name: str = "leasehold.toml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_without_any_setting_one_file_in_the_working_directory_is_the_whole_system(folder: Path) -> None:
    settings = read(folder)
    assert settings.ledger == f"sqlite:///{folder}/leasehold.db"
    assert settings.ledger_path == folder / "leasehold.db"
    assert settings.store_folder == folder / "leasehold.store"
    assert settings.embedded
    assert settings.worker_slots >= 1
    assert settings.worker_queues == ("default",)
    assert (settings.term_grace, settings.lease_margin, settings.validity) == (1_000, 2_000, 600_000)


def test_every_key_is_a_setting_and_every_setting_has_its_key() -> None:
    assert set(KEYS) == set(Settings.__dataclass_fields__)


def test_what_is_given_wins_over_the_environment_and_that_over_the_file(folder: Path) -> None:
    toml(folder, "window = 1\nworker_slots = 1\nlog_level = 'debug'")
    settings = read(folder, {"LEASEHOLD_WINDOW": "2", "LEASEHOLD_WORKER_SLOTS": "2"}, given={"window": 3})
    assert (settings.window, settings.worker_slots, settings.log_level) == (3, 2, "debug")


def test_none_is_not_given(folder: Path) -> None:
    assert read(folder, {"LEASEHOLD_WINDOW": "2"}, given={"window": None}).window == 2


def test_a_named_file_is_read_instead(folder: Path) -> None:
    toml(folder, "window = 1")
    toml(folder, "window = 7", "other.toml")
    assert read(folder, {"LEASEHOLD_CONFIG": "other.toml"}).window == 7


def test_values_may_be_written_as_people_write_them(folder: Path) -> None:
    settings = read(
        folder,
        {
            "LEASEHOLD_LEDGER": "jobs.db",
            "LEASEHOLD_STORE": "objects here",
            "LEASEHOLD_WORKER_QUEUES": "media, default,media",
            "LEASEHOLD_PAYLOAD_LIMIT": "1MiB",
            "LEASEHOLD_VALIDITY": "90s",
            "LEASEHOLD_DASHBOARD_ADDRESS": "[::1]:9000",
            "LEASEHOLD_VERIFY_KEYS": f"{'ab' * 32},{'cd' * 32}",
        },
    )
    assert settings.ledger_path == folder / "jobs.db"
    assert settings.store_folder == folder / "objects here"
    assert settings.worker_queues == ("media", "default")
    assert settings.payload_limit == 1_048_576
    assert settings.validity == 90_000
    assert settings.dashboard_address == Address("::1", 9000)
    assert str(settings.dashboard_address) == "[::1]:9000"
    assert settings.verify_keys == (b"\xab" * 32, b"\xcd" * 32)


@pytest.mark.parametrize("written", ["a b%20c.db", "sqlite:///a%20b%2520c.db", "sqlite:///a b%2520c.db?mode=ro"])
def test_a_ledger_may_have_any_name(folder: Path, written: str) -> None:
    settings = read(folder, given={"ledger": written})
    assert settings.ledger_path == folder / "a b%20c.db"
    assert settings.ledger.startswith(f"sqlite:///{folder}/a%20b%2520c.db")
    assert settings.ledger.endswith("?mode=ro") == written.endswith("?mode=ro")


def test_the_file_may_use_the_types_of_toml(folder: Path) -> None:
    toml(folder, 'worker_queues = ["a", "b"]\nvalidity = 60\npayload_limit = 2048')
    settings = read(folder)
    assert (settings.worker_queues, settings.validity, settings.payload_limit) == (("a", "b"), 60_000, 2_048)


def test_a_far_away_queue_gets_more_time(folder: Path) -> None:
    settings = read(folder, given={"ledger": "postgres://me@db/jobs", "queues": "sqs://eu-west-1/media"})
    assert (settings.term_grace, settings.lease_margin) == (5_000, 16_000)
    assert settings.ledger == "postgresql://me@db/jobs"
    assert settings.ledger_path is None
    assert not settings.embedded


def test_what_kubernetes_puts_into_the_environment_is_no_mistake(folder: Path) -> None:
    read(folder, {"LEASEHOLD_SERVICE_HOST": "10.0.0.1", "LEASEHOLD_PORT_8300_TCP": "x", "LEASEHOLD_DEBUG": "1"})


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        (
            {"LEASEHOLD_WORKER_SLOT": "4"},
            MISTYPED,
        ),
        (
            {"LEASEHOLD_WORKER_SLOTS": "many"},
            "LEASEHOLD_WORKER_SLOTS in the environment takes a whole number from 1 to 1,024, such as 4, not 'many'",
        ),
        (
            {"LEASEHOLD_WINDOW": "10001"},
            "LEASEHOLD_WINDOW in the environment takes a whole number from 1 to 10,000, not '10001'",
        ),
        (
            {"LEASEHOLD_VALIDITY": "soon"},
            "LEASEHOLD_VALIDITY in the environment takes a duration from 1 s to 12 h, such as 10m, not 'soon'",
        ),
        (
            {"LEASEHOLD_CAPABILITY_KEY": "my secret"},
            "LEASEHOLD_CAPABILITY_KEY in the environment takes 64 hexadecimal digits",
        ),
        (
            {"LEASEHOLD_LEASE_MARGIN": "1s"},
            TOO_THIN,
        ),
    ],
)
def test_a_mistake_in_the_environment_gets_one_sentence(folder: Path, environ: dict[str, str], sentence: str) -> None:
    with pytest.raises(BadSettings) as caught:
        read(folder, environ)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ledger", "mysql://db"),
        ("ledger", "sqlite://"),
        ("ledger", "sqlite:///:memory:"),
        ("ledger", 5),
        ("ledger", " "),
        ("queues", "sqs://"),
        ("store", "ftp://host"),
        ("app", ""),
        ("topology", "three-queue"),
        ("worker_slots", 0),
        ("worker_slots", 1.5),
        ("worker_slots", True),
        ("worker_queues", "a,,b"),
        ("worker_queues", ["two words"]),
        ("payload_limit", "1 B"),
        ("validity", "1 d"),
        ("validity", ["10m"]),
        ("dashboard_address", "localhost"),
        ("dashboard_address", "localhost:99999"),
        ("signing_key", "abcd"),
        ("verify_keys", "ab,cd"),
        ("log_level", "loud"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_what_the_key_takes(folder: Path, key: str, value: object) -> None:
    with pytest.raises(BadSettings, match=f"^{key} in the call takes "):
        read(folder, given={key: value})


def test_a_mistake_in_the_file_names_the_file(folder: Path) -> None:
    path = toml(folder, "worker_slot = 4")
    with pytest.raises(BadSettings) as caught:
        read(folder)
    assert str(caught.value) == f"there is no setting 'worker_slot' (read in {path}). Did you mean 'worker_slots'?"


def test_a_key_like_no_other_is_answered_with_all_there_are(folder: Path) -> None:
    with pytest.raises(BadSettings, match=r"'colour' \(read in the call\)\. There are: ledger, queues"):
        read(folder, given={"colour": "red"})


def test_a_value_that_is_overruled_must_be_right_all_the_same(folder: Path) -> None:
    toml(folder, "window = 'wide'")
    with pytest.raises(BadSettings, match=r"window in .*leasehold\.toml takes"):
        read(folder, given={"window": 3})


def test_a_file_that_is_no_toml_is_named(folder: Path) -> None:
    path = toml(folder, "window: 3")
    with pytest.raises(BadSettings, match=f"{path} cannot be read as TOML"):
        read(folder)


def test_a_named_file_must_exist(folder: Path) -> None:
    with pytest.raises(BadSettings, match=r"LEASEHOLD_CONFIG names .*gone\.toml, which does not exist"):
        read(folder, {"LEASEHOLD_CONFIG": "gone.toml"})


def test_secrets_are_not_shown(folder: Path) -> None:
    settings = read(folder, given={"capability_key": "ab" * 32, "signing_key": "cd" * 32})
    assert "\\xab" not in repr(settings)
    assert "\\xcd" not in repr(settings)


@pytest.mark.parametrize(
    "ledger",
    ["postgresql://me:hunter2@db/jobs", "postgresql://db/jobs?password=hunter2", "postgresql://me:a@hunter2@db/jobs"],
)
def test_the_password_of_the_ledger_is_not_shown(folder: Path, ledger: str) -> None:
    settings = read(folder, given={"ledger": ledger})
    assert settings.ledger == ledger
    assert "hunter2" not in settings.ledger_shown
    assert "hunter2" not in repr(settings)
    with pytest.raises(BadSettings) as refused:
        read(folder, given={"ledger": ledger.replace("postgresql", "mysql")})
    assert "hunter2" not in str(refused.value)
