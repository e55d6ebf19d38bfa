"""The ledgers of the web's tests, asked from the other side."""

from tests.web.conftest import bench, store

__all__ = ["bench", "store"]
