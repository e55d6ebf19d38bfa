"""The server's life: where it listens, how it ends, what it keeps; as a process; by its control path."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from leasehold.testing.clock import ManualClock
from leasehold.testing.queue_bench import in_thread
from leasehold.testing.sqs_server import Fault, SqsServer, SqsServerProcess, Tally
from tests.sqs_server.conftest import Moves, settled

BOUND = 60


def control(url: str, method: str, path: str, given: object = None) -> Any:  # noqa: ANN401 - any JSON
    body = None if given is None else json.dumps(given).encode()
    with urlopen(Request(f"{url}/_leasehold/{path}", body, method=method), timeout=BOUND) as reply:  # noqa: S310 - http, on this machine
        return json.load(reply)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "localhost", "192.168.0.1"])  # noqa: S104 - it is refused
def test_it_listens_on_this_machine_and_nowhere_else(host: str) -> None:
    with pytest.raises(ValueError, match=rf"on 127\.0\.0\.1 only, not on {host}"):
        SqsServer(host=host)


def test_while_it_is_stopped_nobody_answers(moves: Moves) -> None:
    url = moves.queue()
    moves.send(url, "kept")
    moves.server.stop()
    with pytest.raises(EndpointConnectionError):
        moves.send(url, "not sent")
    assert [copy.body for copy in moves.peek(url)] == ["kept"]
    moves.server.start()
    assert moves.bodies(url) == ["kept"]


def test_a_restart_keeps_the_port_and_the_messages_unless_told_otherwise(moves: Moves) -> None:
    url = moves.queue()
    moves.send(url, "a")
    moves.server.restart()
    assert moves.bodies(url) == ["a"]
    moves.server.restart(keep=False)
    assert moves.code(lambda: moves.receive(url)) == "AWS.SimpleQueueService.NonExistentQueue"
    assert moves.queue() == url


def test_a_stop_ends_long_polls(moves: Moves) -> None:
    url = moves.queue()
    poll = in_thread(lambda: moves.receive(url, WaitTimeSeconds=20))
    moves.send(moves.queue("other"), "a")
    moves.server.stop()
    assert poll.exception(BOUND) is not None


def test_stopping_twice_and_starting_twice() -> None:
    server = SqsServer()
    server.stop()
    with server:
        with pytest.raises(RuntimeError, match="runs already, at http://127"):
            server.start()
        server.stop()
        server.stop()


def test_a_port_that_is_taken_is_an_error_at_the_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = SqsServer(taken.getsockname()[1])
        with pytest.raises(OSError, match=r"address already in use"):
            server.start()
        server.stop()


def test_its_environment_leads_boto3_to_it(moves: Moves) -> None:
    program = "import boto3; print(boto3.client('sqs').create_queue(QueueName='q')['QueueUrl'])"
    environment = {"PATH": os.environ["PATH"], **moves.server.environment()}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True, timeout=BOUND
    )
    assert done.stdout.strip() == moves.server.queue_url("q")


# -- the control path --------------------------------------------------------------------------------------------------


def test_the_counter_can_be_read_and_reset_from_outside(moves: Moves) -> None:
    moves.queue()
    url = moves.server.url
    row = {"action": "CreateQueue", "queue": "q", "requests": 1, "billed": 1, "empty": 0, "failed": 0}
    assert control(url, "GET", "requests") == [row]
    control(url, "DELETE", "requests")
    assert control(url, "GET", "requests") == []


def test_faults_can_be_set_and_ended_from_outside(moves: Moves) -> None:
    queue, url = moves.queue(), moves.server.url
    control(url, "POST", "faults", {"kind": "throttle", "times": 1})
    control(url, "POST", "faults", [{"kind": "error_503", "queue": "none"}])
    assert moves.code(lambda: moves.send(queue, "a")) == "RequestThrottled"
    moves.send(queue, "a")
    there = control(url, "GET", "faults")
    assert [fault["kind"] for fault in there["faults"]] == ["throttle", "error_503"]
    assert there["fired"] == {"throttle": 1}
    control(url, "DELETE", "faults")
    assert control(url, "GET", "faults")["faults"] == []


def test_a_manual_clock_can_be_turned_from_outside(moves: Moves) -> None:
    queue, url = moves.queue(), moves.server.url
    moves.send(queue, "a")
    moves.receive(queue, VisibilityTimeout=30)
    now = control(url, "GET", "clock")["now"]
    assert control(url, "POST", "clock", {"advance": 30_000}) == {"now": now + 30_000}
    assert control(url, "GET", "queues") == {"q": {"visible": 1, "in_flight": 0, "delayed": 0}}


@pytest.mark.parametrize(
    ("method", "path", "given", "status", "said"),
    [
        ("GET", "nothing", None, 404, "there is no GET /_leasehold/nothing. There are: GET /_leasehold/requests, "),
        ("POST", "faults", {"kind": "nothing"}, 400, "there is no fault 'nothing'"),
        ("POST", "faults", ["throttle"], 400, "a fault is"),
        ("POST", "clock", {"advance": -1}, 400, "time does not run backwards"),
    ],
)
def test_a_mistake_on_the_control_path_is_explained(
    moves: Moves, method: str, path: str, given: object, status: int, said: str
) -> None:
    with pytest.raises(HTTPError) as caught:
        control(moves.server.url, method, path, given)
    with caught.value as reply:
        assert reply.status == status
        assert json.load(reply)["message"].startswith(said)


def test_a_clock_that_runs_by_itself_cannot_be_turned() -> None:
    with SqsServer() as server, pytest.raises(HTTPError) as caught:
        control(server.url, "POST", "clock", {"advance": 1})
    with caught.value as reply:
        assert "runs by itself" in json.load(reply)["message"]


# -- as a process ------------------------------------------------------------------------------------------------------


def test_a_server_of_its_own_process_counts_and_misbehaves(session: boto3.Session) -> None:
    with SqsServerProcess(faults=[Fault("throttle", times=1)]) as server:
        moves = Moves(server, session)  # type: ignore[arg-type] - it has url and region too
        assert moves.code(moves.queue) == "RequestThrottled"
        url = moves.queue()
        moves.send(url, "a")
        assert server.requests()["SendMessage", "q"] == Tally(requests=1, billed=1)
        server.reset()
        assert server.requests() == {}
        server.add_faults(Fault("error_500"))
        assert moves.code(lambda: moves.send(url, "a")) == "InternalFailure"
        server.clear_faults()
        assert moves.bodies(url) == ["a"]
        assert server.environment()["AWS_ENDPOINT_URL_SQS"] == server.url
        moves.sqs.close()


def test_a_long_poll_in_real_time_ends_when_it_should(session: boto3.Session) -> None:
    with SqsServer() as server:
        moves = Moves(server, session)
        url = moves.queue()
        moves.send(url, "a")
        moves.receive(url, VisibilityTimeout=1)
        assert moves.bodies(url, WaitTimeSeconds=20) == ["a"]
        assert moves.bodies(url, WaitTimeSeconds=1) == []
        moves.sqs.close()


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "leasehold.testing.sqs_server", "--port", "0", *arguments]


def test_the_command_says_how_to_reach_it_and_ends_when_interrupted() -> None:
    with subprocess.Popen(command("--fault", "throttle=1,times=1"), stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        name, _, url = server.stdout.readline().strip().partition("=")
        assert name == "export AWS_ENDPOINT_URL_SQS"
        (fault,) = control(url, "GET", "faults")["faults"]
        assert (fault["kind"], fault["times"]) == ("throttle", 1)
        server.send_signal(signal.SIGINT)
        assert server.wait(BOUND) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--host", "0.0.0.0"], "127.0.0.1 only"), (["--fault", "nothing"], "there is no fault 'nothing'")],  # noqa: S104 - it is refused
)
def test_a_mistake_on_the_command_line_is_explained(arguments: list[str], said: str) -> None:
    done = subprocess.run(command(*arguments), capture_output=True, text=True, check=False, timeout=BOUND)
    assert done.returncode == 1
    assert said in done.stderr


def test_two_servers_are_apart(session: boto3.Session) -> None:
    with SqsServer(clock=ManualClock()) as one, SqsServer(clock=ManualClock()) as other:
        here, there = Moves(one, session), Moves(other, session)
        here.send(here.queue(), "a")
        assert there.code(lambda: there.receive(other.queue_url("q"))) == "AWS.SimpleQueueService.NonExistentQueue"
        for moves in (here, there):
            settled(in_thread(moves.sqs.close))
