"""What is to be run: a handler of an application, or a shell command."""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from leasehold.core.errors import LeaseholdError, UnknownHandler, UsageError
from leasehold.flow.application import command_spec, load
from leasehold.flow.registry import Handler, Registry


class Target(NamedTuple):
    """A handler, and the spec by which workers find it."""

    handler: Handler
    spec: str


def target_of(text: str, app: str | None, margin: int) -> Target:
    """The handler that ``FILE.py:NAME``, ``MODULE:NAME`` or (with ``app``) ``NAME`` means. Its lease is checked."""
    if ":" in text:
        registry, name, spec = loaded(text), text.rpartition(":")[2], text
    elif app is not None:
        registry, name, spec = loaded(app), text, app
    else:
        raise UsageError(f"where is handler {text!r}? Name its file or module, such as jobs.py:{text}, or add --app")
    handler = handler_of(registry, name)
    registry.check(margin)
    return Target(handler, spec)


def loaded(spec: str) -> Registry:
    """The handlers of a spec. Whatever the user's module raises on import becomes one sentence."""
    try:
        return load(spec)
    except LeaseholdError:
        raise
    except Exception as error:
        if os.environ.get("LEASEHOLD_DEBUG"):
            raise
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UsageError(f"{spec!r} cannot be imported: {said}. LEASEHOLD_DEBUG=1 shows where") from error


def handler_of(registry: Registry, name: str) -> Handler:
    """The handler of that name, the one made of a function of that name, or the only one of an app of that name."""
    handlers = list(registry.all())
    found = registry.find(name)
    of_function = [one for one in handlers if getattr(one.function, "__name__", None) == name]
    if found is None and len(of_function) == 1:
        return of_function[0]
    if found is None and len(handlers) == 1 and not of_function:
        return handlers[0]
    if found is None and handlers:
        return registry.get(name)
    if found is None:
        raise UnknownHandler(f"the application has no handlers, so no {name!r}: mark functions with @app.task")
    return found


def is_command(text: str) -> bool:
    """Whether a target reads as a shell command: it has blanks or placeholders."""
    return bool({" ", "\t", "{"} & set(text))


def command_target(text: str, *, shell: bool, name: str | None, unrecoverable: Sequence[int]) -> Target:
    """A shell command as a handler.

    Its default name holds a hash of the command: on one ledger, a worker must never run another command for it.
    """
    try:
        program = Path(shlex.split(text)[0]).name
    except (ValueError, IndexError):
        program = "command"
    digest = hashlib.sha256(f"{shell}{text}".encode()).hexdigest()[:6]
    spec = command_spec(name or f"{program}-{digest}", text, shell=shell, unrecoverable=unrecoverable)
    return Target(next(iter(load(spec).all())), spec)
