"""Handlers are registered with a lease that works, a policy that makes sense, and a name of their own."""

from functools import partial

import pytest

from leasehold.core.errors import BadApplication, BadLease, UnknownHandler
from leasehold.core.model import Policy
from leasehold.flow.registry import (
    LONGEST_LEASE,
    USEFUL,
    Registry,
    Retry,
    check_lease,
    parse_backoff,
    parse_lease,
    useful_minimum,
)


def job(source: str) -> None:
    del source


async def job_async(source: str) -> None:
    del source


@pytest.fixture
def registry() -> Registry:
    return Registry()


def test_a_handler_is_found_by_its_name(registry: Registry) -> None:
    handler = registry.add(job, lease="8s", queue="slow", priority=3)
    assert registry.find("job") is registry.get("job") is handler
    assert list(registry.all()) == [handler]
    assert (handler.name, handler.queue, handler.priority, handler.is_async) == ("job", "slow", 3, False)
    assert handler.policy == Policy(lease=8_000)


def test_the_policy_is_what_retry_says(registry: Registry) -> None:
    retry = Retry(attempts=3, backoff="500ms..1h", losses=7)
    handler = registry.add(job, lease=90, retry=retry)
    assert handler.policy == Policy(90_000, attempts=3, losses=7, backoff_base=500, backoff_cap=3_600_000)


def test_an_unknown_handler_is_answered_with_the_known_ones(registry: Registry) -> None:
    registry.add(job)
    with pytest.raises(UnknownHandler, match=r"no handler 'jbo'. The application has: job. Did you mean 'job'?"):
        registry.get("jbo")


def test_a_name_is_taken_once(registry: Registry) -> None:
    registry.add(job)
    with pytest.raises(BadApplication, match="a handler 'job' already"):
        registry.add(job_async, name="job")


@pytest.mark.parametrize("name", ["a\nb", "x" * 201])
def test_a_name_must_be_presentable(registry: Registry, name: str) -> None:
    with pytest.raises(BadApplication, match="printable name"):
        registry.add(job, name=name)


def test_what_has_no_name_needs_one(registry: Registry) -> None:
    with pytest.raises(BadApplication, match="name="):
        registry.add(partial(job, "x"))


def test_async_functions_are_recognised_behind_partials_and_calls(registry: Registry) -> None:
    class Callable:
        async def __call__(self) -> None: ...

        async def method(self) -> None: ...

    assert registry.add(job_async).is_async
    assert registry.add(partial(job_async, "x"), name="partial").is_async
    assert registry.add(Callable(), name="callable").is_async
    assert registry.add(Callable().method).is_async


def test_only_async_handlers_share_a_slot(registry: Registry) -> None:
    assert registry.add(job_async, concurrency=50).concurrency == 50
    with pytest.raises(BadApplication, match="needs an async function"):
        registry.add(job, concurrency=2)
    with pytest.raises(BadApplication, match="needs an async function"):
        registry.add(job_async, name="none", concurrency=0)


@pytest.mark.parametrize("lease", ["1 fortnight", "-1s", -1, float("inf"), float("nan")])
def test_a_lease_must_be_a_duration(registry: Registry, lease: str | float) -> None:
    with pytest.raises(BadLease, match="duration"):
        registry.add(job, lease=lease)


def test_a_lease_is_no_longer_than_a_queue_can_hide_a_message() -> None:
    assert parse_lease("43195s") == LONGEST_LEASE
    with pytest.raises(BadLease, match=r"12 h .*longer than a queue can hide a message.*Save checkpoints"):
        parse_lease("12h")


def test_a_lease_of_no_time_is_refused() -> None:
    with pytest.raises(BadLease, match="leaves no time"):
        parse_lease("1ms")


@pytest.mark.parametrize(
    ("margin", "least"),
    [(30_000, 10_000), (5_000, 10_000), (2_000, 6_000), (1_000, 3_000), (10, 100), (0, 100)],
)
def test_the_useful_minimum_shrinks_with_a_small_margin(margin: int, least: int) -> None:
    assert useful_minimum(margin) == least <= USEFUL


def test_a_lease_must_leave_time_to_work_beside_the_margin(registry: Registry) -> None:
    registry.add(job, lease="8s")
    registry.check(margin=2_000)
    with pytest.raises(BadLease, match=r"'job' has a lease of 8 s, but 5 s of it.*give it at least 15 s"):
        registry.check(margin=5_000)
    check_lease("job", 15_000, 5_000)


@pytest.mark.parametrize("backoff", ["soon", "2s..later", "10m..2s"])
def test_a_backoff_must_be_a_range(backoff: str) -> None:
    with pytest.raises(BadApplication, match="backoff"):
        Retry(backoff=backoff)


def test_one_duration_alone_is_a_constant_backoff() -> None:
    assert parse_backoff("3s") == (3_000, 3_000)


@pytest.mark.parametrize("budget", [{"attempts": 0}, {"losses": 0}])
def test_a_budget_covers_the_first_run(budget: dict[str, int]) -> None:
    with pytest.raises(BadApplication, match="at least 1"):
        Retry(**budget)  # type: ignore[arg-type] - only the budgets are given


def test_a_command_is_a_handler_that_takes_its_placeholders(registry: Registry) -> None:
    handler = registry.add_command("copy", "cp -v {source} {target}", unrecoverable=(1,), lease="1m")
    assert handler.bind((), {"source": "a b", "target": 7}) == '{"source":"a b","target":7}'
    assert handler.command is not None
    assert handler.command.argv({"source": "a b", "target": 7}) == ["cp", "-v", "a b", "7"]
    assert (handler.unrecoverable, handler.policy.lease) == ((1,), 60_000)
    with pytest.raises(BadApplication, match="in a worker's slot"):
        handler.function(source="a", target="b")
