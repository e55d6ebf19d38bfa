"""An API behind TLS: whose certificate is trusted, and what is said of one that is not."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from random import Random
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from leasehold.core.errors import NotOurApi
from leasehold.remote.bell import StillBell
from leasehold.remote.http import Api

HOST = "127.0.0.1"
LIVES = dt.timedelta(hours=1)


class Empty(BaseHTTPRequestHandler):
    """An API that holds nothing."""

    def do_GET(self) -> None:
        """Answer."""
        body = b'{"items":[]}'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as its base names it
        """Say nothing."""


class Quiet(HTTPServer):
    """A server that does not print what became of a connection that was refused."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


def certified(host: str, path: Path) -> Path:
    """A certificate that this host has given itself, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a house of one's own")])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - LIVES)
        .not_valid_after(now + LIVES)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
    )
    form = serialization.PrivateFormat.PKCS8
    held = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    path.write_bytes(held + builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return certified(HOST, tmp_path / "own.pem")


@pytest.fixture
def url(certificate: Path) -> Iterator[str]:
    """An API with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Quiet((HOST, 0), Empty) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"https://{HOST}:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_certificate_that_nobody_vouches_for_is_no_ledger(url: str) -> None:
    with pytest.raises(NotOurApi, match=r"no trusted connection.*self-signed.*SSL_CERT_FILE"):
        Api(url, "lh_token", StillBell(), Random(1)).get("/queues")


def test_one_of_your_own_is_trusted_once_it_is_named(
    url: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert Api(url, "lh_token", StillBell(), Random(1)).get("/queues") == {"items": []}


def test_one_for_another_host_is_none_for_this(url: str, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with pytest.raises(NotOurApi, match=r"no trusted connection.*[Hh]ostname mismatch"):
        Api(url.replace(HOST, "localhost"), "lh_token", StillBell(), Random(1)).get("/queues")
