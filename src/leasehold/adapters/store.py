"""Objects by obstore: any of its stores, and a local folder with the durability that obstore leaves out.

Imported only where a store is opened: obstore takes a while to load.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, from_url
from obstore.store import ObjectStore as Backend

from leasehold.adapters.keys import checked, is_key
from leasehold.core.errors import BadSettings, StoreUnavailable

if TYPE_CHECKING:
    from obstore import GetResult, ObjectMeta

Call = Literal["create", "get", "exists", "keys", "delete"]
"""What was asked of a store."""

STAGING = ".staging"
"""Where a local object is written before it is shown. No key begins with a dot."""
ABANDONED = 86_400
"""Seconds after which what lies there was left by a process that died."""
ERRNO = re.compile(r"os error (\d+)")
NOT_WRITABLE = "it cannot be written. Give this user write access to the folder, or name another one."
NO_ROOM = "the disk (or its quota) is full. Free some space; nothing that was accepted is lost."
ADVICE = {
    errno.EACCES: NOT_WRITABLE,
    errno.EPERM: NOT_WRITABLE,
    errno.EROFS: "its disk is mounted read-only. Mount it writable, or name another folder.",
    errno.ENOSPC: NO_ROOM,
    errno.EDQUOT: NO_ROOM,
    errno.EFBIG: NO_ROOM,
    errno.EIO: "the disk reported an error. Check the disk.",
    errno.ENOTDIR: "a file stands where a folder should be. Move it away, or name another folder.",
    errno.EMFILE: "this process has too many files open. Raise its limit (ulimit -n).",
}
ELSEWHERE = frozenset({"gs", "az"})
"""Schemes that obstore knows and that nobody has tested here."""
LIST: Callable[[Backend, str], Iterable[Sequence[ObjectMeta]]] = vars(obstore)["list"]
"""``obstore.list``, whose own type names an Arrow package that is not installed."""


class ObjectStore:
    """The Store port on a store of obstore's that is durable by itself, such as S3. Thread-safe."""

    def __init__(self, open_backend: Callable[[], Backend], url: str) -> None:
        self._open = open_backend
        self.url = url
        self._opened: Backend | None = None
        self._opening = Lock()

    @property
    def _backend(self) -> Backend:
        """Opened at the first use."""
        with self._opening:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def _forget_backend(self) -> None:
        """Open it anew at the next use."""
        with self._opening:
            self._opened = None

    def create(self, key: str, value: bytes) -> bool:
        """Write durably unless the key exists; whether this call wrote it."""
        with self._speaking("create", key):
            try:
                self._put(checked(key), value)
            except AlreadyExistsError:
                return False
            return True

    def get(self, key: str) -> bytes | None:
        """The object, or ``None``: also for what can be no key."""
        found = self._opened_object(key)
        if found is None:
            return None
        with self._speaking("get", key):
            return bytes(found.bytes())

    def exists(self, key: str) -> bool:
        """Whether the key exists, without reading it."""
        if not is_key(key):
            return False
        with self._speaking("exists", key):
            try:
                obstore.head(self._backend, key)
            except FileNotFoundError:
                return False
            return True

    def keys(self, prefix: str) -> list[str]:
        """All keys below ``prefix/``, sorted."""
        checked(prefix)
        with self._speaking("keys", prefix):
            return sorted(found["path"] for page in LIST(self._backend, prefix) for found in page)

    def delete(self, keys: Sequence[str]) -> None:
        """Delete; keys that do not exist are no error."""
        there = [key for key in keys if is_key(key)]
        with self._speaking("delete", there[0] if there else ""):
            if there:
                obstore.delete(self._backend, there)

    def _put(self, key: str, value: bytes) -> None:
        obstore.put(self._backend, key, value, mode="create", use_multipart=False)

    def _opened_object(self, key: str) -> GetResult | None:
        """An object whose bytes have not been read yet, or ``None``."""
        if not is_key(key):
            return None
        with self._speaking("get", key):
            try:
                return obstore.get(self._backend, key)
            except FileNotFoundError as error:
                if not self._absent(error):
                    raise
                return None

    def _absent(self, error: FileNotFoundError) -> bool:
        """Whether it is the object that is missing, not all that it should be in."""
        del error
        return True

    def _failure(self, error: Exception, call: Call, key: str) -> StoreUnavailable:
        """The error in words."""
        del call, key
        return StoreUnavailable(f"store {self.url}: {advice(error)}")

    @contextmanager
    def _speaking(self, call: Call, key: str) -> Generator[None]:
        try:
            yield
        except (BaseError, OSError) as error:
            raise self._failure(error, call, key) from error


