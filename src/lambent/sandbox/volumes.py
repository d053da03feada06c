"""Private file systems of a fixed size, for /tmp.

As root: an ext4 file system in a sparse file, so that the size holds and the host's disk is used
only as far as something was written. Otherwise a tmpfs, whose contents count as memory.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import struct
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from lambent.sandbox import system_calls, volume_copies

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOOP_CONTROL = Path("/dev/loop-control")
# <linux/loop.h>
_LOOP_GET_FREE = 0x4C82
_LOOP_CONFIGURE = 0x4C0A
_LOOP_CONFIG_BYTES = 304  # struct loop_config: fd, block size, struct loop_info64, reserved
_LOOP_FLAGS_OFFSET = 8 + 52  # lo_flags in the embedded struct loop_info64
_LOOP_AUTOCLEAR = 4  # the device frees itself with its last mount
_ATTEMPTS = 20

_MIB = 1024 * 1024
_MOUNT_FLAGS = system_calls.MS_NOSUID | system_calls.MS_NODEV | system_calls.MS_NOATIME
_SEARCH_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def find_problem() -> str:
    """What this machine lacks for volumes on disk; empty when nothing."""
    if _make_file_system_program() is None:
        return "mkfs.ext4 is not installed."
    if not os.access(_LOOP_CONTROL, os.W_OK):
        return "there are no loop devices."
    return ""


def mount_on_disk(directory: Path, image: Path, templates: Path, size_bytes: int) -> None:
    """Mount a fresh ext4 with room for `size_bytes`, in a file `image`, at `directory`.

    Raises OSError.
    """
    _copy_sparsely(_template(templates, size_bytes), image)
    directory.mkdir()
    device = _attach(image)
    try:
        # noinit_itable: or the kernel fills the inode tables in the background, on the host's disk.
        system_calls.mount(
            f"/dev/loop{device[1]}", directory, "ext4", _MOUNT_FLAGS, "noinit_itable,discard"
        )
    finally:
        os.close(device[0])
    with contextlib.suppress(FileNotFoundError):
        (directory / "lost+found").rmdir()


def mount_places(directory: Path) -> None:
    """Make room for what many volumes are mounted at, which no disk needs to know of."""
    directory.mkdir()
    system_calls.mount("tmpfs", directory, "tmpfs", _MOUNT_FLAGS, "mode=0755")


def mount_in_memory(directory: Path, size_bytes: int) -> None:
    """Mount a fresh tmpfs at `directory`. Raises OSError."""
    directory.mkdir()
    system_calls.mount("tmpfs", directory, "tmpfs", _MOUNT_FLAGS, f"size={size_bytes},mode=0700")


def unmount(directory: Path, image: Path) -> None:
    """Take a volume away with all its files, and the one it was in, if there was one."""
    with contextlib.suppress(OSError):
        system_calls.unmount(directory)
    image.unlink(missing_ok=True)
    with contextlib.suppress(FileNotFoundError):
        directory.rmdir()


def mounts_below(directory: Path) -> list[Path]:
    """What is mounted somewhere below, the innermost first."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    below = [Path(point.replace("\\040", " ")) for point in points]
    return [path for path in reversed(below) if path.is_relative_to(directory)]


def _make_file_system_program() -> str | None:
    return shutil.which("mkfs.ext4", path=_SEARCH_PATH)


def _template(templates: Path, size_bytes: int) -> Path:
    """An empty file system, made once for each size."""
    # ext4's tables take less than 2%, and the kernel holds back as much again, at most 16 MiB
    # (s_resv_clusters): with this the size asked for is all there to use.
    asked = -(-size_bytes // _MIB)
    megabytes = asked + asked // 50 + min(asked // 50, 16) + 4
    image = templates / f"{megabytes}.ext4"
    if not image.exists():
        _make_file_system(image, megabytes)
    return image


def _make_file_system(image: Path, megabytes: int) -> None:
    program = _make_file_system_program()
    if program is None:
        raise FileNotFoundError("mkfs.ext4 is not installed")
    unfinished = image.with_name(f"{image.name}.{threading.get_native_id()}")
    # No journal and no reserve: it need survive no crash, and has no administrator.
    features = ["-O", "^has_journal,^resize_inode", "-b", "4096", "-i", "16384", "-m", "0"]
    subprocess.run(
        [
            program,
            "-q",
            "-F",
            *features,
            "-E",
            "lazy_itable_init=1,nodiscard",
            str(unfinished),
            f"{megabytes}M",
        ],
        check=True,
        capture_output=True,
    )
    unfinished.rename(image)


def _copy_sparsely(source: Path, target: Path) -> None:
    with source.open("rb") as reader, target.open("xb") as writer:
        size = os.fstat(reader.fileno()).st_size
        volume_copies.copy_sparsely(reader.fileno(), writer.fileno(), size)


def _attach(image: Path) -> tuple[int, int]:
    """(descriptor, number) of a loop device over `image`. Raises OSError."""
    with _opened(_LOOP_CONTROL) as control, _opened(image) as file:
        for _ in range(_ATTEMPTS):
            number = fcntl.ioctl(control, _LOOP_GET_FREE)
            device = os.open(f"/dev/loop{number}", os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.ioctl(device, _LOOP_CONFIGURE, _loop_config(file))
            except OSError:  # somebody else was faster with this number
                os.close(device)
            else:
                return device, number
    raise OSError(f"no free loop device for {image}")


def _loop_config(file: int) -> bytes:
    config = bytearray(_LOOP_CONFIG_BYTES)
    struct.pack_into("=I", config, 0, file)
    struct.pack_into("=I", config, _LOOP_FLAGS_OFFSET, _LOOP_AUTOCLEAR)
    return bytes(config)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
