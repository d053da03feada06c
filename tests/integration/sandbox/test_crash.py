"""kill -9 of a server."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

_SERVER = Path(__file__).with_name("crashing_server.py")


@contextmanager
def _running_server(state):
    line = [sys.executable, str(_SERVER), str(state)]
    with subprocess.Popen(line, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout
            assert server.stdout.readline() == b"running\n"
            yield server
        finally:
            server.kill()


@pytest.fixture
def crashed(tmp_path):
    """(its process id, descriptors of all processes it had) after the crash."""
    with _running_server(tmp_path / "state") as server:
        family = _descendants(server.pid)
        server.kill()
    yield server.pid, family
    for descriptor in family:
        os.close(descriptor)


def _descendants(pid: int) -> list[int]:
    """Of a living server's processes some come and go: what it makes its stock of slots with."""
    found = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                with suppress(ProcessLookupError):
                    found += [os.pidfd_open(child), *_descendants(child)]
    return found


async def test_no_function_survives_the_server(crashed):
    _, family = crashed
    assert len(family) > 10
    loop = asyncio.get_running_loop()
    for descriptor in family:
        ended = asyncio.Event()
        loop.add_reader(descriptor, ended.set)
        async with asyncio.timeout(20):
            await ended.wait()
        loop.remove_reader(descriptor)


def test_no_mount_survives_the_server(crashed, tmp_path):
    assert str(tmp_path) not in Path("/proc/1/mountinfo").read_text()


def groups_of(pid: int) -> list[Path]:
    return list(Path("/sys/fs/cgroup").rglob(f"*-{pid}-*"))


async def test_the_next_server_removes_the_rest(crashed, tmp_path, open_isolation):
    pid, _ = crashed
    servers = tmp_path / "state" / "servers"
    assert groups_of(pid)
    assert list(servers.glob(f"*-{pid}-*"))
    async with open_isolation(tmp_path):
        assert not groups_of(pid)
        assert not list(servers.glob(f"*-{pid}-*"))


@pytest.fixture
def crash_another(tmp_path):
    def crash():
        with _running_server(tmp_path / "state") as server:
            server.kill()

    return crash


async def test_a_living_servers_things_are_left_alone(
    tmp_path, open_isolation, make_place, crash_another
):
    async with open_isolation(tmp_path) as isolation:
        place = await make_place(isolation)
        sandbox = await place.start("/bin/cat", "/dev/zero")
        crash_another()
        assert os.read(sandbox.output, 1) == b"\0"
        assert await place.sh("echo fine") == "fine\n"
        await place.close()
