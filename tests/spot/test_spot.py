"""Notices of EC2, asked of a metadata service that checks tokens as IMDSv2 does; and where nobody is asked."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from leasehold.adapters.clock import SystemClock
from leasehold.adapters.spot import LONGEST_NOTICE, Metadata, SpotNotices, machine, metadata_of, on_ec2
from leasehold.core.errors import BadSettings
from leasehold.ports.notices import Notice
from leasehold.testing.imds import ACTION, INSTANCE, ImdsServer

ID = "i-1234567890abcdef0"
NO_SUCH_PORT = "http://127.0.0.1:9"
"""The discard port, where nothing listens."""


@pytest.fixture
def imds() -> Iterator[ImdsServer]:
    with ImdsServer() as server:
        yield server


def notices(server: ImdsServer, *, rebalance: bool = False) -> SpotNotices:
    return SpotNotices(Metadata(server.url), SystemClock(), rebalance=rebalance)


def test_without_a_notice_nothing_is_said(imds: ImdsServer) -> None:
    assert notices(imds).look() is None
    assert [(method, status) for method, _, status in imds.asked] == [
        ("PUT", 200),
        ("GET", 404),
        *[("GET", 200)],
        ("GET", 404),
    ]


@pytest.mark.parametrize("action", ["terminate", "stop"])
def test_an_interruption_is_told_with_the_time_that_is_left(imds: ImdsServer, action: str) -> None:
    imds.interrupt(action, in_ms=100_000)
    notice = notices(imds).look()
    assert notice is not None
    assert notice.reason == f"a spot interruption notice: {action}"
    assert notice.left is not None
    assert 0 < notice.left <= 100_000


def test_a_hibernation_leaves_no_time_at_all(imds: ImdsServer) -> None:
    imds.interrupt("hibernate", in_ms=100_000)
    assert notices(imds).look() == Notice("a spot interruption notice: hibernate", 0)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("", None),
        ("[]", None),
        ('{"action": "terminate"}', None),
        ('{"action": "terminate", "time": "soon"}', None),
        ('{"action": 1, "time": "2017-09-18T08:22:00Z"}', 0),
        ('{"action": "terminate", "time": "2999-09-18T08:22:00Z"}', LONGEST_NOTICE),
    ],
)
def test_a_notice_that_is_not_understood_is_a_notice(imds: ImdsServer, text: str, left: int | None) -> None:
    imds.put(ACTION, text)
    notice = notices(imds).look()
    assert notice is not None
    assert notice.left == left


def test_a_termination_by_the_scaling_group_is_a_notice(imds: ImdsServer) -> None:
    imds.terminate()
    assert notices(imds).look() == Notice("its scaling group terminates this machine")


def test_a_rebalance_recommendation_is_said_in_the_log_once(imds: ImdsServer, caplog: pytest.LogCaptureFixture) -> None:
    imds.recommend()
    looking = notices(imds)
    with caplog.at_level(logging.INFO, "leasehold.spot"):
        assert [looking.look() for _ in range(3)] == [None] * 3
    assert len(caplog.records) == 1
    imds.interrupt()
    assert looking.look() is not None


def test_a_rebalance_recommendation_is_a_notice_where_that_is_wanted(imds: ImdsServer) -> None:
    imds.recommend()
    assert notices(imds, rebalance=True).look() == Notice("a rebalance recommendation")


def test_one_token_serves_many_looks_and_an_expired_one_is_renewed(imds: ImdsServer) -> None:
    looking = notices(imds)
    looking.look()
    looking.look()
    assert [method for method, _, _ in imds.asked].count("PUT") == 1
    imds.expire_tokens()
    imds.interrupt()
    assert looking.look() is not None
    assert [(method, status) for method, _, status in imds.asked][-3:] == [("GET", 401), ("PUT", 200), ("GET", 200)]


def test_what_cannot_be_asked_has_said_nothing_and_is_complained_of_once(caplog: pytest.LogCaptureFixture) -> None:
    looking = SpotNotices(Metadata(NO_SUCH_PORT), SystemClock())
    assert [looking.look() for _ in range(3)] == [None] * 3
    assert len(caplog.records) == 1
    assert "hop-limit" in caplog.text


def test_behind_a_hop_limit_that_is_too_low_a_look_ends_soon(
    imds: ImdsServer, caplog: pytest.LogCaptureFixture
) -> None:
    imds.silent.set()
    looking = notices(imds)
    assert looking.look() is None
    assert "hop-limit" in caplog.text
    imds.silent.clear()
    imds.interrupt()
    assert looking.look() is not None


class Odd(BaseHTTPRequestHandler):
    """Whatever it is, it is no metadata service."""

    def do_PUT(self) -> None:
        self.wfile.write(b"SSH-2.0-x\r\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


def test_something_else_that_listens_there_does_no_harm(caplog: pytest.LogCaptureFixture) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    assert SpotNotices(Metadata(f"http://127.0.0.1:{server.server_address[1]}"), SystemClock()).look() is None
    assert "hop-limit" in caplog.text
    server.shutdown()
    server.server_close()
    thread.join()


# ------------------------------------------------------------------------------------------------------ where it is


def firmware(root: Path, **files: str) -> Path:
    folder = root / "sys/class/dmi/id"
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(f"{text}\n")
    return root


def test_a_machine_of_ec2_is_known_by_its_firmware(tmp_path: Path) -> None:
    assert on_ec2(firmware(tmp_path / "nitro", sys_vendor="Amazon EC2", board_asset_tag=ID))
    assert on_ec2(firmware(tmp_path / "xen", sys_vendor="Xen", bios_version="4.11.amazon"))
    (tmp_path / "old/sys/hypervisor").mkdir(parents=True)
    (tmp_path / "old/sys/hypervisor/uuid").write_text("ec2e1916-9099-7caf-fd21-012345abcdef\n")
    assert on_ec2(tmp_path / "old")
    assert not on_ec2(firmware(tmp_path / "laptop", sys_vendor="LENOVO"))
    assert not on_ec2(tmp_path / "nothing")


@pytest.mark.parametrize(
    "environ",
    [
        {"KUBERNETES_SERVICE_HOST": "10.0.0.1"},
        {"ECS_CONTAINER_METADATA_URI_V4": "http://169.254.170.2/v4/x"},
        {"AWS_EC2_METADATA_DISABLED": "true"},
    ],
)
def test_by_itself_only_a_machine_of_ec2_outside_containers_is_asked(tmp_path: Path, environ: dict[str, str]) -> None:
    ec2 = firmware(tmp_path / "ec2", sys_vendor="Amazon EC2")
    assert metadata_of("auto", {}, ec2) is not None
    assert metadata_of("auto", environ, ec2) is None
    assert metadata_of("auto", {}, firmware(tmp_path / "laptop", sys_vendor="LENOVO")) is None
    assert metadata_of("off", {}, ec2) is None


def test_where_it_is_wanted_it_is_asked_anywhere_unless_it_is_switched_off_for_boto3_too(tmp_path: Path) -> None:
    assert metadata_of("on", {}, tmp_path) is not None
    assert metadata_of("on", {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, tmp_path) is not None
    assert metadata_of("on", {"AWS_EC2_METADATA_DISABLED": "TRUE"}, tmp_path) is None
    assert metadata_of("on", {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"}, tmp_path) is not None
    with pytest.raises(BadSettings, match="must begin with http://"):
        metadata_of("on", {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "169.254.169.254"}, tmp_path)


def test_an_instance_is_called_as_its_events_call_it(imds: ImdsServer, tmp_path: Path) -> None:
    ec2 = firmware(tmp_path / "ec2", sys_vendor="Amazon EC2", board_asset_tag="i-0123456789abcdef1")
    assert machine(Metadata(imds.url), {}, ec2) == ID
    assert machine(Metadata(NO_SUCH_PORT), {}, ec2) == machine(None, {}, ec2) == "i-0123456789abcdef1"
    imds.put(INSTANCE, "<html>")
    assert machine(Metadata(imds.url), {}, ec2) is None
    assert machine(None, {}, firmware(tmp_path / "laptop", board_asset_tag=ID)) is None


def test_a_container_task_is_called_by_its_arn(imds: ImdsServer) -> None:
    arn = "arn:aws:ecs:us-west-2:111122223333:task/default/158d1c8083dd49d6b527399fd6414f5c"

    class Task(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f'{{"Cluster": "default", "TaskARN": "{arn}"}}' if self.path == "/v4/x/task" else "[]"
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Task)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    there = f"http://127.0.0.1:{server.server_address[1]}/v4"
    asked = [f"{there}/x", f"{there}/y", f"{NO_SUCH_PORT}/x", "ftp://there/x"]
    found = [machine(Metadata(imds.url), {"ECS_CONTAINER_METADATA_URI_V4": uri}) for uri in asked]
    assert found == ["ecs:158d1c8083dd49d6b527399fd6414f5c", None, None, None]
    server.shutdown()
    server.server_close()
    thread.join()
