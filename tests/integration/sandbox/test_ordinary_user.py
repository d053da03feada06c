"""The whole of it again as an ordinary user, in a process of its own."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lambent
from lambent.sandbox.network import firewall

_PROGRAM = Path(__file__).with_name("as_ordinary_user.py")
_USER = 61_234


@pytest.fixture
def state(tmp_path_factory):
    """A directory of that user's, below directories it may pass through."""
    directory = Path("/tmp") / f"lambent-user-{os.getpid()}"
    given = directory / "given"
    given.mkdir(parents=True)
    (given / "file").write_text("given\n")
    os.chown(directory, _USER, _USER)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def report(state):
    """What the program saw."""
    # The source, where an unprivileged user can read it.
    package = state / "package"
    shutil.copytree(Path(lambent.__file__).parent, package / "lambent")
    shutil.copy(_PROGRAM, package)
    line = ["setpriv", "--reuid", str(_USER), "--regid", str(_USER), "--clear-groups", "--"]
    interpreter = _readable_interpreter()
    done = subprocess.run(
        [*line, interpreter, str(package / _PROGRAM.name), str(state / "data")],
        env={
            "PYTHONPATH": str(package),
            "PATH": os.environ["PATH"],
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode == 77:
        pytest.skip("this kernel gives ordinary users no namespaces")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _readable_interpreter() -> str:
    for candidate in (sys.executable, "/usr/bin/python3"):
        trial = [
            "setpriv",
            "--reuid",
            str(_USER),
            "--",
            candidate,
            "-c",
            "import sys; assert sys.version_info >= (3, 11)",
        ]
        if Path(candidate).exists() and subprocess.run(trial, check=False).returncode == 0:
            return candidate
    pytest.skip("no interpreter an ordinary user can read")


def test_the_command_runs_as_nobody_in_particular(report):
    assert report["user"] == "993 990"
    assert report["powers"] == "0" * 16
    assert report["processes"] <= 5


def test_the_network_is_its_own_and_leads_to_a_router_that_filters(report):
    assert report["host"] == str(errno.ECONNREFUSED)
    filtered = errno.EHOSTUNREACH if firewall.is_available() else errno.ECONNREFUSED
    assert report["router"] == str(filtered)


def test_company_shares_processes_ipc_and_late_mounts(report):
    (seen, ipc_of_main, given), ipc, code = report["company"].pop("looked")
    assert (seen, ipc_of_main, given, code) == ("seen", ipc, "given", 0)
    assert report["company"] == {"user": "993", "first": 7, "reached": True}


def test_tmp_has_its_size(report):
    assert "No space left" in report["tmp"]


def test_what_is_weaker_is_said(report):
    states = report["capabilities"]
    assert states["namespaces"] == states["bubblewrap"] == states["network"] == "enforced"
    assert states["users"] == "limited"
    assert states["/tmp size"] == "limited"


def test_files_keep_their_owner(report, state):
    assert {path.stat().st_uid for path in (state / "data").rglob("*")} <= {_USER}
    assert list((state / "data").rglob("*")) == []
