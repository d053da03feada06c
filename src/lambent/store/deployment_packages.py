"""Deployment packages: the zips under `zips/` and what is in them under `unpacked/`, by SHA-256.

What a name stands for never changes: a file or directory is made under another name and renamed
when it is whole.
"""

from __future__ import annotations

import asyncio
import base64
import calendar
import errno
import hashlib
import os
import shutil
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from lambent.domain import quotas
from lambent.domain.errors import ServiceError, invalid_parameter_value
from lambent.store.durable_files import (
    UNFINISHED_PREFIX,
    clear_after_reboot,
    remove_tree,
    unfinished,
    write_durably,
)
from lambent.store.package_tree import MAX_NODES, PackageTree, plan_tree
from lambent.store.zip_archive import ArchiveEntry, BadArchive, read_content, read_entries

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import BinaryIO

# A package is stored before the function that uses it: so long it is not garbage.
_GRACE_SECONDS = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    sha256: str  # base64, as the API gives it
    bytes: int  # of the zip


def _hexadecimal(sha256: str) -> str:
    digest = base64.b64decode(sha256, validate=True)
    if len(digest) != hashlib.sha256().digest_size:
        raise ValueError(f"no SHA-256: {sha256}")
    return digest.hex()


def _not_stored(error: OSError) -> ServiceError:
    return ServiceError(
        "ServiceException",
        f"The deployment package could not be stored or read: {error.strerror}",
    )


def _damaged() -> ServiceError:
    return ServiceError("ServiceException", "The stored deployment package is damaged.")


def _unzipped_bytes(entries: Iterable[ArchiveEntry]) -> int:
    return sum(entry.content_bytes for entry in entries)


def _check_zipped_size(archive: bytes, limit: int) -> None:
    if not archive:
        raise invalid_parameter_value("Uploaded file must be a non-empty zip")
    if len(archive) >= limit:
        raise ServiceError(
            "RequestEntityTooLargeException", f"Zipped size must be smaller than {limit} bytes"
        )


def _plan(archive: bytes) -> PackageTree:
    """What the archive unpacks to; raises ServiceError with AWS's own texts, and BadArchive."""
    entries = read_entries(archive, MAX_NODES)
    if _unzipped_bytes(entries) >= quotas.UNZIPPED_BYTES:
        raise invalid_parameter_value(
            f"Unzipped size must be smaller than {quotas.UNZIPPED_BYTES} bytes"
        )
    tree = plan_tree(archive, entries)
    if not tree.files and not tree.links:
        raise invalid_parameter_value("Uploaded file must be a non-empty zip")
    return tree


def _check(archive: bytes) -> None:
    """Reads the whole archive as unpacking will, so that a function never fails for its zip."""
    try:
        for entry in _plan(archive).files.values():
            for _ in read_content(archive, entry):
                pass
    except BadArchive as error:
        raise invalid_parameter_value(
            "Could not unzip uploaded file. Please check your file, then try to upload again."
        ) from error


def _modified(entry: ArchiveEntry) -> int:
    """Seconds since the epoch, taking the zone-less MS-DOS time for UTC.

    Python trusts a package's .pyc files only if their sources have the times they were built with.
    """
    date, clock = entry.modified
    year, month, day = 1980 + (date >> 9), date >> 5 & 15, date & 31
    hour, minute, second = clock >> 11, clock >> 5 & 63, (clock & 31) * 2
    return calendar.timegm((year, min(max(month, 1), 12), max(day, 1), hour, minute, second))


def _write_file(path: Path, archive: bytes, entry: ArchiveEntry) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        for piece in read_content(archive, entry):
            file.write(piece)
        # Readable by the function's user whatever the zip says; setuid and the like are gone.
        os.fchmod(file.fileno(), 0o644 | entry.mode & 0o111)
    os.utime(path, (_modified(entry),) * 2)


def _write_tree(root: Path, archive: bytes) -> None:
    tree = _plan(archive)
    for directory in ("", *tree.directories):
        (root / directory).mkdir()
        (root / directory).chmod(0o755)  # mkdir's own mode is subject to the umask
    for file, entry in tree.files.items():
        _write_file(root / file, archive, entry)
    for link, target in tree.links.items():  # last, so that nothing is written through one
        (root / link).symlink_to(target)


def _is_old(path: Path) -> bool:
    return path.stat().st_mtime < time.time() - _GRACE_SECONDS


def _finished(directory: Path) -> list[Path]:
    return [path for path in directory.iterdir() if not path.name.startswith(UNFINISHED_PREFIX)]


