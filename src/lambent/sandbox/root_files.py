"""The parts of a sandbox's root file system that are the same for all sandboxes of a server."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HOST_NAME = "sandbox"
ENTRY_SHELL = "/run/sh"  # the host's /bin/sh, whatever /bin/sh is inside

_DEVICES = ("null", "zero", "full", "random", "urandom")
_DEVICE_LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
}
_PROGRAM_DIRECTORIES = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
# From the host's /etc: what the linker, TLS, name services and the host's own interpreters read.
_COPIED = (
    "alternatives",
    "ca-certificates",
    "java*",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "mime.types",
    "pki",
    "protocols",
    "services",
    "ssl",
)
_SECRET = shutil.ignore_patterns("private", "*.key")


@functools.cache
def program_arguments(root: Path = Path("/")) -> tuple[str, ...]:
    """bwrap's arguments for the host's programs and libraries, read-only."""
    return tuple(_program_arguments(root))


def _program_arguments(root: Path) -> Iterator[str]:
    yield from ("--ro-bind", str(root / "usr"), "/usr")
    for name in _PROGRAM_DIRECTORIES:
        directory = root / name
        if directory.is_symlink():
            yield from ("--symlink", str(directory.readlink()), f"/{name}")
        elif directory.is_dir():
            yield from ("--ro-bind", str(directory), f"/{name}")


@functools.cache
def shell_arguments(root: Path = Path("/")) -> tuple[str, ...]:
    """bwrap's arguments for ENTRY_SHELL, and for bash as /bin/sh where the host has dash for it.

    Scripts written for Amazon Linux begin with `#!/bin/sh` and go on in bash, which it is there.
    Commands are entered through the host's own shell all the same: bash is slower to start, and
    adds variables to the environment.
    """
    shell, bash = root / "bin/sh", root / "bin/bash"
    entry = ("--dir", "/run", "--ro-bind", str(shell), ENTRY_SHELL)
    # Never over another program: on some hosts sh is one of many names of one file.
    if shell.resolve().name != "dash" or not bash.is_file():
        return entry
    return (*entry, "--ro-bind", str(bash), f"/{shell.resolve().relative_to(root.resolve())}")


def device_arguments() -> Iterator[str]:
    """bwrap's arguments for /dev.

    Not its `--dev`: AWS has no terminals and no writable /dev/shm, which would be a second /tmp
    that no limit but memory holds.
    """
    yield from ("--dir", "/dev")
    for name in _DEVICES:
        yield from ("--dev-bind", f"/dev/{name}", f"/dev/{name}")
    for name, target in _DEVICE_LINKS.items():
        yield from ("--symlink", target, f"/dev/{name}")


def write_etc(directory: Path, *, name_server: str | None, host: Path = Path("/etc")) -> None:
    """Write a small /etc into `directory`, with nothing in it that tells about this host."""
    directory.mkdir(mode=0o755)
    for pattern in _COPIED:
        for source in host.glob(pattern):
            _copy(source, directory / source.name)
    texts = {
        "hosts": f"127.0.0.1 localhost {HOST_NAME} {HOST_NAME}.localdomain\n",
        "hostname": f"{HOST_NAME}\n",
        "resolv.conf": f"nameserver {name_server}\n" if name_server else "",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
        # Each sandbox's own lie over these: bwrap cannot make files in a read-only directory.
        "passwd": "",
        "group": "",
    }
    _write(directory, texts)
    (directory / "localtime").symlink_to("/usr/share/zoneinfo/UTC")


def write_accounts(directory: Path, user_id: int, group_id: int) -> None:
    """Write the passwd and group files of one sandbox's user."""
    texts = {
        "passwd": f"root:x:0:0::/root:/sbin/nologin\nsandbox:x:{user_id}:{group_id}::/tmp:/bin/sh\n",
        "group": f"root:x:0:\nsandbox:x:{group_id}:\n",
    }
    _write(directory, texts)


def remove_accounts(directory: Path) -> None:
    """Remove these files, if they are there."""
    for name in ("passwd", "group"):
        (directory / name).unlink(missing_ok=True)


def _write(directory: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        (directory / name).write_text(text)
        (directory / name).chmod(0o644)


def _copy(source: Path, target: Path) -> None:
    try:
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, ignore=_SECRET)
        else:
            shutil.copy(source, target)
    except (OSError, shutil.Error):
        # A file we may not read is not for sandboxes either; what could be copied stays.
        return
