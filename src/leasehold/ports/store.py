"""Durable objects: checkpoints, large arguments and results, long logs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Store(Protocol):
    """Durable objects under keys like ``checkpoints/ID/00000000000000000001``. Thread-safe."""

    def create(self, key: str, value: bytes) -> bool:
        """Write durably (fsynced) unless the key exists; whether this call wrote it."""
        ...

    def get(self, key: str) -> bytes | None:
        """The object, or ``None``."""
        ...

    def exists(self, key: str) -> bool:
        """Whether the key exists, without reading it."""
        ...

    def keys(self, prefix: str) -> list[str]:
        """All keys below ``prefix/``, sorted. For small folders such as one task's checkpoints."""
        ...

    def delete(self, keys: Sequence[str]) -> None:
        """Delete; keys that do not exist are no error."""
        ...
