from __future__ import annotations

import os
import subprocess

import pytest

from lambent.sandbox.control_groups import removal


def test_a_tree_is_removed_from_the_leaves_up(tmp_path):
    (tmp_path / "a/b/c").mkdir(parents=True)
    removal.remove_tree(tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_what_is_gone_already_is_fine(tmp_path):
    removal.remove_tree(tmp_path / "absent")


def test_members_are_killed_but_never_ourselves(tmp_path, monkeypatch):
    monkeypatch.setattr(removal, "_REMOVE_SECONDS", 0.0)
    with subprocess.Popen(["/bin/sleep", "100"]) as member:
        (tmp_path / "cgroup.procs").write_text(f"{os.getpid()}\n{member.pid}\n")
        with pytest.raises(TimeoutError):
            removal.remove_tree(tmp_path)
    assert member.returncode == -9
