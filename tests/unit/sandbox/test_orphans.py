from __future__ import annotations

import os
import subprocess

import pytest

from lambent.sandbox.orphans import Children


@pytest.fixture
def ended():
    """Makes children that have ended, and that nobody has buried."""

    def make() -> int:
        process = subprocess.Popen(["/bin/true"])
        process.returncode = 0  # nobody else is to ask for it
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        return process.pid

    return make


def is_there(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_children_of_others_are_buried(ended):
    pids = [ended(), ended()]
    assert Children().bury_orphans() >= 2
    assert not any(map(is_there, pids))


def test_our_own_are_left_to_who_started_them(ended):
    children = Children()
    with children.starting() as started:
        own = ended()
        started(own)
    children.bury_orphans()
    assert is_there(own)
    os.waitpid(own, 0)
    children.buried(own)
    later = ended()
    children.bury_orphans()
    assert not is_there(later)


def test_nobody_is_buried_while_one_is_being_started(ended):
    children = Children()
    with children.starting() as started:
        pid = ended()
        assert children.bury_orphans() == 0
        started(pid)
    os.waitpid(pid, 0)
