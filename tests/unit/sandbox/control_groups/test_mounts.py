from __future__ import annotations

from pathlib import Path

import pytest

from lambent.sandbox.control_groups.mounts import read_hierarchies


@pytest.fixture
def process(tmp_path):
    def write(groups, mounts):
        (tmp_path / "cgroup").write_text(groups)
        (tmp_path / "mountinfo").write_text(mounts)
        return tmp_path

    return write


def test_version_2_alone(process):
    found = read_hierarchies(
        process(
            "0::/user.slice/x.scope\n",
            "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n",
        )
    )
    assert found.v2 == Path("/sys/fs/cgroup/user.slice/x.scope")
    assert not found.v1


def test_version_1_with_controllers_mounted_together(process):
    found = read_hierarchies(
        process(
            "4:memory:/a\n3:cpu,cpuacct:/b\n0::/\n",
            "31 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
            "32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
            "33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
            "34 30 0:30 / /proc rw - proc proc rw\n",
        )
    )
    assert found.v1["memory"] == Path("/sys/fs/cgroup/memory/a")
    assert found.v1["cpu"] == Path("/sys/fs/cgroup/cpu,cpuacct/b")
    assert "pids" not in found.v1


def test_a_container_that_sees_only_its_own_part(process):
    found = read_hierarchies(
        process(
            "4:memory:/docker/abc/inner\n",
            "31 30 0:27 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
        )
    )
    assert found.v1["memory"] == Path("/sys/fs/cgroup/memory/inner")
