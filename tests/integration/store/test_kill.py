"""The database after its process was killed: whatever was acknowledged is there."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

from lambent.store.database import Database
from lambent.store.functions import FunctionStore
from lambent.store.seal import Seal

ROOT = Path(__file__).parents[3]
WRITER = """
import asyncio, itertools, pathlib, sys

from tests.support.versions import function_version

from lambent.domain.function import Function
from lambent.store.database import Database
from lambent.store.functions import FunctionStore
from lambent.store.seal import Seal

KEY = {"account_id": "000000000000", "region": "us-east-1"}


def version(name, number):
    return function_version(
        **KEY, name=name, version=number, environment={"NAME": name}, has_environment=True,
        revision_id=name + number,
    )


async def write(store, prefix):
    for number in itertools.count():
        name = f"{prefix}-{number}"
        await store.create(Function(**KEY, name=name), version(name, "$LATEST"))
        print(name, "$LATEST", flush=True)
        await store.publish(version(name, "1"))
        print(name, "1", flush=True)


async def main(path, prefix):
    seal = Seal.from_key_file(path / "key")
    async with Database.open(path / "lambent.sqlite") as database:
        store = await FunctionStore.open(database, seal)
        async with asyncio.TaskGroup() as group:
            for writer in range(4):
                group.create_task(write(store, f"{prefix}-{writer}"))


asyncio.run(main(pathlib.Path(sys.argv[1]), sys.argv[2]))
"""


def acknowledged_before_kill(path, prefix, lines):
    """What a writer had printed when it was killed, some time after its first `lines` lines."""
    command = [sys.executable, "-c", WRITER, path, prefix]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as writer:
        assert writer.stdout
        printed = [writer.stdout.readline() for _ in range(lines)]
        writer.send_signal(signal.SIGKILL)
        printed += writer.stdout.readlines()
    assert writer.returncode == -signal.SIGKILL
    # A line that was cut off was not said.
    return [tuple(line.split()) for line in printed if line.endswith("\n")]


async def test_what_was_acknowledged_survives_kill(tmp_path):
    moments = random.Random(20260131)
    acknowledged = []
    for life in range(5):
        lines = moments.randrange(1, 300)
        acknowledged += acknowledged_before_kill(tmp_path, f"life{life}", lines)
        async with Database.open(tmp_path / "lambent.sqlite") as database:
            store = await FunctionStore.open(database, Seal.from_key_file(tmp_path / "key"))
        for name, number in acknowledged:
            version = store.version("000000000000", "us-east-1", name, number)
            assert version is not None, (life, name, number)
            assert version.environment == {"NAME": name}
    assert len(acknowledged) > 100


async def test_a_killed_writer_leaves_a_sound_database(tmp_path):
    acknowledged_before_kill(tmp_path, "life", 50)
    connection = sqlite3.connect(tmp_path / "lambent.sqlite")
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    finally:
        connection.close()
