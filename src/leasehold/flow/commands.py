"""Shell commands as tasks: a template is split once, each placeholder fills one argument, no shell sees the values."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from string import Formatter

from leasehold.core.errors import BadApplication

QUOTED = re.compile(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"")


class Command:
    """A program with places for a task's arguments, like ``ffmpeg -i {source} {target}``.

    Without a shell the template is split into arguments before any value is filled in, so a value with blanks, quotes
    or semicolons is one argument and nothing else. With ``shell`` the whole line goes to ``/bin/sh -c``, each value
    quoted. ``{{`` and ``}}`` mean braces.
    """

    def __init__(self, name: str, template: str, *, shell: bool = False) -> None:
        self.shell = shell
        try:
            self._parts = [template] if shell else shlex.split(template)
            self.names = tuple(dict.fromkeys(field for part in self._parts for field in fields(name, part)))
        except ValueError as error:
            raise BadApplication(f"command {name!r} does not parse: {error}. Check its quotes and braces") from error
        if not any(part.strip() for part in self._parts):
            raise BadApplication(f"command {name!r} is empty")
        if shell and any(list(fields(name, quoted)) for quoted in QUOTED.findall(template)):
            raise BadApplication(f"command {name!r} has a placeholder inside quotes; leave them out, values are quoted")

    def argv(self, arguments: Mapping[str, object]) -> list[str]:
        """The program and its arguments."""
        if self.shell:
            quoted = {name: shlex.quote(written(value)) for name, value in arguments.items()}
            return ["/bin/sh", "-c", self._parts[0].format_map(quoted)]
        values = {name: written(value) for name, value in arguments.items()}
        return [part.format_map(values) for part in self._parts]


def fields(name: str, part: str) -> list[str]:
    """The placeholders of a part."""
    found: list[str] = []
    for _, field, form, conversion in Formatter().parse(part):
        if field is None:
            continue
        if not field.isidentifier() or form or conversion:
            raise BadApplication(f"command {name!r} has a placeholder {{{field}}}; write a plain name, like {{source}}")
        found.append(field)
    return found


def written(value: object) -> str:
    """A value as a program's argument."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
