from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from lambent.sandbox import system_calls


def test_a_failure_names_the_target():
    with pytest.raises(OSError, match="/nowhere"):
        system_calls.unmount(Path("/nowhere"))


def test_our_own_network_namespace():
    descriptor = system_calls.open_own_network_namespace()
    assert os.fstat(descriptor).st_ino == Path("/proc/self/ns/net").stat().st_ino
    os.close(descriptor)


def test_waiting_for_a_death_returns_after_it():
    with subprocess.Popen(["/bin/sleep", "100"]) as process:
        descriptor = os.pidfd_open(process.pid)
        process.kill()
        system_calls.wait_for_death(descriptor)
        os.close(descriptor)
        assert not Path(f"/proc/{process.pid}").exists()
