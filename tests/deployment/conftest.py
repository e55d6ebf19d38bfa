"""Commands of a deployment, run in this process against servers of the tests' own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leasehold.cli.program import outcome
from leasehold.testing.sqs_server import SqsServer
from tests.cli.conftest import Said
from tests.servers import aws

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

JOBS = """
from leasehold import App
app = App("jobs")

@app.task(lease="2h")
def transcribe(source: str) -> str:
    return source

@app.task(queue="media")
def encode(source: str) -> str:
    return source
"""
Command = Callable[..., Said]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command line for real, in a folder with an application; settings by name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))  # loading jobs.py adds its folder
    (tmp_path / "jobs.py").write_text(JOBS, encoding="utf-8")

    def command(*words: str, **settings: str) -> Said:
        with monkeypatch.context() as patched:
            for name, value in settings.items():
                patched.setenv(f"LEASEHOLD_{name.upper()}", value)
            code = outcome(words)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return command


@pytest.fixture
def sqs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqsServer]:
    """SQS with no queue yet; boto3 in this process talks to it."""
    with SqsServer(region=aws.REGION) as server:
        for name, value in aws.environment(server.url, tmp_path).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("LEASEHOLD_QUEUES", "sqs://acme")
        yield server


def client() -> SQSClient:
    """SQS as its owner sees it."""
    import boto3

    return boto3.client("sqs")
