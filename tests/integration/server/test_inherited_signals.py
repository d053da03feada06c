"""A server that is a shell's background job, or `nohup`'s: what it ignores, functions do not."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from tests.support.functions import WHOLE_CPU, deploy
from tests.support.server import newest_runtime, running_server
from tests.support.stem_cells import stock
from tests.support.waiting import eventually

# A job of its own, whose shell hangs up.
NOHUP = ("setsid", "/bin/sh", "-c", "trap '' HUP INT QUIT USR1; exec \"$@\"", "sh")
IGNORED = """
def handler(event, context):
    with open("/proc/self/status") as file:
        [mask] = [line.split()[1] for line in file if line.startswith("SigIgn:")]
    return [number for number in range(1, 32) if int(mask, 16) >> number - 1 & 1]
"""
PYTHONS_OWN = [signal.SIGPIPE, signal.SIGXFSZ]


@pytest.fixture(scope="module", params=["plain", "fast"])
def server(request, tmp_path_factory):
    data = tmp_path_factory.mktemp(request.param) / "data"
    is_fast = request.param == "fast"
    with running_server(data, "--fast-starts", str(is_fast).lower(), through=NOHUP) as running:
        if is_fast:
            stock(running, newest_runtime("python"))
        yield running


@pytest.fixture
def function(server):
    return deploy(server, {"main.py": IGNORED}, runtime=newest_runtime("python"), **OPTIONS)


OPTIONS = {"handler": "main.handler", **WHOLE_CPU}


def children(process):
    """Processes that a process has started, with all its threads."""
    tasks = Path(f"/proc/{process.pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def test_a_function_ignores_what_its_runtime_makes_it_ignore(function):
    assert function.call() == PYTHONS_OWN


def test_the_server_goes_on_when_its_job_is_hung_up(server, function):
    function.call()
    job = server.process.pid
    assert children(server.process)
    eventually(
        lambda: all(os.getpgid(child) != job for child in children(server.process)),
        "nothing but the server in its job",
    )
    os.killpg(job, signal.SIGHUP)
    os.killpg(job, signal.SIGUSR1)
    assert function.call() == PYTHONS_OWN
