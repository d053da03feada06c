"""Copies of a process in real sandboxes: what a copy is, and what is left of it and of its server."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from tests.integration.sandbox.conftest import LIMITS

from lambent.sandbox.sandbox import Command, Mount, SandboxStartFailed

MIB = 1024 * 1024
ZYGOTE = Path(__file__).parents[3] / "src/lambent/runtimes/python/zygote.py"
# A copy that obeys one line it reads from the sandbox's /tmp.
MAIN = """
import os, sys, time
sys.path.insert(0, "/code")
import zygote
zygote.serve()
while not os.path.exists("/tmp/go"):
    time.sleep(0.005)
print(os.getuid() != 0, os.listdir("/proc/self/fd"), flush=True)
exec(open("/tmp/go").read())
"""


@pytest.fixture
async def server(isolation, tmp_path):
    code = tmp_path / "code"
    code.mkdir()
    code.chmod(0o755)
    (code / "zygote.py").write_text(ZYGOTE.read_text())
    (code / "main.py").write_text(MAIN)
    command = Command(
        argv=("/usr/bin/python3", "/code/main.py"), environment={}, working_directory="/"
    )
    opened = await isolation.fork_server(command, [Mount(source=code, target="/code")])
    yield opened
    await asyncio.to_thread(opened.close)


@pytest.fixture
async def sandbox(isolation, tmp_path):
    volume, slot = await isolation.volume(16 * MIB), await isolation.take_slot()
    built = await isolation.build(
        mounts=[], limits=LIMITS, volume=volume, slot=slot, may_have_company=True
    )
    built.volume = volume
    yield built
    await built.close()
    await slot.close()
    await volume.close()


async def run(sandbox, process, script):
    """Let a copy run a script; how it ended, and what it printed."""
    (sandbox.volume.path / "go.new").write_text(script)
    (sandbox.volume.path / "go.new").rename(sandbox.volume.path / "go")
    ended = await asyncio.wait_for(process.wait(), 20)
    return ended, os.read(process.output, 65536).decode()


async def test_a_copy_is_the_sandboxes_own_user_with_four_descriptors(server, sandbox):
    process = await sandbox.run_copy(server)
    ended, printed = await run(sandbox, process, "")
    assert ended.code == 0
    assert printed == "True ['0', '1', '2', '3', '4']\n"  # the last is the directory


async def test_its_exit_is_the_kernels_own(server, sandbox):
    process = await sandbox.run_copy(server)
    ended, _ = await run(sandbox, process, "os._exit(130)")
    assert (ended.code, ended.signal) == (130, None)


async def test_memory_over_the_limit_is_told_as_that(server, sandbox):
    process = await sandbox.run_copy(server)
    ended, _ = await run(sandbox, process, "x = b'1' * (1 << 30)")
    assert (ended.signal, ended.is_out_of_memory) == (signal.SIGKILL, True)


async def test_it_outlives_its_server(server, sandbox):
    process = await sandbox.run_copy(server)
    await asyncio.to_thread(server.close)
    ended, _ = await run(sandbox, process, "os._exit(7)")
    assert ended.code == 7


async def test_a_closed_server_makes_no_copies_and_leaves_no_process(server, sandbox):
    await asyncio.to_thread(server.close)
    assert zombies("python3") == []
    with pytest.raises(SandboxStartFailed):
        await sandbox.run_copy(server)


def own_children():
    for task in Path("/proc/self/task").iterdir():
        yield from (task / "children").read_text().split()


def zombies(name):
    """Children of ours with this name that nobody has buried."""
    states = [Path(f"/proc/{pid}/stat").read_text() for pid in own_children()]
    return [state for state in states if f"({name}" in state and ") Z " in state]
