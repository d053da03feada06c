"""What other users of this machine can read of a server's data: nothing that could be secret."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tests.support.functions import deploy
from tests.support.server import running_server

ECHO = "def handler(event, context):\n    return event\n"
# What functions' own users read, below directories that nobody else may enter.
_FOR_FUNCTIONS = ("code/unpacked/", "layers/merged/", "sandboxes/")
_HARMLESS = {"code/boot_id", "layers/boot_id"}


def exposed(data_dir):
    """Files that others could read if they came to the directory."""
    found = []
    for directory, _, files in os.walk(data_dir):
        for file in (Path(directory) / each for each in files):
            name = str(file.relative_to(data_dir))
            mode = file.lstat().st_mode
            if stat.S_ISREG(mode) and mode & 0o077 and not name.startswith(_FOR_FUNCTIONS):
                found.append(name)
    return set(found) - _HARMLESS


def test_nobody_else_can_read_what_a_server_stores(tmp_path):
    data_dir, umask = tmp_path / "data", os.umask(0)
    try:
        data_dir.mkdir()
        for name in ("lambent.sqlite3", "lambent.sqlite3-wal", "lambent.sqlite3-shm"):
            (data_dir / name).touch(0o644)  # as an earlier release left it
        with running_server(data_dir) as server:
            function = deploy(server, ECHO, Environment={"Variables": {"SECRET": "swordfish"}})
            assert function.call("hello") == "hello"
            assert (data_dir / "lambent.sqlite3-wal").exists()
            assert exposed(data_dir) == set()
            assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
            for name in ("code/unpacked", "code/zips"):
                assert stat.S_IMODE((data_dir / name).stat().st_mode) == 0o700
    finally:
        os.umask(umask)
