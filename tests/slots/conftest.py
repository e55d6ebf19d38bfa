"""Real slots for tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.slots.bench import Bench, Held

Make = Callable[..., Bench]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes benches as asked for; they are closed at the end."""
    with ExitStack() as stack:

        def made(*arguments: object, **options: object) -> Bench:
            bench = Bench(*arguments, **options)  # type: ignore[arg-type] - passed on as they come
            stack.callback(bench.pool.close)
            return bench

        yield made


@pytest.fixture(scope="module")
def shared() -> Iterator[Bench]:
    """One bench for a whole file: for tests that leave it as they found it."""
    bench = Bench(2)
    yield bench
    bench.pool.close()


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    """A pipe that handlers hold open."""
    pipe = Held(tmp_path)
    yield pipe
    pipe.close()
