"""`lambent ps` and `lambent top` as an operator uses them."""

from __future__ import annotations

import json
import os
import pty
import subprocess

import pytest
from tests.support.functions import WHOLE_CPU
from tests.support.server import LAMBENT, run_lambent

ECHO = "def handler(event, context):\n    return event\n"


@pytest.fixture
def lambent(server):
    def run(*arguments, **options):
        return run_lambent(*arguments, env={"LAMBENT_ENDPOINT": server.url}, **options)

    return run


@pytest.fixture
def invoked(function):
    """A function that was invoked twice."""
    made = function(ECHO, **WHOLE_CPU)
    for number in range(2):
        assert made.call(number) == number
    return made


def test_ps_shows_the_environments_of_a_function(lambent, invoked):
    finished = lambent("ps", "--function", invoked.name)
    assert finished.returncode == 0
    header, row = finished.stdout.splitlines()
    assert header.split()[:3] == ["FUNCTION", "VERSION", "STATE"]
    cells = row.split()
    assert cells[:2] == [invoked.name, "$LATEST"]
    assert cells[2] in ("ready", "frozen")
    assert "/1769 MB" in row
    assert "on-demand" in cells


def test_ps_prints_json_for_programs(lambent, invoked):
    [environment] = json.loads(lambent("ps", "--json", "--function", invoked.name).stdout)
    assert environment["function"] == invoked.name
    assert environment["invocations"] == 2
    assert environment["memory_limit_bytes"] == 1769 * 1024 * 1024
    assert 0 < (environment["memory_used_bytes"] or 1) < 1769 * 1024 * 1024


def test_top_looks_once_without_a_terminal(lambent, invoked):
    finished = lambent("top", "--function", invoked.name)
    assert finished.returncode == 0
    assert finished.stdout.startswith("1 environments, ")
    assert invoked.name in finished.stdout


def test_top_looks_again_on_a_terminal(server, invoked):
    controller, terminal = pty.openpty()
    command = [LAMBENT, "top", "--interval", "0.2", "--endpoint-url", server.url]
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        shown = b""
        while b"invocations a second" not in shown:
            shown += os.read(controller, 4096)
        process.terminate()
    os.close(controller)
    assert invoked.name.encode() in shown


@pytest.mark.parametrize("command", ["ps", "top"])
def test_without_a_server_they_say_so(command):
    finished = run_lambent(command, "--endpoint-url", "http://127.0.0.1:1")
    assert finished.returncode == 2
    assert "lambent serve" in finished.stderr
