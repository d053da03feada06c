from __future__ import annotations

import os

import pytest

from lambent.sandbox.control_groups.mounts import Hierarchies
from lambent.server.host_memory import host_memory_bytes

MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
MIB = 1024 * 1024


@pytest.fixture
def group(tmp_path):
    directory = tmp_path / "outer" / "own"
    directory.mkdir(parents=True)
    return directory


def test_this_process_may_have_the_machines_memory_at_most():
    assert 0 < host_memory_bytes() <= MACHINE


def test_without_control_groups_it_is_the_machines():
    assert host_memory_bytes(Hierarchies(v1={}, v2=None)) == MACHINE


def test_the_smallest_limit_around_a_group_holds(group):
    (group / "memory.max").write_text("max\n")
    (group.parent / "memory.max").write_text(f"{64 * MIB}\n")
    (group.parent.parent / "memory.max").write_text(f"{128 * MIB}\n")
    assert host_memory_bytes(Hierarchies(v1={}, v2=group)) == 64 * MIB


def test_version_1_knows_the_limits_around_a_group_itself(group):
    (group / "memory.stat").write_text(f"cache 1\nhierarchical_memory_limit {32 * MIB}\nrss 2\n")
    assert host_memory_bytes(Hierarchies(v1={"memory": group}, v2=None)) == 32 * MIB


def test_no_limit_is_more_than_the_machine_has(group):
    (group / "memory.stat").write_text("hierarchical_memory_limit 9223372036854771712\n")
    (group / "memory.max").write_text("max\n")
    assert host_memory_bytes(Hierarchies(v1={"memory": group}, v2=group)) == MACHINE


def test_files_that_say_nothing_limit_nothing(group):
    (group / "memory.stat").write_text("hierarchical_memory_limit\nnonsense\n")
    assert host_memory_bytes(Hierarchies(v1={"memory": group}, v2=group / "gone")) == MACHINE
