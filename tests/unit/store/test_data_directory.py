from __future__ import annotations

import os
import subprocess
import sys

import pytest

from lambent.store.data_directory import DataDirectoryInUse, DataDirectoryUnusable, locked

HOLD = """
import pathlib, sys
from lambent.store.data_directory import locked
with locked(pathlib.Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_a_directory_is_made_for_its_owner_alone(tmp_path):
    with locked(tmp_path / "new" / "data"):
        assert (tmp_path / "new" / "data").stat().st_mode & 0o777 == 0o700


def test_a_directory_that_others_can_read_is_closed_to_them(tmp_path):
    (tmp_path / "data").mkdir(mode=0o755)
    with locked(tmp_path / "data"):
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_a_second_server_is_told_who_has_it(tmp_path):
    with locked(tmp_path):
        with pytest.raises(DataDirectoryInUse, match=f"in use by .*process {os.getpid()}") as error:
            with locked(tmp_path):
                pass
    assert error.value.pid == os.getpid()
    assert error.value.path == tmp_path


def test_an_owner_that_has_not_said_who_it_is(tmp_path):
    with locked(tmp_path):
        (tmp_path / "lock").write_bytes(b"")
        with pytest.raises(DataDirectoryInUse, match="in use by another server:"):
            with locked(tmp_path):
                pass


def test_it_is_free_again_afterwards(tmp_path):
    for _ in range(2):
        with locked(tmp_path):
            pass


def test_it_is_free_again_when_its_server_failed(tmp_path):
    with pytest.raises(LookupError), locked(tmp_path):
        raise LookupError
    with locked(tmp_path):
        pass


def test_it_is_free_again_when_its_server_was_killed(tmp_path):
    server = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with server:
        assert server.stdout
        assert server.stdout.readline() == b"locked\n"
        with pytest.raises(DataDirectoryInUse, match=str(server.pid)):
            with locked(tmp_path):
                pass
        server.kill()
    with locked(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path):
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataDirectoryUnusable, match="symbolic links"), locked(tmp_path):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_a_directory_that_cannot_be_made_is_told_with_the_way_out(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataDirectoryUnusable, match="--data-dir"), locked(tmp_path / "file"):
        pass
