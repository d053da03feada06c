from __future__ import annotations

import os
from pathlib import Path

import pytest

from lambent.sandbox.cgroup_mounts import Hierarchies
from lambent.sandbox.cgroups import ControlGroup, open_control_groups, remove_left_behind


@pytest.fixture
def memory(tmp_path):
    (tmp_path / "memory.max_usage_in_bytes").write_text("4096\n")
    (tmp_path / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    return tmp_path


def test_a_group_tells_its_peak_and_its_kills(memory):
    group = ControlGroup(1, {"memory": memory})
    assert group.memory_peak_bytes() == 4096
    assert group.out_of_memory_kills() == 2
    group.reset_memory_peak()
    assert group.memory_peak_bytes() < 4096


def test_without_a_memory_controller_there_is_nothing_to_tell():
    group = ControlGroup(2, {})
    group.reset_memory_peak()
    assert (group.memory_peak_bytes(), group.out_of_memory_kills()) == (0, 0)


def test_what_the_host_does_not_give_is_named(tmp_path):
    hierarchies = Hierarchies(v1={"memory": tmp_path, "cpu": Path("/proc/nowhere")}, v2=None)
    groups = open_control_groups("me", hierarchies)
    assert groups.missing == ("cpu", "pids")
    assert (tmp_path / "lambent/me").is_dir()
    groups.close()
    assert not (tmp_path / "lambent").exists()


def test_only_groups_of_dead_servers_are_removed(tmp_path):
    groups = open_control_groups("me", Hierarchies(v1={"memory": tmp_path}, v2=None))
    namespace = Path("/proc/self/ns/pid").stat().st_ino
    dead = tmp_path / "lambent" / f"{namespace}-{os.getpid()}-1"
    foreign = tmp_path / "lambent" / "1-1-1"
    (dead / "5").mkdir(parents=True)
    foreign.mkdir()
    remove_left_behind(groups)
    assert not dead.exists()
    assert foreign.exists()


def test_no_control_groups_at_all():
    assert open_control_groups("me", Hierarchies(v1={}, v2=None)).missing == (
        "memory",
        "cpu",
        "pids",
    )
