from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from lambent.sandbox import servers
from lambent.sandbox.control_groups import groups as group_module
from lambent.sandbox.control_groups.groups import (
    ControlGroup,
    open_control_groups,
    remove_left_behind,
)
from lambent.sandbox.control_groups.mounts import Hierarchies
from lambent.sandbox.control_groups.shares import PERIOD_US
from lambent.sandbox.sandbox import Limits

ALL_PROCESSORS_US = (os.cpu_count() or 1) * PERIOD_US


def name_of_a_dead_server():
    namespace, pid, _ = servers.own_name().split("-")
    return f"{namespace}-{pid}-1"


def quota(file):
    """Microseconds in each period, from either version's file."""
    return int(file.read_text().split()[0])


@pytest.fixture
def memory(tmp_path):
    (tmp_path / "memory.max_usage_in_bytes").write_text("4096\n")
    (tmp_path / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    return tmp_path


def test_a_group_tells_its_peak_and_its_kills(memory):
    group = ControlGroup(1, {"memory": memory})
    assert group.memory_peak_bytes() == 4096
    assert group.out_of_memory_kills() == 2


@pytest.mark.parametrize(("version", "file"), [(1, "memory.usage_in_bytes"), (2, "memory.current")])
def test_a_group_tells_its_memory(memory, version, file):
    (memory / "memory.peak").touch()
    (memory / file).write_text("8192\n")
    assert ControlGroup(version, {"memory": memory}).memory_bytes() == 8192


def test_without_a_memory_controller_there_is_nothing_to_tell():
    group = ControlGroup(2, {})
    assert (group.memory_peak_bytes(), group.out_of_memory_kills()) == (0, 0)
    assert group.memory_bytes() == 0


@pytest.mark.parametrize(
    ("file", "frozen", "thawed"),
    [("cgroup.freeze", "1", "0"), ("freezer.state", "FROZEN", "THAWED")],
)
def test_freezing_and_thawing_write_only_what_changes(tmp_path, file, frozen, thawed):
    (tmp_path / file).write_text("untouched")
    group = ControlGroup(1, {"freezer": tmp_path})
    group.thaw()
    assert (tmp_path / file).read_text() == "untouched"
    assert group.freeze()
    assert (tmp_path / file).read_text() == frozen
    (tmp_path / file).write_text("untouched")
    group.freeze()
    assert (tmp_path / file).read_text() == "untouched"
    group.kill()
    assert (tmp_path / file).read_text() == thawed


def test_without_a_freezer_nothing_happens_and_that_is_said():
    group = ControlGroup(1, {})
    assert not group.freeze()
    group.thaw()
    assert not open_control_groups("me", Hierarchies(v1={}, v2=None)).can_freeze


@pytest.mark.parametrize(
    ("version", "file", "throttled"),
    [(1, "cpu.cfs_quota_us", "1000"), (2, "cpu.max", "1000 20000")],
)
def test_killing_lifts_the_quota_and_kills_every_member(tmp_path, version, file, throttled):
    (tmp_path / file).write_text(throttled)
    with (
        subprocess.Popen(["/bin/sleep", "100"]) as one,
        subprocess.Popen(["/bin/cat"], stdin=-1) as two,
    ):
        (tmp_path / "cgroup.procs").write_text(f"{one.pid}\n{two.pid}\n")
        ControlGroup(version, {"cpu": tmp_path}).kill()
        assert (one.wait(), two.wait()) == (-9, -9)
    assert quota(tmp_path / file) == ALL_PROCESSORS_US


def test_killing_needs_no_processor_controller_and_no_group(tmp_path):
    with subprocess.Popen(["/bin/sleep", "100"]) as member:
        (tmp_path / "cgroup.procs").write_text(str(member.pid))
        ControlGroup(1, {"pids": tmp_path}).kill()
        assert member.wait() == -9
    ControlGroup(1, {"cpu": tmp_path / "gone"}).kill()
    ControlGroup(2, {}).kill()


LIMITS = Limits(memory_bytes=1 << 27, cpus=0.5, processes=9, open_files=1)


def written(directory):
    """The files that were written since the last time, with what is in them."""
    found = {
        file.name: file.read_text() for file in directory.iterdir() if "max_usage" not in file.name
    }
    for name in found:
        (directory / name).unlink()
    return found


def test_only_limits_that_differ_are_written(memory):
    (memory / "memory.oom_control").unlink()
    group = ControlGroup(1, dict.fromkeys(("memory", "cpu", "pids"), memory))
    group.limit(LIMITS)
    assert written(memory)["pids.max"] == "11"  # with bwrap's two
    group.limit(LIMITS)
    assert written(memory) == {}
    group.limit_cpus(1.0)
    assert written(memory) == {"cpu.cfs_quota_us": "20000"}
    group.limit(replace(LIMITS, processes=10))
    assert written(memory) == {"cpu.cfs_quota_us": "10000", "pids.max": "12"}


def test_limits_without_their_controllers_are_left_out(tmp_path):
    ControlGroup(1, {"pids": tmp_path}).limit(LIMITS)
    assert written(tmp_path) == {"pids.max": "11"}


def test_what_the_host_does_not_give_is_named(tmp_path):
    hierarchies = Hierarchies(v1={"memory": tmp_path, "cpu": Path("/proc/nowhere")}, v2=None)
    groups = open_control_groups("me", hierarchies)
    assert groups.missing == ("cpu", "pids")
    assert (tmp_path / "lambent/me").is_dir()
    groups.close()
    assert not (tmp_path / "lambent").exists()


def test_only_groups_of_dead_servers_are_removed(tmp_path):
    groups = open_control_groups("me", Hierarchies(v1={"memory": tmp_path}, v2=None))
    dead = tmp_path / "lambent" / name_of_a_dead_server()
    foreign = tmp_path / "lambent" / "1-1-1"
    (dead / "5").mkdir(parents=True)
    foreign.mkdir()
    remove_left_behind(groups)
    assert not dead.exists()
    assert foreign.exists()


def test_two_servers_that_start_at_once_may_both_remove_what_is_left_behind(tmp_path, monkeypatch):
    groups = open_control_groups("me", Hierarchies(v1={"memory": tmp_path}, v2=None))
    dead = tmp_path / "lambent" / name_of_a_dead_server()
    dead.mkdir()

    def found_by_both(name):
        if name == dead.name:
            dead.rmdir()
        return name == dead.name

    monkeypatch.setattr("lambent.sandbox.servers.is_left_behind", found_by_both)
    remove_left_behind(groups)
    assert not dead.exists()


def test_what_is_left_behind_dies_at_full_speed(tmp_path, monkeypatch):
    memory, cpu = tmp_path / "memory", tmp_path / "cpu"
    hierarchies = Hierarchies(v1={"memory": memory, "cpu": cpu}, v2=None)
    groups = open_control_groups("me", hierarchies)
    name = name_of_a_dead_server()
    for parent in (memory, cpu):
        (parent / "lambent" / name / "5").mkdir(parents=True)
    living = cpu / "lambent/me/6"
    living.mkdir()
    for group in (cpu / "lambent" / name / "5", living):
        (group / "cpu.cfs_quota_us").write_text("1000")
    removed = {}

    def remove(directory):
        removed[directory] = {file: quota(file) for file in tmp_path.rglob("cpu.cfs_quota_us")}

    monkeypatch.setattr(group_module, "remove_tree", remove)
    remove_left_behind(groups)
    # Every quota is lifted before anything is removed, and a living server's is not.
    quotas = {
        cpu / "lambent" / name / "5/cpu.cfs_quota_us": ALL_PROCESSORS_US,
        living / "cpu.cfs_quota_us": 1000,
    }
    assert removed == {parent / "lambent" / name: quotas for parent in (memory, cpu)}


def test_no_control_groups_at_all():
    assert open_control_groups("me", Hierarchies(v1={}, v2=None)).missing == (
        "memory",
        "cpu",
        "pids",
    )
