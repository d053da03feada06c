from __future__ import annotations

import os
from pathlib import Path

import pytest

from lambent.store.durable_files import (
    UNFINISHED_PREFIX,
    clear_after_reboot,
    remove_tree,
    sync_directory,
    write_durably,
)


def test_a_file_is_written_for_its_owner_alone(tmp_path):
    write_durably(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_a_file_is_replaced_whole(tmp_path):
    write_durably(tmp_path / "file", b"long content")
    write_durably(tmp_path / "file", b"short")
    assert (tmp_path / "file").read_bytes() == b"short"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_content_and_name_are_synced_before_it_returns(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(
        os, "fsync", lambda fd: synced.append(Path(f"/proc/self/fd/{fd}").readlink())
    )
    write_durably(tmp_path / "file", b"content")
    assert len(synced) == 2
    assert synced[0].parent == synced[1] == tmp_path
    assert synced[0].name.startswith(".unfinished-")


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    (tmp_path / "file").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_durably(tmp_path / "file", b"new")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
    assert (tmp_path / "file").read_bytes() == b"old"


def test_only_a_directory_can_be_synced_as_one(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        sync_directory(tmp_path / "file")


def test_a_tree_that_is_removed_is_gone_at_once(tmp_path, monkeypatch):
    (tmp_path / "tree/dir").mkdir(parents=True)
    monkeypatch.setattr("shutil.rmtree", lambda path: None)  # as if the machine stopped here
    remove_tree(tmp_path / "tree")
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(UNFINISHED_PREFIX)


def test_files_are_kept_until_the_machine_is_started_anew(tmp_path):
    directory, marker = tmp_path / "files", tmp_path / "boot_id"
    (directory / "dir").mkdir(parents=True)
    clear_after_reboot(directory, marker)
    assert list(directory.iterdir()) == []  # nobody knows since when
    (directory / "file").touch()
    clear_after_reboot(directory, marker)
    assert list(directory.iterdir()) == [directory / "file"]
    marker.write_text("another")
    clear_after_reboot(directory, marker)
    assert list(directory.iterdir()) == []
