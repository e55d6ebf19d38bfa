"""A store in memory."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from leasehold.adapters.keys import checked


class MemoryStore:
    """The Store port in a dictionary. Thread-safe."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}
        self._lock = Lock()

    def create(self, key: str, value: bytes) -> bool:
        """Keep the value unless the key exists; whether this call kept it."""
        with self._lock:
            if checked(key) in self._objects:
                return False
            self._objects[key] = bytes(value)
            return True

    def get(self, key: str) -> bytes | None:
        """The object, or ``None``."""
        return self._objects.get(key)

    def exists(self, key: str) -> bool:
        """Whether the key exists."""
        return key in self._objects

    def keys(self, prefix: str) -> list[str]:
        """All keys below ``prefix/``, sorted."""
        below = checked(prefix) + "/"
        with self._lock:
            return sorted(key for key in self._objects if key.startswith(below))

    def delete(self, keys: Sequence[str]) -> None:
        """Delete; keys that do not exist are no error."""
        with self._lock:
            for key in keys:
                self._objects.pop(key, None)
