"""What an App holds once it is used: a client, and the processes that it started."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from leasehold.assemble import Parts
from leasehold.embedded import EmbeddedSystem
from leasehold.settings import read_settings

if TYPE_CHECKING:
    from leasehold.flow.client import Client


class Behind(Protocol):
    """What an App needs behind it."""

    @property
    def client(self) -> Client:
        """Submits, waits, cancels, retries."""
        ...

    def new_id(self) -> str:
        """A fresh id."""
        ...

    def serve(self) -> None:
        """Somebody begins to wait: make sure that somebody works."""
        ...

    def close(self) -> None:
        """Release what is held."""
        ...


class Connection:
    """A client of the ledger that the settings name."""

    def __init__(self, settings: Mapping[str, Any], spec: Callable[[], str], queues: Iterable[str] = ()) -> None:
        """``spec`` names the application for workers, ``queues`` are those of its handlers."""
        read = read_settings(**settings)
        self.settings = replace(read, worker_queues=tuple(dict.fromkeys((*read.worker_queues, *queues))))
        self._parts = Parts(self.settings)
        self._spec = spec
        self._system: EmbeddedSystem | None = None

    @property
    def client(self) -> Client:
        """Submits, waits, cancels, retries."""
        return self._parts.client

    def new_id(self) -> str:
        """A fresh id."""
        return self._parts.ids()

    def serve(self) -> None:
        """On the embedded default: make sure that somebody serves this ledger while we wait."""
        if self._system is None and self.settings.embedded:
            self.serve_with(EmbeddedSystem(self.settings, self.settings.app or self._spec()))

    def serve_with(self, system: EmbeddedSystem) -> None:
        """Start this system, and stop it when this connection closes."""
        self._system = system
        system.start()
        self.client.check = system.check

    def close(self) -> None:
        """Stop what was started, and release the ledger."""
        if self._system is not None:
            self._system.stop()
            self._system = None
        self._parts.close()
