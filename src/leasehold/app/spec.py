"""Which module or file a worker must load to find the handlers of an App."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leasehold.core.errors import UsageError


def spec_of(home: Mapping[str, Any]) -> str:
    """The spec of an App made in the module with these globals: ``module``, or the path of a script.

    Raises ``UsageError`` for an interactive session, whose code exists in no file that a worker could load.
    """
    name, file = home.get("__name__"), home.get("__file__")
    if name != "__main__":
        return str(name)
    spec = home.get("__spec__")
    if spec is not None:  # python -m package.module
        return str(spec.name)
    if file is None:
        raise UsageError(
            "the handlers of an interactive session cannot be loaded by workers: put them into a file and import that"
        )
    return str(Path(file).resolve())
