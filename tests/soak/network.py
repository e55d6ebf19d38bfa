"""The network between processes and servers: ways that can be cut, fall silent, or become slow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Any

HERE = "127.0.0.1"
CHUNK = 65_536
BOUND = 30.0
DELAY = 0.15
"""s that each chunk takes on a slow way."""


class Link:
    """One way to a server. Used inside the network's thread only."""

    def __init__(self, to: int) -> None:
        self.to = to
        self.port = 0
        self.cut = False
        self.slow = False
        self.passing = asyncio.Event()
        """Unset: everything is swallowed in silence."""
        self.passing.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._joined: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._join, HERE, 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def end(self) -> None:
        """Let nobody in any more, and end every connection with all that waits on it."""
        assert self._server is not None
        self._server.close()
        self.drop()
        for joined in [*self._joined]:
            joined.cancel()
        await asyncio.gather(*self._joined, return_exceptions=True)

    def drop(self) -> None:
        """End every connection."""
        for writer in [*self._open]:
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        task: asyncio.Task[None] | None = asyncio.current_task()
        assert task is not None
        self._joined.add(task)
        far: asyncio.StreamWriter | None = None
        try:
            await self.passing.wait()
            if not self.cut:
                back, far = await asyncio.open_connection(HERE, self.to)
                self._open.add(far)
                await asyncio.gather(self._pump(reader, far), self._pump(back, writer))
        except (OSError, asyncio.CancelledError):
            pass  # the server is down, or the network ends: whoever called sees the connection end
        finally:
            self._joined.discard(task)
            for each in (writer, far):
                if each is not None:
                    self._open.discard(each)
                    each.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                await self.passing.wait()
                if self.slow:
                    await pause(DELAY)
                writer.write(data)
                await writer.drain()
        with suppress(OSError):
            writer.close()


class Network:
    """All ways, by name, in a thread of their own."""

    def __init__(self, **to: int) -> None:
        """``to``: the port of the server behind each way."""
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="network", daemon=True)
        self._thread.start()
        self._links: dict[str, Link] = self._ask(lambda: {name: Link(port) for name, port in to.items()})
        for link in self._links.values():
            asyncio.run_coroutine_threadsafe(link.listen(), self._loop).result(BOUND)

    @property
    def names(self) -> list[str]:
        return sorted(self._links)

    def port(self, name: str) -> int:
        """Where that way begins."""
        return self._links[name].port

    def cut(self, name: str) -> None:
        """End what is connected, and let nobody in."""
        self._ask(lambda: self._set(name, cut=True))

    def silence(self, name: str) -> None:
        """Swallow everything, and end nothing: as a firewall that has forgotten a connection."""
        self._ask(self._links[name].passing.clear)

    def slow(self, name: str) -> None:
        """Let everything take its time."""
        self._ask(lambda: self._set(name, slow=True))

    def mend(self, name: str, *, drop: bool) -> None:
        """As it was; ``drop``: what was connected is ended, or else what was held back arrives now."""
        self._ask(lambda: self._mend(self._links[name], drop=drop))

    def close(self) -> None:
        """End everything."""
        for link in self._links.values():
            asyncio.run_coroutine_threadsafe(link.end(), self._loop).result(BOUND)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(BOUND)
        self._loop.close()

    def _set(self, name: str, *, cut: bool = False, slow: bool = False) -> None:
        link = self._links[name]
        link.cut, link.slow = cut, slow
        if cut:
            link.drop()

    def _mend(self, link: Link, *, drop: bool) -> None:
        link.cut = link.slow = False
        if drop:
            link.drop()
        link.passing.set()

    def _ask(self, what: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever it returns
        async def asked() -> Any:  # noqa: ANN401 - as above
            return what()

        return asyncio.run_coroutine_threadsafe(asked(), self._loop).result(BOUND)


async def pause(seconds: float) -> None:
    """Wait so long."""
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, over.set)
    await over.wait()
