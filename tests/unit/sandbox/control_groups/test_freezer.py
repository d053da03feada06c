"""With directories instead of control groups, which take any file."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.waiting import eventually

from lambent.sandbox.control_groups import freezer
from lambent.sandbox.control_groups.mounts import Hierarchies


@pytest.fixture
def kernel(monkeypatch):
    """Puts a file into each directory that is made, as the kernel does."""
    make = Path.mkdir

    def give(names):
        def mkdir(path, *arguments, **options):
            make(path, *arguments, **options)
            for part in (part for part in names if part in path.parts):
                (path / names[part]).touch()

        def rmdir(path):
            removed.append(path)

        monkeypatch.setattr(Path, "mkdir", mkdir)
        monkeypatch.setattr(Path, "rmdir", rmdir)

    removed = []
    return give


@pytest.fixture
def hierarchies(tmp_path):
    return Hierarchies(v1={"freezer": tmp_path / "first"}, v2=tmp_path / "second")


def test_version_2_is_taken_where_it_is(kernel, hierarchies, tmp_path):
    kernel({"second": "cgroup.freeze", "first": "freezer.state"})
    directory = tmp_path / "second/lambent/me"
    assert freezer.make_directory(hierarchies, "lambent/me") == directory
    assert freezer.find_switch(directory).frozen == "1"


def test_version_1_serves_where_version_2_cannot_freeze(kernel, hierarchies, tmp_path):
    kernel({"first": "freezer.state"})
    directory = tmp_path / "first/lambent/me"
    assert freezer.make_directory(hierarchies, "lambent/me") == directory
    assert freezer.find_switch(directory).frozen == "FROZEN"


def test_there_may_be_none(tmp_path):
    assert freezer.make_directory(Hierarchies(v1={}, v2=None), "me") is None
    unwritable = Hierarchies(v1={}, v2=Path("/proc/nowhere"))
    assert freezer.make_directory(unwritable, "me") is None


def test_what_a_crashed_server_froze_is_killed_and_thawed(tmp_path):
    with subprocess.Popen(["/bin/sleep", "100"]) as member:
        (tmp_path / "cgroup.procs").write_text(str(member.pid))
        (tmp_path / "freezer.state").write_text("FROZEN")
        freezer.kill_left_behind(tmp_path)
        assert member.wait() == -9
    assert (tmp_path / "freezer.state").read_text() == "THAWED"


@pytest.mark.parametrize("switch", ["cgroup.freeze", "freezer.state"])
def test_two_servers_that_start_at_once_may_both_kill_what_is_left_behind(
    tmp_path, monkeypatch, switch
):
    group = tmp_path / "group"
    group.mkdir()
    (group / switch).touch()
    # While this one kills, the other one has killed and removes.
    monkeypatch.setattr(freezer, "kill_members", shutil.rmtree)
    freezer.kill_left_behind(group)
    assert not group.exists()


def test_what_is_no_group_of_a_freezer_is_left_alone(tmp_path):
    (tmp_path / "tasks").touch()
    freezer.kill_left_behind(tmp_path)
    freezer.kill_left_behind(tmp_path / "tasks")


_SERVER = """
import sys
from pathlib import Path
from lambent.sandbox.control_groups import freezer
with freezer.thawed_after_us(Path(sys.argv[1])):
    print("ready", flush=True)
    sys.stdin.read()
"""


def start_server(directory):
    line = [sys.executable, "-c", _SERVER, str(directory)]
    return subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def groups(tmp_path):
    """Two frozen groups of version 1 in the server's own."""
    (tmp_path / "freezer.state").touch()
    states = [tmp_path / name / "freezer.state" for name in ("1", "2")]
    for state in states:
        state.parent.mkdir()
        state.write_text("FROZEN\n")
    return states


def test_the_first_version_is_thawed_when_the_server_is_killed(tmp_path, groups):
    with start_server(tmp_path) as server:
        assert server.stdout.readline() == "ready\n"
        server.kill()
    eventually(lambda: [each.read_text() for each in groups] == ["THAWED\n"] * 2, "both thawed")


def test_a_server_that_ends_well_leaves_nothing_to_thaw(tmp_path, groups):
    with start_server(tmp_path) as server:
        assert server.stdout.readline() == "ready\n"
        server.communicate("")
    assert server.returncode == 0
    assert [each.read_text() for each in groups] == ["FROZEN\n"] * 2


@pytest.mark.parametrize("directory", [None, Path("/nowhere")])
def test_nobody_watches_where_the_frozen_die_by_themselves(directory, monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", None)
    with freezer.thawed_after_us(directory):
        pass
