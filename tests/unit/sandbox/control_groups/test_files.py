"""The making of control groups where other servers make and remove theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambent.sandbox.control_groups import files


def test_a_group_is_made_while_a_server_that_ends_removes_the_parent_they_share(
    tmp_path, monkeypatch
):
    make, made = Path.mkdir, []

    def make_and_lose_the_first(directory, *arguments, **named):
        make(directory, *arguments, **named)
        made.append(directory)
        if len(made) == 1:
            directory.rmdir()

    monkeypatch.setattr(Path, "mkdir", make_and_lose_the_first)
    files.make_directory(tmp_path / "lambent" / "server")
    assert (tmp_path / "lambent" / "server").is_dir()


def test_where_no_group_can_be_made_the_attempts_end():
    with pytest.raises(OSError, match="/proc/nowhere"):
        files.make_directory(Path("/proc/nowhere/server"))
