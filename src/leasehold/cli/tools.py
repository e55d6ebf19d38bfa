"""What commands work with: settings, the system behind them, a clock for ages. Tests hand in their own."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import tzinfo
from time import sleep, time
from typing import TYPE_CHECKING, Protocol

import click

from leasehold.core.addresses import not_by_api
from leasehold.core.errors import LedgerUnavailable
from leasehold.settings import Settings, read_settings

if TYPE_CHECKING:
    from leasehold.assemble import Parts


class Servants(Protocol):
    """The processes that serve a ledger while somebody waits."""

    def start(self) -> None:
        """Start what is not running yet."""
        ...

    def check(self) -> None:
        """Raise ``LeaseholdError`` if one of them has ended by itself."""
        ...

    def stop(self) -> None:
        """Drain and stop what was started; a second Ctrl-C meanwhile stops it at once."""
        ...


def system_now() -> int:
    """This machine's wall clock, ms since the epoch: for ages that people read, never for decisions."""
    return int(time() * 1_000)


def assembled(settings: Settings) -> Parts:
    """The real parts."""
    from leasehold.assemble import Parts

    return Parts(settings)


class Nobody:
    """Serves nothing: others do, where the ledger is."""

    def start(self) -> None:
        """There is nobody to start."""

    def check(self) -> None:
        """Nobody can have ended."""

    def stop(self) -> None:
        """There is nobody to stop."""


def embedded(settings: Settings, app: str, workers: int) -> Servants:
    """Child processes of this one; nobody where the ledger is behind an API, which is served where it is."""
    if settings.api is not None:
        return Nobody()
    from leasehold.embedded import EmbeddedSystem

    return EmbeddedSystem(settings, app, workers=workers)


@dataclass
class Tools:
    """How a command gets at the system."""

    assemble: Callable[[Settings], Parts] = assembled
    servants: Callable[[Settings, str, int], Servants] = embedded
    now: Callable[[], int] = system_now
    pause: Callable[[float], object] = sleep
    """Waits so many seconds before something is looked at again."""
    zone: tzinfo | None = None
    """In which times are said; ``None``: this machine's."""

    def settings(
        self,
        ledger: str | None = None,
        app: str | None = None,
        worker_slots: int | None = None,
        worker_queues: str | None = None,
        dashboard_address: str | None = None,
    ) -> Settings:
        """The settings, with what the command line says above all."""
        return read_settings(
            given_by="the command line",
            ledger=ledger,
            app=app,
            worker_slots=worker_slots,
            worker_queues=worker_queues,
            dashboard_address=dashboard_address,
        )

    @contextmanager
    def opened(self, settings: Settings) -> Generator[Parts]:
        """The system of these settings, closed at the end."""
        system = self.assemble(settings)
        try:
            yield system
        finally:
            system.close()

    @contextmanager
    def system(self, ledger: str | None, *, itself: bool = False) -> Generator[Parts]:
        """The system of that ledger (``None``: of the one that the settings name), closed at the end.

        A file that does not exist is not made: whoever looks into the wrong folder is told so. ``itself``: it takes
        the database, and an API is refused.
        """
        settings = self.existing(ledger)
        if itself and settings.api is not None:
            raise not_by_api(settings.ledger)
        with self.opened(settings) as system:
            yield system

    def existing(self, ledger: str | None, *, app: str | None = None, dashboard_address: str | None = None) -> Settings:
        """The settings of a ledger that is there; raises ``LedgerUnavailable``."""
        settings = self.settings(ledger=ledger, app=app, dashboard_address=dashboard_address)
        path = settings.ledger_path
        if path is not None and not path.exists():
            raise LedgerUnavailable(
                f"there is no ledger {path}. The first task makes one (leasehold run, leasehold init); "
                "or name another one with --ledger or LEASEHOLD_LEDGER"
            )
        return settings


pass_tools = click.make_pass_decorator(Tools, ensure=True)
