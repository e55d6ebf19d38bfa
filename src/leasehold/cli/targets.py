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


def target_of(text: str, app: str | None) -> Target:
    """The handler that ``FILE.py:NAME``, ``MODULE:NAME`` or (with ``app``) ``NAME`` means."""
    if text.endswith(".py"):
        names = ", ".join(f"{text}:{handler.name}" for handler in loaded(text).all()) or "none"
        raise UsageError(f"which handler of {text}? There are: {names}")
    if ":" in text:
        registry = loaded(text)
        handlers = list(registry.all())
        return Target(handlers[0] if len(handlers) == 1 else handler_of(registry, text.rpartition(":")[2]), text)
    if app is None:
        raise UsageError(f"where is handler {text!r}? Name its file or module, such as jobs.py:{text}, or add --app")
    return Target(handler_of(loaded(app), text), app)


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
    """The handler of that name, or the one whose function has it; raises ``UnknownHandler``."""
    handlers = list(registry.all())
    if not handlers:
        raise UnknownHandler(f"the application has no handlers, so no {name!r}: mark functions with @app.task")
    of_function = [one for one in handlers if getattr(one.function, "__name__", None) == name]
    return of_function[0] if len(of_function) == 1 and not registry.find(name) else registry.get(name)


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
