"""TLS by settings: the address says how far the server is to be checked, and what fails is said in a sentence."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from leasehold.adapters.database.open import create_schema, open_database
from leasehold.adapters.database.postgres_bell import PostgresBell
from leasehold.core.errors import LedgerUnavailable
from leasehold.testing.bell_suite import FOREVER
from leasehold.testing.postgres import PostgresServer, installed
from leasehold.testing.queue_bench import BOUND, in_thread


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server that takes nothing unencrypted; the wheel's is built without TLS, the system's is not."""
    binaries = next(
        each
        for each in installed()
        if "openssl" in subprocess.check_output([each.folder / "pg_config", "--configure"], text=True)
    )
    with PostgresServer(binaries, tls=True) as server:
        server.create("jobs")
        create_schema(server.url("jobs", sslmode="require"))
        yield server


def refusal(url: str) -> str:
    with pytest.raises(LedgerUnavailable) as refused:
        open_database(url)
    return str(refused.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_with_a_certificate_of_the_authority_is_trusted(server: PostgresServer, host: str) -> None:
    url = server.url("jobs", sslmode="verify-full", sslrootcert=str(server.authority)).replace("127.0.0.1", host)
    open_database(url).close()


def test_the_bell_is_encrypted_too(server: PostgresServer) -> None:
    url = server.url("jobs", sslmode="verify-full", sslrootcert=str(server.authority))
    listener, ringer = PostgresBell(url), PostgresBell(url)
    listener.wait("due", 0)
    waiting = in_thread(lambda: listener.wait("due", FOREVER))
    ringer.ring("due")
    ringer.close()
    assert waiting.result(timeout=BOUND) is True
    listener.close()


def test_a_wrong_authority_is_one_clear_sentence(server: PostgresServer, tmp_path: Path) -> None:
    another = tmp_path / "another.crt"
    words = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=another -keyout /dev/null -out"
    subprocess.run([*words.split(), another], check=True, capture_output=True)
    said = refusal(server.url("jobs", sslmode="verify-full", sslrootcert=str(another)))
    assert said.startswith("ledger postgresql://leasehold@127.0.0.1:")
    assert "certificate verify failed" in said
    assert said.endswith("Check sslmode and sslrootcert.")
    assert server.password not in said
    assert "\n" not in said


def test_a_file_of_authorities_that_is_not_there_is_one_clear_sentence(server: PostgresServer) -> None:
    said = refusal(server.url("jobs", sslmode="verify-full", sslrootcert="/nowhere/authority.crt"))
    assert "/nowhere/authority.crt" in said
    assert said.endswith("Check sslmode and sslrootcert.")
    assert "\n" not in said


def test_a_server_that_wants_encryption_and_a_client_that_does_not_is_one_clear_sentence(
    server: PostgresServer,
) -> None:
    said = refusal(server.url("jobs", sslmode="disable"))
    assert "no encryption" in said
    assert server.password not in said
    assert "\n" not in said
