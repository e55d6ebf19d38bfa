"""What the stories of an attack begin with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployment.conftest import run, sqs
from tests.flow.orchestra import Orchestra

__all__ = ["run", "sqs"]
"""Fixtures of a deployment on SQS, which stories of an attack need too."""


@pytest.fixture
def orchestra(tmp_path: Path) -> Iterator[Orchestra]:
    orchestra = Orchestra(tmp_path)
    yield orchestra
    orchestra.close()
