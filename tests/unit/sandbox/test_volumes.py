from __future__ import annotations

import os

from lambent.sandbox import volumes


def test_a_sparse_file_stays_sparse_when_copied(tmp_path):
    source, target = tmp_path / "a", tmp_path / "b"
    with source.open("wb") as file:
        file.write(b"begin")
        file.seek(64 << 20)
        file.write(b"middle")
        file.truncate(256 << 20)
    volumes._copy_sparsely(source, target)
    assert target.stat().st_size == 256 << 20
    assert target.stat().st_blocks * 512 < 1 << 20
    with target.open("rb") as file:
        assert file.read(5) == b"begin"
        file.seek(64 << 20)
        assert file.read(6) == b"middle"


def test_a_template_is_made_once(tmp_path, monkeypatch):
    made = []

    def make(image, megabytes):
        made.append(megabytes)
        image.touch()

    monkeypatch.setattr(volumes, "_make_file_system", make)
    for size in (512 << 20, 512 << 20, 1 << 20, 1):
        volumes._template(tmp_path, size)
    assert made == [512 + 10 + 10 + 4, 5]


def test_what_is_missing_for_volumes_on_disk_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(volumes, "_SEARCH_PATH", str(tmp_path))
    assert "mkfs.ext4" in volumes.find_problem()
    monkeypatch.setattr(volumes, "_SEARCH_PATH", os.environ["PATH"])
    monkeypatch.setattr(volumes, "_make_file_system_program", lambda: "/bin/true")
    monkeypatch.setattr(volumes, "_LOOP_CONTROL", tmp_path / "absent")
    assert "loop" in volumes.find_problem()


def test_taking_away_what_is_not_there_is_fine(tmp_path):
    volumes.unmount(tmp_path / "absent", tmp_path / "absent.ext4")


def test_nothing_is_mounted_below_an_ordinary_directory(tmp_path):
    assert volumes.mounts_below(tmp_path) == []
    assert volumes.mounts_below(tmp_path.parents[-1])
