"""kill -9 of a server."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.support.waiting import eventually

from lambent.sandbox.control_groups import groups
from lambent.sandbox.control_groups.mounts import Hierarchies, read_hierarchies

_SERVER = Path(__file__).with_name("crashing_server.py")


@contextmanager
def _running_server(state, kind="plain"):
    line = [sys.executable, str(_SERVER), str(state), kind]
    with subprocess.Popen(line, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout
            assert server.stdout.readline() == b"running\n"
            yield server
        finally:
            server.kill()


@pytest.fixture(params=["plain", "company", "frozen-1", "frozen-2"])
def crashed(request, tmp_path, monkeypatch):
    """(its process id, descriptors of all processes it had) after the crash."""
    found = read_hierarchies()
    if request.param == "frozen-1":
        if "freezer" not in found.v1:
            pytest.skip("no freezer of version 1")
        only_first = Hierarchies(v1=found.v1, v2=None)
        monkeypatch.setattr(groups, "read_hierarchies", lambda: only_first)
    if request.param == "frozen-2" and found.v2 is None:
        pytest.skip("no freezer of version 2")
    with _running_server(tmp_path / "state", request.param) as server:
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


def test_no_function_survives_the_server(crashed):
    _, family = crashed
    assert len(family) > 10
    eventually(lambda: not [each for each in family if not _has_ended(each)], "all dead")


def _has_ended(descriptor: int) -> bool:
    # Orphans come to this process once it has had sandboxes itself, and it must bury them: a
    # process 1 ends after all others of its namespace.
    with suppress(ChildProcessError):
        os.waitid(os.P_PIDFD, descriptor, os.WEXITED | os.WNOHANG)
    return bool(select.select([descriptor], [], [], 0)[0])


def test_no_mount_survives_the_server(crashed, tmp_path):
    assert str(tmp_path) not in Path("/proc/1/mountinfo").read_text()


def groups_of(pid: int) -> list[Path]:
    own = f"-{pid}-"
    # os.walk: other servers' groups come and go meanwhile.
    walk = os.walk("/sys/fs/cgroup")
    return [Path(parent) / name for parent, names, _ in walk for name in names if own in name]


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
