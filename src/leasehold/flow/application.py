"""From a spec to the handlers of an application: in a slot's child, and wherever else they are needed."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import cast

from leasehold.core.errors import BadApplication
from leasehold.core.suggest import did_you_mean
from leasehold.flow.registry import Registry

COMMAND = "command:"
MAIN = "__leasehold_main__"
"""Name of a script that is loaded for its handlers: not ``__main__``, so its ``if __name__ ...`` block does not run."""


def load(spec: str) -> Registry:
    """The handlers of ``module:attr``, ``path/to/file.py[:attr]`` or ``command:{...}``.

    Without an attribute, a file's only application counts.

    Raises:
        BadApplication: the module is missing, or has no application there. Errors of the module itself pass through.
    """
    if spec.startswith(COMMAND):
        return command_registry(spec.removeprefix(COMMAND))
    place, attribute = split(spec)
    module = load_file(Path(place)) if is_file(place) else load_module(place)
    return registry_of(attribute_of(module, attribute, spec) if attribute else only_one(module, spec), spec)


def split(spec: str) -> tuple[str, str]:
    """Where the application is, and its name there."""
    place, _, attribute = spec.rpartition(":")
    return (place, attribute) if place else (attribute, "")


def is_file(place: str) -> bool:
    """Whether a spec means a file rather than a module."""
    return place.endswith(".py") or "/" in place


def load_module(name: str) -> ModuleType:
    """Import by name, from the working directory too, as ``python -m`` would."""
    if "" not in sys.path and (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise BadApplication(f"there is no module {name!r} on Python's path; give module:app or a file") from error
        raise


def load_file(path: Path) -> ModuleType:
    """Run a script for its handlers, with its own folder first on the path, as Python does."""
    if not path.is_file():
        raise BadApplication(f"there is no file {str(path)!r}")
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(MAIN, path.resolve())
    if spec is None or spec.loader is None:
        raise BadApplication(f"{str(path)!r} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[MAIN] = module
    spec.loader.exec_module(module)
    return module


def attribute_of(module: ModuleType, attribute: str, spec: str) -> object:
    """What ``module:attr`` names."""
    try:
        found: object = getattr(module, attribute)
    except AttributeError as error:
        known = [name for name, _ in applications(module)]
        there = ", ".join(known) or "none"
        hint = did_you_mean(attribute, known)
        raise BadApplication(f"{spec!r} has no {attribute!r}; applications and tasks there: {there}.{hint}") from error
    return found


def only_one(module: ModuleType, spec: str) -> object:
    """The one application of a module."""
    found = list({id(registry): (name, registry) for name, registry in applications(module)}.values())
    if len(found) != 1:
        names = ", ".join(name for name, _ in found) or "none"
        raise BadApplication(f"{spec!r} must have one application, found {names}; name it as {spec}:NAME")
    return found[0][1]


def applications(module: ModuleType) -> Iterable[tuple[str, Registry]]:
    """Every application among a module's names."""
    for name, value in cast("dict[str, object]", vars(module)).items():
        if (registry := as_registry(value)) is not None:
            yield name, registry


def as_registry(value: object) -> Registry | None:
    """The registry that something is, has or belongs to: a ``Registry``, an ``App``, a task of it."""
    if isinstance(value, Registry):
        return value
    if isinstance(value, type):
        return None
    found: object = getattr(value, "registry", None)
    return found if isinstance(found, Registry) else None


def registry_of(value: object, spec: str) -> Registry:
    """The registry, or what is wrong with what was named."""
    registry = as_registry(value)
    if registry is None:
        raise BadApplication(f"{spec!r} is no application: it is a {type(value).__name__}, not an App")
    return registry


def command_spec(name: str, command: str, *, shell: bool = False, unrecoverable: Iterable[int] = ()) -> str:
    """The spec of an application whose only handler runs a program."""
    told = {"name": name, "command": command, "shell": shell, "unrecoverable": list(unrecoverable)}
    return COMMAND + json.dumps(told, separators=(",", ":"))


def command_registry(text: str) -> Registry:
    """The registry that ``command_spec`` describes."""
    try:
        told = cast("dict[str, object]", json.loads(text))
        registry = Registry()
        registry.add_command(
            cast("str", told["name"]),
            cast("str", told["command"]),
            shell=bool(told.get("shell")),
            unrecoverable=cast("list[int]", told.get("unrecoverable", [])),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BadApplication(f"{COMMAND}{text} does not describe a command ({error})") from error
    return registry
