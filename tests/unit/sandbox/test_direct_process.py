from __future__ import annotations

import os
import resource
import select
import signal
import threading
from pathlib import Path

import pytest
from tests.support.files import names_in

from lambent.sandbox.direct_process import launch
from lambent.sandbox.orphans import Children
from lambent.sandbox.sandbox import Command, NotExecutable

OPEN_FILES = resource.getrlimit(resource.RLIMIT_NOFILE)


def command(*argv, directory="/", **variables):
    return Command(argv=argv, environment=variables, working_directory=str(directory))


def run_to_end(wanted):
    """What it printed, and how it ended."""
    process = launch(wanted, Children(), OPEN_FILES)
    select.select([process.exit_descriptor], [], [], 30)
    ended = process.exit()
    printed = (
        os.read(process.output, 65536) if select.select([process.output], [], [], 0)[0] else b""
    )
    process.remove()
    os.close(process.output)
    return printed.decode(), ended


def test_a_command_has_its_own_variables_and_directory_and_no_other(tmp_path):
    printed, ended = run_to_end(command("/usr/bin/env", directory=tmp_path, NAME="a=b"))
    assert sorted(printed.splitlines()) == ["NAME=a=b", f"PWD={tmp_path}"]
    assert (ended.code, ended.signal) == (0, None)


def test_a_program_is_found_in_the_path_it_is_given(tmp_path):
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho found; echo too >&2; exit 3\n")
    program.chmod(0o755)
    printed, ended = run_to_end(command("program", PATH=str(tmp_path)))
    assert (printed, ended.code) == ("found\ntoo\n", 3)


def test_a_program_may_be_given_from_its_directory_on(tmp_path):
    (tmp_path / "here").write_text("#!/bin/sh\nkill -9 $$\n")
    (tmp_path / "here").chmod(0o755)
    _, ended = run_to_end(command("./here", directory=tmp_path))
    assert (ended.code, ended.signal) == (None, signal.SIGKILL)


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [
        (None, 0, "no such file or directory"),
        ("#!/bin/sh\n", 0o644, "permission denied"),
        ("no program\n", 0o755, "exec format error"),
        ("#!/no/such/shell\n", 0o755, "no such file or directory"),
    ],
)
def test_what_cannot_be_executed_is_told_of_at_once(tmp_path, content, mode, reason):
    if content is not None:
        (tmp_path / "run").write_text(content)
        (tmp_path / "run").chmod(mode)
    before = names_in(Path("/proc/self/fd"))
    with pytest.raises(NotExecutable, match=rf"^fork/exec \./run: {reason}$"):
        launch(command("./run", directory=tmp_path), Children(), OPEN_FILES)
    assert names_in(Path("/proc/self/fd")) == before


def test_a_directory_that_is_missing_is_told_of():
    with pytest.raises(NotExecutable, match=r"^chdir /no/such: no such file or directory$"):
        launch(command("/bin/true", directory="/no/such"), Children(), OPEN_FILES)


def test_a_variable_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="not an environment variable"):
        launch(command("/bin/true", **{"a=b": "c"}), Children(), OPEN_FILES)


def test_a_command_has_the_limit_of_open_files_it_is_given(tmp_path):
    soft, hard = OPEN_FILES
    fewer = soft // 2
    process = launch(command("/bin/sh", "-c", "ulimit -n"), Children(), (fewer, hard))
    select.select([process.exit_descriptor], [], [], 30)
    assert os.read(process.output, 100) == f"{fewer}\n".encode()
    process.remove()
    os.close(process.output)


def test_a_command_ends_with_the_thread_that_started_it():
    launched = []
    starter = threading.Thread(
        target=lambda: launched.append(
            launch(command("/bin/sleep", "1000"), Children(), OPEN_FILES)
        )
    )
    starter.start()
    starter.join()
    [process] = launched
    select.select([process.exit_descriptor], [], [], 30)
    assert process.exit().signal == signal.SIGKILL
    process.remove()
    os.close(process.output)
