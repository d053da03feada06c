from __future__ import annotations

import json
import os
import socket

import pytest

from lambent.sandbox import template
from lambent.sandbox.sandbox import SandboxStartFailed
from lambent.sandbox.template import Copy, Readiness, Template


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


def status_of(pid):
    entry = entry_of(pid)
    try:
        return template.exit_status(entry)
    finally:
        os.close(entry)


def entry_of(pid):
    return os.open(f"/proc/{pid}", os.O_RDONLY | os.O_DIRECTORY)


def test_the_status_of_what_is_not_a_zombie_is_not_known():
    assert status_of(os.getpid()) is None


def test_the_status_of_a_zombie_is_the_kernel_s():
    child = os.fork()
    if child == 0:
        os._exit(7)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    entry = entry_of(child)
    assert template.exit_status(entry) == 7 << 8
    os.waitpid(child, 0)
    assert template.exit_status(entry) is None
    os.close(entry)


def copy_of(pid):
    """What a template's copy is taken for, whatever has become of it."""
    ours, theirs = socket.socketpair()
    theirs.close()
    return Copy(
        process=os.pidfd_open(pid), entry=entry_of(pid), pid=pid, inner_pid=2, connection=ours
    )


def ending():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    return child


def test_a_copy_s_number_is_its_own_until_it_is_buried():
    child = ending()
    copy = copy_of(child)
    copy.check_number()
    os.waitpid(child, 0)
    with pytest.raises(SandboxStartFailed, match="ended"):
        copy.check_number()
    copy.close()


def test_a_copy_that_is_buried_while_it_is_looked_at_is_not_believed(pair, monkeypatch):
    made, _ = pair
    child = ending()
    monkeypatch.setattr(made, "_ask", lambda request, descriptors=(): None)
    monkeypatch.setattr(template, "_hear", lambda connection: (b"ready", child))
    monkeypatch.setattr(template, "_has_left_home", lambda entry: bool(os.waitpid(child, 0)))
    with pytest.raises(SandboxStartFailed):
        made.copy(1, 2)
