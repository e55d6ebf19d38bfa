"""How a queue misbehaves, by chance from a seeded source: the same seed gives the same misfortune."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TypedDict, Unpack, cast


class Rates(TypedDict, total=False):
    """The probability of each fault, 0 to 1. The first word of a comment says how often the dice are thrown."""

    # Per receive of a message
    duplicate: float
    """A second copy exists, which is delivered, hidden and deleted on its own: at once or up to ``horizon`` later,
    with the same receive count or the next."""
    # Per receive call
    reorder: float
    """Later messages overtake earlier ones."""
    short: float
    """Fewer messages come than there are, or none."""
    lose_reply_receive: float
    """Messages are received and hidden, but the caller never sees them."""
    # Per message sent
    delay: float
    """The message can be received only up to ``horizon`` later."""
    vanish: float
    """The message is confirmed and lost all the same (purged, expired, deleted by a stranger)."""
    # Per send call
    lose_send: float
    """The request never arrives; the caller does not know."""
    lose_reply_send: float
    """The messages are on the queue; the caller does not know."""
    # Per entry
    fail_entry: float
    """The entry of a send, delete or change fails and does nothing, and the caller is told so."""
    undeleted: float
    """A delete is confirmed, and the message comes back all the same."""
    stale_delete: float
    """A delete with the receipt of an earlier receive does delete."""
    # Per call of that kind
    lose_reply_delete: float
    """The messages are deleted; the caller is told that they may not be."""
    lose_reply_change: float
    """The changes are made; the caller is told that they may not be."""
    # Per call of any kind
    unavailable: float
    """The call fails as a whole and does nothing."""


FAULTS = tuple(Rates.__annotations__)


class Faults:
    """The dice. ``fired`` counts the faults that struck, so that a test can say that they did."""

    def __init__(self, random: Random | None = None, *, horizon: int = 60_000, **rates: Unpack[Rates]) -> None:
        if unknown := set(rates) - set(FAULTS):
            raise ValueError(f"unknown faults: {', '.join(sorted(unknown))}. There are: {', '.join(FAULTS)}.")
        self.random = random or Random(0)  # noqa: S311 - misfortune, not secrets
        self.horizon = horizon
        self.fired: Counter[str] = Counter()
        self._rates = cast("dict[str, float]", dict(rates))

    def strikes(self, fault: str) -> bool:
        """Throw the dice for one fault."""
        rate = self._rates.get(fault)
        if not rate or self.random.random() >= rate:
            return False
        self.fired[fault] += 1
        return True

    def later(self) -> int:
        """How much later (ms): at once as often as not, else up to the horizon."""
        return self.random.choice((0, self.random.randint(1, self.horizon)))

    def stop(self) -> None:
        """No more faults from here on."""
        self._rates = {}
