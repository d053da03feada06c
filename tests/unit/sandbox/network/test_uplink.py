from __future__ import annotations

import itertools
import subprocess
from pathlib import Path

import pytest

from lambent.sandbox.network import uplink


@pytest.mark.parametrize(
    ("program", "refusal"),
    [("pasta", "--no-map-gw"), ("slirp4netns", "--disable-host-loopback")],
)
def test_neither_program_leads_to_the_hosts_loopback(program, refusal):
    arguments = uplink._arguments(program, "/ns")
    assert refusal in arguments
    assert "/ns" in arguments


def test_pasta_opens_no_port_in_either_direction():
    arguments = uplink._arguments("pasta", "/ns")
    pairs = list(itertools.pairwise(arguments))
    assert all((f"-{option}", "none") in pairs for option in "tuTU")


def test_a_program_that_ends_is_not_up_and_closes(monkeypatch):
    monkeypatch.setattr(uplink, "_LEASH", ())
    monkeypatch.setattr(uplink, "_arguments", lambda *_: ["-c", "exit 1"])
    monkeypatch.setattr(uplink, "_has_default_route", lambda: False)
    started = uplink.spawn("sh", Path("/ns"))
    assert not uplink.wait_until_up(started)
    started.close()


def test_closing_ends_it_with_its_children():
    child = "setpriv --pdeathsig KILL sh -c 'echo ready; exec sleep 1000' & wait"
    with subprocess.Popen(["/bin/sh", "-c", child], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        uplink.Uplink(process=process).close()
        assert process.returncode == -9
        assert process.stdout.read() == b""  # its last writer, the child, is gone
