"""What the stories of an attack begin with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.orchestra import Orchestra


@pytest.fixture
def orchestra(tmp_path: Path) -> Iterator[Orchestra]:
    orchestra = Orchestra(tmp_path)
    yield orchestra
    orchestra.close()
