"""The command line with its store in an S3 bucket: arguments, a checkpoint, a result and a log that fit no message."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest

from tests.cli.test_end_to_end import Shell
from tests.servers.aws import REGION, environment
from tests.servers.ministack import ministack

JOBS = """
from leasehold import App, current
app = App("jobs")

@app.task(lease="60s")
def swell(text: str) -> str:
    current().save({"length": len(text)})
    assert current().load(None) == {"length": len(text)}
    print("x" * 20_000)
    return text * 2
"""
LARGE = 60_000
"""Characters: more than what rides in a message."""


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], set[str]]]:
    """The folders in a bucket called ``jobs``."""
    with ministack() as address:
        for name, value in environment(address, tmp_path).items():
            monkeypatch.setenv(name, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket="jobs", CreateBucketConfiguration={"LocationConstraint": REGION})
        yield lambda: {entry["Key"].split("/")[1] for entry in client.list_objects_v2(Bucket="jobs")["Contents"]}
        client.close()


def test_what_is_large_goes_through_the_bucket_and_checkpoints_are_forgotten(
    tmp_path: Path, kept: Callable[[], set[str]]
) -> None:
    (tmp_path / "jobs.py").write_text(JOBS, encoding="utf-8")
    (tmp_path / "rows.jsonl").write_text(json.dumps({"text": "a" * LARGE}) + "\n", encoding="utf-8")
    shell = Shell(tmp_path)
    shell.environment["LEASEHOLD_STORE"] = "s3://jobs/media"
    told = shell.json("run", "jobs.py:swell", "rows.jsonl")
    assert told["completed"] == 1
    (line,) = shell.lines("batch", "export", told["batch"])
    assert line["result"] == "aa" * LARGE
    task = shell.lines("tasks", "ls", "--json")[0]["id"]
    assert shell.run("tasks", "logs", task).strip() == "x" * 20_000
    assert kept() == {"arguments", "logs", "results"}
    assert not (tmp_path / "leasehold.store").exists()
