"""The schema's version: the number of the newest migration, kept in table ``schema_version``."""

from __future__ import annotations

SCHEMA_VERSION = "0007"
SCHEMA_LOCK = 7_236_832_718_046_133
"""PostgreSQL's advisory lock for whoever makes or changes the schema."""