class DeploymentPackages:
    """The packages under one directory, which is this process's alone.

    Making one blocks for as long as it takes to clear away what an earlier life left unfinished.
    """

    def __init__(self, root: Path) -> None:
        self._zips = root / "zips"
        self._unpacked = root / "unpacked"
        self._boot_marker = root / "boot_id"
        # Held while a zip is found to be there or found to be garbage: never both at once.
        self._presence = threading.Lock()
        self._unpacking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._clear_leftovers()
        self._ready = {path.name for path in _finished(self._unpacked)}
        self._unzipped_bytes: dict[str, int] = {}  # of those that were measured

    async def add(self, archive: bytes, *, zipped_limit: int = quotas.ZIPPED_BYTES) -> Package:
        """Checks and stores a zip, which is durable when this returns.

        Raises ServiceError: the zip is too large, none, empty or not safe, or the disk is full.
        """
        return await asyncio.to_thread(self._add, archive, zipped_limit)

    async def unpack(self, sha256: str) -> Path:
        """The directory with the package's files, made on the first call. Raises ServiceError."""
        name = _hexadecimal(sha256)
        if name not in self._ready:
            # The others wait here and not in threads, of which there are few.
            async with self._unpacking.setdefault(name, asyncio.Lock()):
                await asyncio.to_thread(self._unpack, name)
            self._ready.add(name)
        return self._unpacked / name

    def task_root(self, sha256: str) -> Path:
        """Where `unpack` puts a package."""
        return self._unpacked / _hexadecimal(sha256)

    async def measure(self, sha256: str) -> int:
        """The bytes a stored package unpacks to. Raises ServiceError when it is not there.

        It counts as added just now: who measures a package is about to use it.
        """
        return await asyncio.to_thread(self._measure, _hexadecimal(sha256))

    async def open(self, sha256: str) -> BinaryIO:
        """The zip as it was added, to be closed. Raises ServiceError when it is not there."""
        try:
            return await asyncio.to_thread((self._zips / _hexadecimal(sha256)).open, "rb")
        except OSError as error:
            raise _not_stored(error) from error

    async def collect_garbage(self, in_use: set[str]) -> None:
        """Removes the packages whose SHA-256 is not in `in_use`, except those added just now.

        A package that an execution environment runs, or is about to, is in use too. Raises OSError.
        """
        kept = {_hexadecimal(sha256) for sha256 in in_use}
        for name in await asyncio.to_thread(self._find_unused, kept):
            # Who adds it again meanwhile and unpacks it waits here, and then has it made anew.
            async with self._unpacking.setdefault(name, asyncio.Lock()):
                self._ready.discard(name)
                await asyncio.to_thread(self._remove, name)

    def _clear_leftovers(self) -> None:
        for directory in (self._zips, self._unpacked):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Unpacked files are not synced, to start functions sooner.
        clear_after_reboot(self._unpacked, self._boot_marker)
        for path in self._zips.glob(f"{UNFINISHED_PREFIX}*"):
            path.unlink()
        for path in self._unpacked.glob(f"{UNFINISHED_PREFIX}*"):
            shutil.rmtree(path)

    def _add(self, archive: bytes, zipped_limit: int) -> Package:
        _check_zipped_size(archive, zipped_limit)
        digest = hashlib.sha256(archive)
        path = self._zips / digest.hexdigest()
        try:
            if not self._is_present(path):
                _check(archive)
                write_durably(path, archive)
        except OSError as error:
            raise _not_stored(error) from error
        return Package(sha256=base64.b64encode(digest.digest()).decode(), bytes=len(archive))

    def _is_present(self, path: Path) -> bool:
        with self._presence:
            if not path.exists():
                return False
            os.utime(path)  # begins the time of grace anew
            return True

    def _measure(self, name: str) -> int:
        path = self._zips / name
        try:
            if not self._is_present(path):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            if name not in self._unzipped_bytes:
                self._unzipped_bytes[name] = _unzipped_bytes(
                    read_entries(path.read_bytes(), MAX_NODES)
                )
        except BadArchive as error:
            raise _damaged() from error
        except OSError as error:
            raise _not_stored(error) from error
        return self._unzipped_bytes[name]

    def _unpack(self, name: str) -> None:
        path = self._unpacked / name
        if path.exists():
            return
        temporary = unfinished(path)
        try:
            _write_tree(temporary, (self._zips / name).read_bytes())
            temporary.rename(path)
        except BadArchive as error:
            raise _damaged() from error
        except OSError as error:
            # The thread of a caller that was cancelled may have been faster.
            if not path.exists():
                raise _not_stored(error) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _find_unused(self, kept: set[str]) -> set[str]:
        zips = {path.name: path for path in _finished(self._zips)}
        old = {name for name, path in zips.items() if _is_old(path)}
        orphans = {path.name for path in _finished(self._unpacked)} - zips.keys()
        return (old | orphans) - kept

    def _remove(self, name: str) -> None:
        path = self._zips / name
        with self._presence:
            if path.exists():
                if not _is_old(path):
                    return  # it was added since
                path.unlink()
        self._unzipped_bytes.pop(name, None)
        if (self._unpacked / name).exists():
            remove_tree(self._unpacked / name)
