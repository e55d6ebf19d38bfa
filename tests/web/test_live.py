"""The live tick: one reading a second for all who watch, none for nobody, and no stream that outlives its server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any, cast

import pytest

from leasehold.adapters.memory.tokens import MemoryTokens
from leasehold.core.errors import LedgerUnavailable
from leasehold.ports.access import Role, Token
from leasehold.ports.views import QueueView, Views
from leasehold.testing.clock import ManualClock
from leasehold.web.guard import Access
from leasehold.web.live import ASKED, OVER, Live, tick
from leasehold.web.user import User

PATIENCE = 30
ADA = User("ada", Role.VIEWER, "127.0.0.1", token_id="t1")
QUEUE = QueueView("media", paused=False, counts={"completed": 3})


class Counters:
    """A read side that knows nothing but counters; its answer stays the same until a test gives it another."""

    def __init__(self, answer: list[QueueView] | Exception) -> None:
        self.answer = answer

    def queues(self) -> list[QueueView]:
        """The answer."""
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Counting(Counters):
    """Counts how often it was asked, and tells that: each reading is another one."""

    def queues(self) -> list[QueueView]:
        """The answer, with its number."""
        (queue,) = super().queues()
        self.answer = [queue._replace(counts={"completed": queue.counts["completed"] + 1})]
        return [queue]


def live_on(counters: Counters | None = None, access: Access | None = None) -> Live:
    """It reads again at once: how often it does while a test looks elsewhere, nobody knows."""
    return Live(cast("Views", counters or Counters([QUEUE])), access or Access(), every=0.001)


async def next_of(stream: AsyncGenerator[bytes]) -> dict[str, Any]:
    """The next tick of a stream."""
    name, data = (await asyncio.wait_for(anext(stream), PATIENCE)).decode().strip().split("\n")
    assert name == "event: tick"
    return json.loads(data.removeprefix("data: "))


async def next_with(stream: AsyncGenerator[bytes], name: str, value: str) -> dict[str, Any]:
    """The first tick from here on that says so."""
    while value not in str((told := await next_of(stream)).get(name)):
        pass
    return told


async def ended(live: Live) -> None:
    """The reading has come to its end."""
    if (reading := live._reading) is not None:
        await asyncio.wait([reading], timeout=PATIENCE)
    assert live._reading is None


def test_a_hundred_streams_share_one_reading() -> None:
    async def story() -> None:
        live = live_on()
        streams = [live.stream(ADA) for _ in range(100)]
        ticks = await asyncio.gather(*map(next_of, streams))
        assert [told["counts"] for told in ticks] == [{"completed": 3}] * 100
        assert live.watching == 100
        assert live.readings < 20
        assert (await next_of(streams[0]))["rest"] == 20_000, "a hundred pages look no oftener than nine"
        await closed(live, streams)

    asyncio.run(story())


def test_nothing_is_read_while_nobody_watches_and_the_next_one_begins_anew() -> None:
    async def story() -> None:
        live = live_on(counters := Counting([QUEUE]))
        first = live.stream(ADA)
        await next_of(first)
        await closed(live, [first])
        assert (live.watching, live._tick) == (0, b"")
        (unread,) = counters.answer
        again = live.stream(ADA)
        told = [(await next_of(again))["counts"]["completed"] for _ in range(5)]
        assert told[0] == unread.counts["completed"], "the first reading since"
        assert told == sorted(set(told)), "each tick is told once, and nobody spins"
        await closed(live, [again])

    asyncio.run(story())


def test_a_ledger_that_is_away_is_told_and_then_that_it_is_back() -> None:
    async def story() -> None:
        live = live_on(counters := Counters(LedgerUnavailable("no")))
        stream = live.stream(ADA)
        assert "The ledger is away" in (await next_of(stream))["away"]
        counters.answer = RuntimeError("a defect")
        assert "a defect" not in (await next_with(stream, "away", "its log says why"))["away"]
        counters.answer = [QUEUE]
        assert "away" not in await next_with(stream, "counts", "3")
        await closed(live, [stream])

    asyncio.run(asyncio.wait_for(story(), PATIENCE))


def test_the_version_changes_with_any_count_and_only_then() -> None:
    more = QUEUE._replace(counts={"completed": 4})
    versions = [tick([queue])["version"] for queue in (QUEUE, QUEUE, QUEUE._replace(paused=True), more)]
    assert versions[0] == versions[1]
    assert len(set(versions)) == 3


def test_streams_end_when_the_server_stops_with_how_things_stand_then() -> None:
    async def story() -> None:
        live = live_on(counters := Counters([QUEUE]))
        streams = [live.stream(ADA), live.stream(ADA)]
        await asyncio.gather(*map(next_of, streams))
        counters.answer = [QUEUE._replace(counts={"completed": 4})]
        live.stopping = lambda: True
        for stream in [*streams, live.stream(ADA)]:
            assert b'"completed":4' in [each async for each in stream][-1]
        await ended(live)

    asyncio.run(asyncio.wait_for(story(), PATIENCE))


@pytest.mark.parametrize("end", ["revoked", "expired", "over"])
def test_a_stream_ends_with_the_token_or_the_session_of_its_reader(end: str) -> None:
    clock = ManualClock()
    tokens = MemoryTokens(clock)
    tokens.add(
        Token("t1", "ada", Role.VIEWER, clock.now(), "root", clock.now() + (500 if end == "expired" else 5_000)), ""
    )
    bob = ADA._replace(token_id=None)

    async def story() -> None:
        live = live_on(access=Access(tokens))
        ended_one = live.stream(ADA._replace(until=clock.now() + (500 if end == "over" else 5_000)))
        other = live.stream(bob)
        for _ in range(2 * ASKED):
            await next_of(ended_one)
            await next_of(other)
        if end == "revoked":
            tokens.revoke("t1", by="root")
        else:
            clock.advance(500)
        assert [each async for each in ended_one][-1] == OVER
        assert (await next_of(other))["counts"] == {"completed": 3}
        await closed(live, [other])

    asyncio.run(asyncio.wait_for(story(), PATIENCE))


def test_whoever_has_a_newer_token_than_the_last_look_is_known() -> None:
    clock = ManualClock()
    tokens = MemoryTokens(clock)

    async def story() -> None:
        live = live_on(access=Access(tokens))
        first = live.stream(ADA._replace(token_id=None))
        for _ in range(ASKED):
            await next_of(first)  # all tokens have been looked at once
        await closed(live, [first])
        tokens.add(Token("t1", "ada", Role.VIEWER, clock.now(), "root", clock.now() + 5_000), "")
        stream = live.stream(ADA)
        assert (await next_of(stream))["counts"] == {"completed": 3}
        await closed(live, [stream])

    asyncio.run(asyncio.wait_for(story(), PATIENCE))


def test_a_ledger_that_is_away_ends_no_stream() -> None:
    class AwayTokens(MemoryTokens):
        def all(self) -> list[Token]:
            raise LedgerUnavailable("no")

    async def story() -> None:
        live = live_on(access=Access(AwayTokens(ManualClock())))
        stream = live.stream(ADA)
        await next_with(stream, "away", "The ledger is away")
        await next_with(stream, "counts", "3")
        await closed(live, [stream])

    asyncio.run(asyncio.wait_for(story(), PATIENCE))


async def closed(live: Live, streams: list[AsyncGenerator[bytes]]) -> None:
    """All readers are gone."""
    for stream in streams:
        await stream.aclose()
    await asyncio.wait_for(ended(live), PATIENCE)
