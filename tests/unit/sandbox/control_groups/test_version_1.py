from __future__ import annotations

from lambent.sandbox.control_groups import version_1


def test_each_limit_goes_to_its_file(tmp_path):
    version_1.write_memory(tmp_path, 1 << 27)
    version_1.write_period(tmp_path)
    version_1.write_cpus(tmp_path, 0.5)
    written = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert written == {
        "memory.limit_in_bytes": str(1 << 27),
        "memory.memsw.limit_in_bytes": str(1 << 27),
        "cpu.cfs_period_us": "20000",
        "cpu.cfs_quota_us": "10000",
    }
