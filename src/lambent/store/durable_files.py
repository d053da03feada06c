"""Files that are there whole after a crash, or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# No finished file has such a name, so that what a crash left behind can be told and removed.
UNFINISHED_PREFIX = ".unfinished-"


def unfinished(path: Path) -> Path:
    """A name beside `path`, for work that is renamed to `path` when it is done."""
    return path.with_name(f"{UNFINISHED_PREFIX}{secrets.token_hex(8)}")


def remove_tree(path: Path) -> None:
    """Under another name first, so that a removal cut short leaves no half of a directory."""
    doomed = unfinished(path)
    path.rename(doomed)
    shutil.rmtree(doomed)


def clear_after_reboot(directory: Path, marker: Path) -> None:
    """Empties `directory` unless the machine runs since `marker` was written; writes it anew.

    For files that are not synced: a crash of the machine may have left holes in them, a crash of
    this process not.
    """
    boot_id = _BOOT_ID.read_text()
    if not marker.exists() or marker.read_text() != boot_id:
        shutil.rmtree(directory)
        directory.mkdir(mode=0o700)
        marker.write_text(boot_id)


def sync_directory(path: Path) -> None:
    """Makes the names in a directory durable; the files' contents are another matter."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: Path, content: bytes) -> None:
    """Makes or replaces `path` (mode 0600) atomically; durable when it returns.

    Raises OSError, and leaves nothing behind then.
    """
    temporary = unfinished(path)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
