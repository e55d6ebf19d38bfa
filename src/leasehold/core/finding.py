"""Arguments as filters look for them: the text under a name, whether it fits, and what an index keeps of it.

Only scalars have a text: a string is its own, a number reads as it is written, and the rest are ``true``, ``false`` and
``null``. What is no JSON object, or is kept in the store, fits no filter of arguments, not even one that says *not*.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from typing import cast

from leasehold.core.errors import BadFilter
from leasehold.core.filters import ARGUMENT, Choice, fits
from leasehold.core.redaction import Redaction

LOOKED_AT = 10_000
"""Tasks whose arguments are looked through, where no index has them: the newest ones that fit the rest of a filter."""

PLAIN = 64
"""Characters up to which an index keeps a text as it is; of a longer one it keeps a hash, which is longer than this."""
_PLAIN = re.compile(rf"[ -~]{{0,{PLAIN}}}")
"""Signs of ASCII: what else can be printed depends on the version of Python, and an index outlives that."""

Asked = Sequence[tuple[str, Choice]]
"""Names of arguments, and what they are to be."""


def text_at(arguments: str | None, name: str) -> str | None:
    """The text of what stands under a name in arguments (JSON text); ``None``: nothing that has one."""
    return text_in(members_of(arguments), name)


def fitting(arguments: str | None, asked: Asked) -> bool:
    """Whether arguments (JSON text; ``None``: they are in the store) are what is asked for."""
    members = members_of(arguments)
    return members is not None and all(chosen(choice, text_in(members, name)) for name, choice in asked)


def members_of(arguments: str | None) -> object:
    """What JSON text says, numbers as they are written; ``None`` where that is no object."""
    if not isinstance(arguments, str):
        return None
    try:
        found: object = json.loads(arguments, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, object]", found) if isinstance(found, dict) else None


def text_in(members: object, name: str) -> str | None:
    """The text of what stands under a name; each dot leads one object further."""
    for part in name.split("."):
        if not isinstance(members, dict) or part not in members:
            return None
        members = cast("dict[str, object]", members)[part]
    if members is None or isinstance(members, bool):
        return json.dumps(members)
    return members if isinstance(members, str) else None


def chosen(choice: Choice, text: str | None) -> bool:
    """Whether a choice leaves a text that may be missing."""
    return not choice.wanted if text is None else fits(choice, text)


def kept(text: str) -> str:
    """What an index keeps of a text: the same for the same text, and only for that."""
    if _PLAIN.fullmatch(text):
        return text
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def hidden_by(redaction: Redaction, name: str) -> bool:
    """Whether what stands under this name is shown to nobody."""
    return any(redaction.hides(part) for part in name.split("."))


def check_shown(asked: Asked, redaction: Redaction) -> None:
    """Raise ``BadFilter`` where somebody asks for what is shown to nobody: whether it is found would tell it."""
    for name, _ in asked:
        if hidden_by(redaction, name):
            raise BadFilter(f"{ARGUMENT}{name} is hidden, so nothing can be looked for in it. Filter by something else")


def indexable(names: Iterable[str], redaction: Redaction) -> list[str]:
    """Those names that an index may have: what is shown to nobody is in none."""
    return sorted(name for name in set(names) if not hidden_by(redaction, name))
