"""What is left when the server is killed, and what the next one makes of it."""

from __future__ import annotations

import contextlib
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support.functions import WHOLE_CPU, Deployed, deploy, zipped
from tests.support.leftovers import cgroups, descendants
from tests.support.server import ROLE, running_server
from tests.support.waiting import eventually, wait_logged

from lambent.sandbox import host

SLOW = """
import os, subprocess, time

def handler(event, context):
    print("at work on", event, flush=True)
    if event in ("slow", "in company"):
        for _ in range(5):
            subprocess.Popen(["sleep", "600"], start_new_session=True)
    if event == "slow":
        time.sleep(600)
    return event
"""

pytestmark = pytest.mark.skipif(
    any(each.state == "missing" for each in host.probe_essentials()),
    reason="this host has no sandboxes",
)


def on(server, deployed):
    """The same function, on the server that came after."""
    return Deployed(name=deployed.name, server=server, client=server.client())


def mounts_of(data_dir):
    """What this test's process sees mounted below a data directory."""
    return [
        line for line in Path("/proc/self/mountinfo").read_text().split() if str(data_dir) in line
    ]


def left_of(pid):
    """Groups of a server, in any hierarchy."""
    return [path for path in cgroups(pid) if Path(path).is_dir()]


def test_nothing_of_its_sandboxes_survives_a_killed_server(tmp_path):
    data_dir = tmp_path / "data"
    with running_server(data_dir) as server, ThreadPoolExecutor() as threads:
        functions = [deploy(server, SLOW, Timeout=60, **WHOLE_CPU) for _ in range(3)]
        working = [threads.submit(each.invoke, "slow") for each in functions]
        for each in functions:
            wait_logged(each, "at work on slow")
        below = descendants(server.process.pid)
        assert len(below) > 3 * 6
        server.kill()
        assert all(each.exception() is not None for each in working)
        eventually(
            lambda: not [pid for pid in below if is_alive(pid)],
            lambda: [pid for pid in below if is_alive(pid)],
        )
    assert mounts_of(data_dir) == []
    killed = server.process.pid
    with running_server(data_dir) as server:
        assert left_of(killed) == []
        [own] = (data_dir / "sandboxes" / "servers").iterdir()
        assert f"-{server.process.pid}-" in own.name
        for each in functions:
            assert on(server, each).call("again") == "again"
            assert any("at work on slow" in line for line in wait_logged(on(server, each), "slow"))
    assert left_of(server.process.pid) == []
    assert not (data_dir / "sandboxes" / "servers").exists()


def is_alive(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


BOMB = """
import os

def handler(event, context):
    print("at work", flush=True)
    while event == "bomb":
        try:
            os.fork()
        except OSError:
            pass
    return event
"""


def test_a_server_killed_under_a_fork_bomb_can_be_started_again(tmp_path):
    with running_server(tmp_path / "data") as server, ThreadPoolExecutor() as threads:
        deployed = deploy(server, BOMB, MemorySize=512, Timeout=60)
        working = threads.submit(deployed.invoke, "bomb")
        wait_logged(deployed, "at work")
        eventually(lambda: len(descendants(server.process.pid)) > 1000, "a thousand processes")
        server.kill()
        assert working.exception() is not None
    with running_server(tmp_path / "data") as server:
        assert on(server, deployed).call("again") == "again"


def test_logs_written_before_the_kill_stay(tmp_path):
    with running_server(tmp_path / "data") as server:
        deployed = deploy(server, SLOW, Timeout=60, **WHOLE_CPU)
        for number in range(20):
            deployed.call(number)
        before = wait_logged(deployed, "at work on 19")
        server.kill()
    with running_server(tmp_path / "data") as server:
        after = wait_logged(on(server, deployed), "at work on 19")
        assert after[: len(before)] == before


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 32 MiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(disk)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount: {mounted.stderr.decode()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(file):
    with file.open("ab", buffering=0) as writer, contextlib.suppress(OSError):
        while True:
            writer.write(bytes(4096))


def test_a_full_disk_is_an_error_and_not_the_end(small_disk):
    data_dir = small_disk / "data"
    with running_server(data_dir) as server:
        deployed, cold = (deploy(server, SLOW, Timeout=60, **WHOLE_CPU) for _ in range(2))
        assert deployed.call("before") == "before"
        ballast = small_disk / "ballast"
        fill(ballast)
        client = server.client()
        with pytest.raises(client.exceptions.ClientError) as raised:
            client.create_function(
                FunctionName="too-much",
                Runtime="python3.11",
                Role=ROLE,
                Handler="x.y",
                Code={"ZipFile": zipped({"x.py": os.urandom(100_000)})},
            )
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
        assert raised.value.response["Error"]["Code"] == "ServiceException"
        assert deployed.call("meanwhile") == "meanwhile"  # its environment is there already
        fill(ballast)  # what the server has put away meanwhile, too
        with pytest.raises(client.exceptions.ServiceException):
            cold.invoke("no room for its /tmp")
        ballast.unlink()
        assert cold.call("now") == "now"
        assert deploy(server, SLOW, Timeout=60, **WHOLE_CPU).call("after") == "after"
        assert server.stop() == 0


def company(server):
    """What a function that is `in company` has started."""
    return [pid for pid in descendants(server.process.pid) if name_of(pid) == "sleep"]


def name_of(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return None


def test_idle_environments_are_reaped(tmp_path):
    with running_server(tmp_path / "data", "--idle-seconds", "1") as server:
        deployed = deploy(server, SLOW, Timeout=60, **WHOLE_CPU)
        deployed.call("in company")
        assert len(company(server)) == 5
        eventually(lambda: not company(server), lambda: company(server))
        eventually(lambda: not deployed.environments(), deployed.environments)
        assert deployed.call(2) == 2


def test_environments_of_an_old_configuration_go_away(tmp_path):
    with running_server(tmp_path / "data") as server:
        deployed = deploy(server, SLOW, Timeout=60, **WHOLE_CPU)
        deployed.call("in company")
        [old] = deployed.environments()
        assert len(company(server)) == 5
        deployed.client.update_function_configuration(
            FunctionName=deployed.name, Environment={"Variables": {"NEW": "value"}}
        )
        deployed.client.get_waiter("function_updated_v2").wait(
            FunctionName=deployed.name, WaiterConfig={"Delay": 0.05}
        )
        assert deployed.call(2) == 2
        eventually(lambda: not company(server), lambda: company(server))
        eventually(lambda: len(deployed.environments()) == 1, deployed.environments)
        [new] = deployed.environments()
        assert new["id"] != old["id"]
