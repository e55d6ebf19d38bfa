"""Which arguments a handler may have indexed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import get_args

from leasehold.core.errors import BadApplication, BadFilter
from leasehold.core.filters import check_name
from leasehold.core.finding import hidden_by
from leasehold.core.secret import Secret
from leasehold.core.suggest import did_you_mean
from leasehold.flow.arguments import UNSEEN, Parameters

MOST = 8
"""Arguments that a handler may have indexed: each is one more row with every submit."""
SECRET = re.compile(rf"\b{Secret.__name__}\b")


def checked_find(
    name: str, find: Sequence[str], parameters: Parameters, hints: Mapping[str, object]
) -> tuple[str, ...]:
    """The arguments of a handler that are to be indexed. ``hints`` may be text, of what is defined further below.

    Raises:
        BadApplication: one is none of its arguments, or shown to nobody, or they are too many.
    """
    if isinstance(find, str) or len(find) > MOST:
        raise BadApplication(f"handler {name!r} has find={find!r}: give a list of up to {MOST} argument names")
    for each in find:
        argument = each.partition(".")[0]
        if parameters.open is None and argument not in parameters.names:
            hint = did_you_mean(argument, parameters.names) or f" It takes: {', '.join(parameters.names) or 'none'}"
            raise BadApplication(f"handler {name!r} has no argument {argument!r}, which find= names.{hint}")
        if hidden_by(UNSEEN, each) or holds_secret(hints.get(argument)):
            raise BadApplication(f"handler {name!r} has find= with {each!r}, which is shown to nobody: leave it out")
        try:
            check_name(each)
        except BadFilter as error:
            raise BadApplication(f"handler {name!r} has find= with {each!r}: {error}") from error
    return tuple(dict.fromkeys(find))


def holds_secret(hint: object) -> bool:
    """Whether a hint speaks of a ``Secret``. It may be text: what it names may be defined further below."""
    if isinstance(hint, str):
        return SECRET.search(hint) is not None
    return hint is Secret or any(holds_secret(inner) for inner in get_args(hint))
