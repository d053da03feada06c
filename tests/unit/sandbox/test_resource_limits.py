from __future__ import annotations

import resource
import subprocess

from lambent.sandbox import resource_limits
from lambent.sandbox.sandbox import Limits


def limits(open_files):
    return Limits(memory_bytes=1, cpus=1, processes=1, open_files=open_files)


def test_a_running_process_is_limited_and_never_beyond_its_own_limit():
    with subprocess.Popen(["/bin/sleep", "100"]) as process:
        resource_limits.apply(process.pid, limits(64))
        assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == (64, 64)
        assert resource.prlimit(process.pid, resource.RLIMIT_CORE) == (0, 0)
        resource_limits.apply(process.pid, limits(128))
        assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == (64, 64)
        process.kill()
