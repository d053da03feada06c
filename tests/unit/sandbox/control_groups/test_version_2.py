"""The choice of a directory, on directories that look like the kernel's."""

from __future__ import annotations

import os

import pytest

from lambent.sandbox.control_groups import version_2

ALL = "cpuset cpu io memory pids"


def enable_as_the_kernel_does(directory, controllers, sign="+"):
    control = directory / "cgroup.subtree_control"
    enabled = set(control.read_text().split()) if control.exists() else set()
    enabled = enabled | controllers if sign == "+" else enabled - controllers
    control.write_text(" ".join(sorted(enabled)))


@pytest.fixture
def group(tmp_path, monkeypatch):
    """Makes groups below a root; files stand in for the kernel's."""
    monkeypatch.setattr(version_2, "_move_a_process_in", lambda _: None)
    monkeypatch.setattr(version_2, "_enable", enable_as_the_kernel_does)

    def make(name, *, controllers=ALL, enabled="", processes=()):
        directory = tmp_path / "root" / name
        directory.mkdir(parents=True)
        (directory / "cgroup.controllers").write_text(controllers)
        (directory / "cgroup.subtree_control").write_text(enabled)
        (directory / "cgroup.procs").write_text("\n".join(map(str, processes)))
        return directory

    return make


def test_limits_go_to_the_files_of_version_2(tmp_path):
    version_2.write_memory(tmp_path, 1 << 27)
    version_2.write_period(tmp_path)
    version_2.write_cpus(tmp_path, 2)
    written = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert written == {
        "memory.max": str(1 << 27),
        "memory.oom.group": "1",
        "memory.swap.max": "0",
        "cpu.max": "40000 20000",
    }


def test_in_a_group_of_our_own_we_make_room_by_moving_into_a_subgroup(group):
    own = group("", processes=[os.getpid()])
    directory, _, home = version_2.open_subtree(own, "lambent/me")
    assert directory == own / "lambent/me"
    assert home is not None
    assert (directory / "server/cgroup.procs").read_text() == str(os.getpid())
    assert (own / "cgroup.subtree_control").read_text() == "cpu memory pids"
    home.return_to()
    assert (own / "cgroup.subtree_control").read_text() == ""
    assert (own / "cgroup.procs").read_text() == str(os.getpid())


def test_others_processes_are_not_moved_but_a_parent_with_controllers_serves(group):
    parent = group("", enabled="cpu memory pids")
    own = group("session", processes=[os.getpid(), 1])
    directory, controllers, home = version_2.open_subtree(own, "lambent/me")
    assert directory == parent / "lambent/me"
    assert controllers == {"cpu", "memory", "pids"}
    assert home is None
    assert (own / "cgroup.subtree_control").read_text() == ""


def test_only_what_the_parent_has_turned_on_is_used(group):
    group("", enabled="memory pids")
    own = group("session", processes=[1])
    assert version_2.open_subtree(own, "lambent/me")[1] == {"memory", "pids"}


def test_nothing_is_used_where_no_process_may_be_moved(group, monkeypatch):
    def refuse(_):
        raise PermissionError

    monkeypatch.setattr(version_2, "_move_a_process_in", refuse)
    group("", enabled="memory")
    own = group("session", processes=[1])
    assert version_2.open_subtree(own, "lambent/me")[1] == frozenset()


@pytest.mark.parametrize(
    ("files", "told"), [(["current"], b"current"), (["current", "peak"], b"peak")]
)
def test_a_kernel_without_peaks_tells_the_present_usage(tmp_path, files, told):
    for name in files:
        (tmp_path / f"memory.{name}").write_text(name)
    descriptor = version_2.open_peak(tmp_path)
    assert os.read(descriptor, 9) == told
    os.close(descriptor)
