from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from lambent.sandbox.volume_copies import copy_files


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.mkdir()
    return path


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "target"
    path.mkdir()
    return path


def test_files_directories_and_links_are_copied_with_what_they_are(source, target):
    (source / "a/b").mkdir(parents=True)
    (source / "a/b/program").write_bytes(b"#!/bin/sh\n")
    (source / "a/b/program").chmod(0o751)
    (source / "a").chmod(0o700)
    (source / "link").symlink_to("/etc/passwd")
    os.utime(source / "a/b/program", ns=(10**18, 10**18 + 1))
    os.utime(source / "a", ns=(10**18, 10**18 + 2))
    copy_files(source, target)
    copied = (target / "a/b/program").stat()
    assert (target / "a/b/program").read_bytes() == b"#!/bin/sh\n"
    assert (stat.S_IMODE(copied.st_mode), copied.st_mtime_ns) == (0o751, 10**18 + 1)
    assert stat.S_IMODE((target / "a").stat().st_mode) == 0o700
    assert (target / "a").stat().st_mtime_ns == 10**18 + 2
    assert (target / "link").readlink() == (source / "link").readlink()


def test_pipes_and_sockets_are_left_out_and_nobody_waits_at_them(source, target):
    os.mkfifo(source / "pipe")
    os.mknod(source / "socket", stat.S_IFSOCK | 0o600)
    copy_files(source, target)
    assert list(target.iterdir()) == []


def test_holes_stay_holes(source, target):
    with (source / "sparse").open("wb") as file:
        file.truncate(64 << 20)
        file.seek(1 << 20)
        file.write(b"here")
    copy_files(source, target)
    copied = (target / "sparse").stat()
    assert copied.st_size == 64 << 20
    assert copied.st_blocks * 512 < 1 << 20


def test_what_is_nested_without_end_is_refused(source, target):
    descriptor = os.open(source, os.O_RDONLY)
    for _ in range(150):
        os.mkdir("d", dir_fd=descriptor)
        below = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    before = len([*Path("/proc/self/fd").iterdir()])
    with pytest.raises(OSError, match="levels deep"):
        copy_files(source, target)
    assert len([*Path("/proc/self/fd").iterdir()]) == before
