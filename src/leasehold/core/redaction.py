"""What nobody is shown: values under certain keys, values marked as secret, and both wherever they turn up in text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import cast

MARK = "$secret"
"""The one key of an object that stands for a ``Secret`` in JSON."""
HIDDEN = "***"
KEYS = (
    *("password", "passwd", "passphrase", "pwd", "secret", "token", "authorization", "cookie", "credential"),
    *("credentials", "api_key", "apikey", "access_key", "private_key", "signing_key", "capability_key", "dsn"),
)
SHORTEST = 4
"""Characters of a value that is looked for in text: shorter ones stand everywhere by chance."""
_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_PAIR = re.compile(r'"((?:[^"\\]|\\.){1,80})"(\s*:\s*)("(?:[^"\\]|\\.)*"?|[^\s",{}\[\]]+)')


class Redaction:
    """Which keys hide what stands under them. A key matches at the end of a name: ``db_password``, ``apiToken``."""

    def __init__(self, more: Iterable[str] = ()) -> None:
        self._keys = tuple("_" + plain(key) for key in (*KEYS, *more))

    def hides(self, name: str) -> bool:
        """Whether the value under this name is not shown."""
        return name == MARK or ("_" + plain(name)).endswith(self._keys)

    def shown(self, text: str) -> str:
        """JSON text as people may see it; what is none, as far as one can tell."""
        try:
            value: object = json.loads(text)
        except ValueError:
            return self.blurred(text)
        covered = self.covered(value)
        return text if covered == value else json.dumps(covered, separators=(",", ":"))

    def covered(self, value: object) -> object:
        """A JSON value as people may see it."""
        if isinstance(value, dict):
            members = cast("dict[str, object]", value)
            if members.keys() == {MARK}:
                return HIDDEN
            return {name: HIDDEN if self.hides(name) else self.covered(inner) for name, inner in members.items()}
        if isinstance(value, list | tuple):
            return [self.covered(inner) for inner in cast("Sequence[object]", value)]
        return value

    def secrets(self, text: str) -> list[str]:
        """The values of JSON text that are not shown, as they may turn up elsewhere; the longest first."""
        return spelled(self._hidden(json.loads(text), hidden=False))

    def _hidden(self, value: object, *, hidden: bool) -> Iterator[str]:
        if isinstance(value, dict):
            for name, inner in cast("dict[str, object]", value).items():
                yield from self._hidden(inner, hidden=hidden or self.hides(name))
        elif isinstance(value, list):
            for inner in cast("list[object]", value):
                yield from self._hidden(inner, hidden=hidden)
        elif hidden and value is not None and not isinstance(value, bool):
            yield str(value)

    def blurred(self, text: str) -> str:
        """Text that may once have been JSON: what stands under a hidden key is covered, as far as one can tell."""
        return _PAIR.sub(lambda pair: f'"{pair[1]}"{pair[2]}"{HIDDEN}"' if self.hides(pair[1]) else pair[0], text)


def plain(name: str) -> str:
    """A name in lower case with underscores, however it was written."""
    return "_".join(_WORDS.findall(name)).lower()


def spelled(values: Iterable[str]) -> list[str]:
    """Each value as it may stand in text: as it is, in Python's and in JSON's spelling; the longest first."""
    found: set[str] = set()
    for value in values:
        found |= {value, repr(value)[1:-1], json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    return sorted((each for each in found if len(each) >= SHORTEST), key=lambda each: (-len(each), each))


def without(text: str, secrets: Sequence[str]) -> str:
    """The text with each of these covered."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text


def bytes_without(output: bytes, secrets: Sequence[str]) -> bytes:
    """As ``without``, for output as it was written."""
    for secret in secrets:
        output = output.replace(secret.encode("utf-8", "surrogatepass"), HIDDEN.encode())
    return output
