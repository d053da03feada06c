from __future__ import annotations

import os
import signal
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


def test_a_signal_to_what_has_ended_is_no_error():
    with subprocess.Popen(["/bin/true"]) as process:
        descriptor = os.pidfd_open(process.pid)
    system_calls.send_signal(descriptor, signal.SIGTERM)
    os.close(descriptor)


def test_a_child_is_found_by_its_inner_id():
    with subprocess.Popen(["/bin/sleep", "100"]) as process:
        opened = system_calls.open_child(os.getpid(), process.pid)
        assert opened is not None
        assert system_calls.open_child(os.getpid(), os.getpid()) is None
        assert system_calls.open_child(process.pid, process.pid) is None
        system_calls.send_signal(opened, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        os.close(opened)


def test_a_mount_that_cannot_be_copied_is_named():
    with pytest.raises(OSError, match="open_tree /nowhere"):
        system_calls.copy_mount(Path("/nowhere"), recursive=True)
