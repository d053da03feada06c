from __future__ import annotations

from lambent.sandbox.control_groups import version_1
from lambent.sandbox.sandbox import Limits

LIMITS = Limits(memory_bytes=1 << 27, cpus=0.5, processes=9, open_files=1)


def test_each_limit_goes_to_its_controllers_file(tmp_path):
    directories = {name: tmp_path / name for name in ("memory", "cpu", "pids")}
    for directory in directories.values():
        directory.mkdir()
    version_1.write_limits(directories, LIMITS)
    assert (tmp_path / "memory/memory.limit_in_bytes").read_text() == str(1 << 27)
    assert (tmp_path / "cpu/cpu.cfs_period_us").read_text() == "20000"
    assert (tmp_path / "cpu/cpu.cfs_quota_us").read_text() == "10000"
    assert (tmp_path / "pids/pids.max").read_text() == "9"


def test_absent_controllers_are_left_out(tmp_path):
    version_1.write_limits({"pids": tmp_path}, LIMITS)
    assert [file.name for file in tmp_path.iterdir()] == ["pids.max"]
