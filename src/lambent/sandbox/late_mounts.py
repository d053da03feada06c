"""Mounts for a sandbox that is built already.

By the kernel's mount interface of file descriptors, which can carry a mount from one mount
namespace to another: open_tree(2), mount_setattr(2), move_mount(2). Linux 5.12.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from lambent.sandbox import system_calls

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lambent.sandbox.sandbox import Mount


def find_problem() -> str:
    """Why this host's kernel cannot do it; empty when it can."""
    try:
        copy = system_calls.copy_mount(Path("/usr"), recursive=False)
        try:
            system_calls.change_mount(copy, read_only=True)
        finally:
            os.close(copy)
    except OSError as error:
        return f"the kernel (Linux 5.12 can) mounts nothing into a running sandbox: {error}."
    return ""


def add(process: int, mounts: Sequence[Mount]) -> None:
    """Mount into the namespace of the process behind a pidfd, in order. Raises OSError."""

    def attach() -> None:
        with ExitStack() as stack:
            copies = [_copy(mount.source, stack, read_only=True) for mount in mounts]
            system_calls.enter_files(process)
            for copy, mount in zip(copies, mounts, strict=True):
                _make_target(PurePosixPath(mount.target), copy)
                system_calls.attach_mount(copy, mount.target)

    _visit(attach)


def cover(process: int, source: Path, target: str) -> None:
    """Mount a directory, which may be written to, over one that process sees. Raises OSError."""

    def attach() -> None:
        with ExitStack() as stack:
            copy = _copy(source, stack, read_only=False)
            system_calls.enter_files(process)
            system_calls.attach_mount(copy, target)

    _visit(attach)


def _visit(attach: Callable[[], None]) -> None:
    done: Future[None] = Future()

    def visit() -> None:
        try:
            attach()
        except OSError as error:
            done.set_exception(error)
        else:
            done.set_result(None)

    # A thread of its own: who has entered another mount namespace cannot simply come back.
    visitor = threading.Thread(target=visit, name="late mounts")
    visitor.start()
    visitor.join()
    done.result(timeout=0)


def _copy(source: Path, stack: ExitStack, *, read_only: bool) -> int:
    """A descriptor of what is to be mounted, not yet mounted anywhere."""
    copy = system_calls.copy_mount(source, recursive=True)
    stack.callback(os.close, copy)
    system_calls.change_mount(copy, read_only=read_only)
    return copy


def _make_target(target: PurePosixPath, copy: int) -> None:
    """What to mount over, if it is not there, in the root directory that is read-only for all."""
    if os.path.lexists(target):
        return
    # A second mount of the root directory, seen by nobody, may be written to.
    root = system_calls.copy_mount(Path("/"), recursive=False)
    try:
        system_calls.change_mount(root, read_only=False)
        for parent in [*reversed(target.parents)][1:]:
            _make_directory(parent, root)
        if stat.S_ISDIR(os.fstat(copy).st_mode):
            _make_directory(target, root)
        else:
            os.close(os.open(_below(target), os.O_CREAT | os.O_CLOEXEC, 0o444, dir_fd=root))
    finally:
        os.close(root)


def _make_directory(path: PurePosixPath, root: int) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(_below(path), dir_fd=root)
        os.chmod(_below(path), 0o755, dir_fd=root)  # whatever our umask is


def _below(path: PurePosixPath) -> str:
    return str(path.relative_to("/"))
