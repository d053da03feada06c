"""Copying a volume's files to another volume, while whoever they belong to may change them.

They belong to a function, whose processes may be at it: whatever is looked up by a path could be a
link to a file of the host's by the time it is opened, and a file a pipe that nobody writes to. So
each name is looked up in a directory that is open already, no link is ever followed, and nothing
is waited for. `cp --archive` gives no such promise.
"""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_MAX_DEPTH = 100  # each level takes two descriptors
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_OPEN_DIRECTORY = _OPEN | os.O_DIRECTORY
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def copy_files(source: Path, target: Path) -> None:
    """Copy all files of one volume into another, empty one, which nobody else has yet.

    With their owners, modes and times of change; what was one file with two names becomes two.
    Raises OSError, also when files come, go or change their kind meanwhile.
    """
    with ExitStack() as stack:
        _copy_directory(_opened(source, stack), _opened(target, stack), _MAX_DEPTH)


def _opened(path: Path | str, stack: ExitStack, parent: int | None = None) -> int:
    descriptor = os.open(path, _OPEN_DIRECTORY, dir_fd=parent)
    stack.callback(os.close, descriptor)
    return descriptor


def _copy_directory(source: int, target: int, depth: int) -> None:
    if depth == 0:
        raise OSError(f"directories are more than {_MAX_DEPTH} levels deep")
    for name in os.listdir(source):
        kind = stat.S_IFMT(os.stat(name, dir_fd=source, follow_symlinks=False).st_mode)
        if kind == stat.S_IFDIR:
            with ExitStack() as stack:
                below = _opened(name, stack, source)
                os.mkdir(name, 0o700, dir_fd=target)
                copied = _opened(name, stack, target)
                _copy_directory(below, copied, depth - 1)
                _copy_attributes(below, copied)
        elif kind == stat.S_IFLNK:
            _copy_link(name, source, target)
        elif kind == stat.S_IFREG:
            _copy_file(name, source, target)
        # Nobody is left at the other end of a pipe or a socket.


def _copy_link(name: str, source: int, target: int) -> None:
    status = os.stat(name, dir_fd=source, follow_symlinks=False)
    os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
    os.chown(name, status.st_uid, status.st_gid, dir_fd=target, follow_symlinks=False)


def _copy_file(name: str, source: int, target: int) -> None:
    with ExitStack() as stack:
        reader = os.open(name, _OPEN, dir_fd=source)
        stack.callback(os.close, reader)
        status = os.fstat(reader)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{name!r} is a file no more")
        writer = os.open(name, _CREATE, 0o600, dir_fd=target)
        stack.callback(os.close, writer)
        copy_sparsely(reader, writer, status.st_size)
        _copy_attributes(reader, writer)


def copy_sparsely(reader: int, writer: int, size: int) -> None:
    """Copy the first `size` bytes of a file into an empty one, holes as holes."""
    os.ftruncate(writer, size)
    end = 0
    while end < size:
        try:
            start = os.lseek(reader, end, os.SEEK_DATA)
        except OSError:  # ENXIO: only a hole is left
            return
        end = min(os.lseek(reader, start, os.SEEK_HOLE), size)
        os.lseek(writer, start, os.SEEK_SET)
        while start < end:
            copied = os.sendfile(writer, reader, start, end - start)
            if copied == 0:
                return  # it has become shorter
            start += copied


def _copy_attributes(source: int, target: int) -> None:
    status = os.fstat(source)
    os.fchown(target, status.st_uid, status.st_gid)
    os.fchmod(target, stat.S_IMODE(status.st_mode))
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
