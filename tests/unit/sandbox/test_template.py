from __future__ import annotations

import json
import os
import socket

import pytest

from lambent.sandbox import template
from lambent.sandbox.sandbox import SandboxStartFailed
from lambent.sandbox.template import Readiness, Template


@pytest.mark.parametrize(
    "message",
    [
        *(b"", b"{}", b"[]", b"7", b"\xff", b'{"threads": 1}', b"[" * 100_000),
        json.dumps({"threads": "1", "processes": 0, "sockets": 0}).encode(),
    ],
)
def test_what_a_template_says_may_be_anything(message):
    assert template.read_readiness(message) is None


def test_what_stands_in_the_way_of_copies_is_said():
    def problem(**counts):
        return Readiness(**{"threads": 1, "processes": 0, "sockets": 0, **counts}).problem

    assert problem() == problem(sockets=3) == ""
    assert "2 threads" in problem(threads=2)
    assert "processes" in problem(processes=1)


class Anything:
    """A sandbox that everything is in."""

    def has(self, pid):
        return True


def made_of(connection, sandbox, volume):
    readiness = Readiness(threads=1, processes=0, sockets=0)
    return Template(connection, readiness, sandbox, volume, {})


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    made = made_of(ours, Anything(), None)
    yield made, theirs
    made.close()
    theirs.close()


@pytest.mark.parametrize("said", [b"no", b"ready"])
def test_an_answer_from_somebody_else_is_not_believed(pair, said, monkeypatch):
    """Here from this process, which has left no namespaces."""
    made, _ = pair
    monkeypatch.setattr(made, "_ask", lambda request, descriptors=(): answer(descriptors[2]))

    def answer(descriptor):
        with socket.socket(fileno=os.dup(descriptor)) as connection:
            connection.send(said)

    with pytest.raises(SandboxStartFailed):
        made.copy(1, 2)


def test_a_template_that_is_gone_is_told(pair):
    made, theirs = pair
    theirs.close()
    with pytest.raises(SandboxStartFailed, match="the template is gone"):
        made.copy(1, 2)


def test_the_status_of_what_is_not_a_zombie_is_not_known():
    assert template.exit_status(os.getpid()) is None
    assert template.exit_status(2**22 + 1) is None


def test_the_status_of_a_zombie_is_the_kernel_s():
    child = os.fork()
    if child == 0:
        os._exit(7)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert template.exit_status(child) == 7 << 8
    os.waitpid(child, 0)
