"""The schema's version: the number of the newest migration, kept in table ``schema_version``."""

from __future__ import annotations

SCHEMA_VERSION = "0001"