class FolderStore(ObjectStore):
    """A local folder, made at the first use.

    obstore writes create-only and whole, but leaves it in the page cache: after a loss of power an object could be
    there and be empty. So an object is staged and synced first, then shown under its key, then its folders are synced.
    """

    def __init__(self, folder: Path, *, sync: Callable[[int], None] = os.fsync) -> None:
        self._folder = folder.absolute()
        self._sync = sync
        super().__init__(self._open_folder, f"file://{self._folder}")

    def get(self, key: str) -> bytes | None:
        """The object, or ``None``: also for what a link would fetch from elsewhere."""
        return super().get(key) if self._inside(key) else None

    def exists(self, key: str) -> bool:
        """Whether the key exists, without reading it."""
        return self._inside(key) and super().exists(key)

    def keys(self, prefix: str) -> list[str]:
        """All keys below ``prefix/``, sorted."""
        return super().keys(prefix) if self._inside(checked(prefix)) else []

    def _inside(self, key: str) -> bool:
        """Whether no link leads from there out of the folder: who may write here need not have a worker's rights."""
        if not is_key(key):
            return False
        root, place = os.path.realpath(self._folder), os.path.realpath(self._folder / key)
        return place.startswith(root + os.sep)

    def delete(self, keys: Sequence[str]) -> None:
        """Delete, and the folders that are empty then; keys that do not exist are no error."""
        for key in keys:
            if self._inside(key):
                with self._speaking("delete", key), suppress(FileNotFoundError):
                    obstore.delete(self._backend, key)
                self._remove_empty_folders(key)

    def _put(self, key: str, value: bytes) -> None:
        if not self._inside(key):
            raise PermissionError(errno.EPERM, f"a link leads from {key} out of the folder")
        if self.exists(key):
            self._make_durable(key)  # who wrote it may not have come so far, and our caller counts on it
            raise AlreadyExistsError(key)
        staged = f"{STAGING}/{secrets.token_hex(16)}"
        try:
            obstore.put(self._backend, staged, value, mode="create", use_multipart=False)
            self._sync_path(self._folder / staged)
            obstore.copy(self._backend, staged, key, overwrite=False)
        except AlreadyExistsError:
            self._make_durable(key)
            raise
        finally:
            (self._folder / staged).unlink(missing_ok=True)
        self._make_durable(key, file=False)

    def _make_durable(self, key: str, *, file: bool = True) -> None:
        path = self._folder / key
        with suppress(FileNotFoundError):  # deleted again meanwhile
            if file:
                self._sync_path(path)
            for folder in path.parents:
                self._sync_path(folder)
                if folder == self._folder:
                    break

    def _sync_path(self, path: Path) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._sync(fd)
        finally:
            os.close(fd)

    def _remove_empty_folders(self, key: str) -> None:
        with suppress(OSError):  # the first that is not empty
            for part in Path(key).parents[:-1]:
                (self._folder / part).rmdir()

    def _open_folder(self) -> LocalStore:
        backend = LocalStore(self._folder, mkdir=True)
        self._clear_staging()
        return backend

    def _clear_staging(self) -> None:
        oldest = time.time() - ABANDONED
        with suppress(OSError):
            for path in (self._folder / STAGING).iterdir():
                if path.stat().st_mtime < oldest:
                    path.unlink()


def advice(error: BaseException) -> str:
    """What happened and what to do, in one sentence or two; obstore tells the error's number in its text only."""
    number = error.errno if isinstance(error, OSError) else None
    if number is None and (found := ERRNO.search(str(error))) is not None:
        number = int(found[1])
    return ADVICE.get(number or 0, f"{str(error).partition(chr(10))[0]}. Check that it can be reached and written.")


def open_store(url: str) -> ObjectStore:
    """The store at ``file:///FOLDER`` or ``s3://BUCKET/PREFIX``; ``gs://`` and ``az://`` as obstore takes them.

    Raises ``BadSettings`` for an address that is none, and where what it needs is not installed.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        return FolderStore(Path(unquote(parts.path)))
    if parts.query or parts.fragment or not parts.netloc or not is_key(parts.path.strip("/") or "-"):
        raise BadSettings(f"store {url!r} is no address of a store: write s3://BUCKET/PREFIX or file:///FOLDER")
    if parts.scheme == "s3":
        return open_s3(parts.netloc, parts.path.strip("/"))
    if parts.scheme in ELSEWHERE:
        return ObjectStore(lambda: from_url(url), url)
    raise BadSettings(f"store {url!r}: there are stores at file:///FOLDER, s3://, gs:// and az://")


def open_s3(bucket: str, prefix: str) -> ObjectStore:
    """The store in this bucket."""
    try:
        from leasehold.adapters.s3 import S3Store  # noqa: PLC0415 - an extra: a folder needs no boto3
    except ModuleNotFoundError as error:
        raise BadSettings(
            f"store s3://{bucket}/{prefix} needs {error.name}, which is not installed: pip install 'leasehold[aws]'"
        ) from error
    return S3Store(bucket, prefix)
