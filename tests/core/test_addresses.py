"""No password is shown, however it was written."""

from __future__ import annotations

import pytest

from leasehold.core.addresses import not_by_api, without_secrets


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me@db:5432/jobs?sslmode=require", "postgresql://me@db:5432/jobs?sslmode=require"),
        ("postgresql://me:hunter2@db/jobs", "postgresql://me@db/jobs"),
        ("postgresql://me:hunt@er2@db/jobs", "postgresql://me@db/jobs"),
        ("postgresql://me:hunter2@a:1,b:2/jobs", "postgresql://me@a:1,b:2/jobs"),
        ("postgresql://db/jobs?user=me&password=hunter2", "postgresql://db/jobs?user=me"),
        ("postgresql://db/jobs?sslkey=/k&sslpassword=hunter2#hunter2", "postgresql://db/jobs?sslkey=/k"),
        ("postgresql://me:hun/ter2@db/jobs", "postgresql://..."),
        ("postgresql://me:hun?ter2@db/jobs", "postgresql://..."),
        ("postgresql://me:hun#ter2@db/jobs", "postgresql://..."),
        ("postgresql://me:hunter2@[db/jobs", "postgresql://..."),
        ("jobs.db", "jobs.db"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


def test_who_needs_the_database_is_told_so_without_a_secret() -> None:
    told = str(not_by_api("https://ann:hunter2@leasehold.example.org"))
    assert "https://ann@leasehold.example.org" in told
    assert "hunter2" not in told
