"""The script is tried with the shells that are here, the pipes without one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack

import pytest
from hypothesis import given, settings, strategies as st

from lambent.sandbox import entry_shell
from lambent.sandbox.sandbox import Command, SandboxStartFailed

SHELLS = [path for path in map(shutil.which, ("dash", "bash", "busybox")) if path]
TELL = "import json, os, sys; os.write(1, json.dumps([dict(os.environ), sys.argv[1:]]).encode())"


def run(shell, environment, arguments=(), directory="/"):
    """What a Python program started through the script has got: (environment, arguments)."""
    command = Command(
        argv=(sys.executable, "-c", TELL, *arguments),
        environment=environment,
        working_directory=directory,
    )
    name = [shell, "sh"] if shell.endswith("busybox") else [shell]
    done = subprocess.run(
        [*name, "-s"],
        input=entry_shell.build_script(command),
        env={},
        capture_output=True,
        check=True,
    )
    assert done.stdout == b""
    return json.loads(done.stderr)


@pytest.mark.parametrize("shell", SHELLS)
def test_odd_values_names_and_arguments_arrive_unchanged(shell):
    environment = {
        "QUOTES": 'it\'s "so" `x` $HOME \\ !',
        "LINES": "a\nb\n",
        "UNICODE": "éÁ\x81 \u2028",
        "EMPTY": "",
        "UID": "5",
        "PPID": "x",
        "OPTIND": "z",
        "IFS": "x",
        "BASH_ENV": "/x",
        "RANDOM": "1",
        "with-dash": "1",
        "9": "1",
    }
    seen, arguments = run(shell, environment, ["a b", "'", "$x", ""])
    assert {name: seen.get(name) for name in environment} == environment
    assert arguments == ["a b", "'", "$x", ""]


@settings(max_examples=15, deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,9}", fullmatch=True),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
        max_size=5,
    )
)
def test_any_environment_arrives(environment):
    # Python itself reads these at its start.
    environment = {k: v for k, v in environment.items() if not k.startswith(("PYTHON", "LC", "LD"))}
    seen, _ = run("/bin/sh", environment)
    assert {name: seen.get(name) for name in environment} == environment


def test_nothing_else_is_in_the_environment_but_the_directory(tmp_path):
    seen, _ = run(SHELLS[0], {"A": "b"}, directory=str(tmp_path))
    assert {k: v for k, v in seen.items() if k not in ("LC_CTYPE", "_", "SHLVL")} == {
        "A": "b",
        "PWD": os.path.realpath(tmp_path),
    }


@pytest.mark.parametrize("bad", [{"A": "\0"}, {"A=B": "c"}, {"": "c"}, {"\0": "c"}])
def test_what_no_environment_can_hold_is_refused(bad):
    with pytest.raises(ValueError, match="not an environment variable"):
        entry_shell.build_script(Command(argv=("x",), environment=bad, working_directory="/"))


def test_a_directory_that_cannot_be_entered_ends_with_126():
    command = Command(argv=("/bin/true",), environment={}, working_directory="/nowhere")
    done = subprocess.run(
        ["/bin/sh", "-s"], input=entry_shell.build_script(command), capture_output=True, check=False
    )
    assert done.returncode == 126
    assert b"/nowhere" in done.stderr


def test_half_a_script_runs_nothing():
    script = entry_shell.build_script(
        Command(argv=("/bin/echo", "ran"), environment={"A": "b"}, working_directory="/")
    )
    for end in range(0, len(script) - 20, 7):
        done = subprocess.run(
            ["/bin/sh", "-s"], input=script[:end], capture_output=True, check=False
        )
        assert b"ran" not in done.stdout + done.stderr


def test_sending_to_a_shell_that_is_gone_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    entry_shell.send(writer, b"x")
    os.close(writer)


@pytest.fixture
def ends():
    with ExitStack() as results, ExitStack() as ours:
        theirs = ExitStack()
        yield entry_shell.open_pipes(results, ours, theirs), theirs
        theirs.close()


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_gives_a_sign_of_life_and_closes_what_it_was_left(ends, shell):
    opened, _ = ends
    entry_shell.send(opened.script, entry_shell.QUESTION)
    entry_shell.send(opened.script, b"ls /proc/$$/fd\nexit\n")
    spare = " ".join(f"{number}</dev/null" for number in entry_shell.SPARE_DESCRIPTORS)
    name = "sh" if shell.endswith("busybox") else ""
    with subprocess.Popen(
        ["/bin/sh", "-c", f"exec {shell} {name} -s {spare}"],
        stdin=opened.script_end,
        stdout=opened.telemetry_end,
    ):
        entry_shell.wait_until_begun(opened)
        left = entry_shell.read_in_time(opened.telemetry, 999).decode().split()
    assert "2" in left
    assert not {str(number) for number in entry_shell.SPARE_DESCRIPTORS} & set(left)


def test_a_failed_start_is_told_in_its_own_words(ends):
    opened, theirs = ends
    os.write(opened.output_end, b"bwrap: no\n")
    theirs.close()
    with pytest.raises(SandboxStartFailed, match=r"^bwrap: no$"):
        entry_shell.wait_until_begun(opened)


def test_a_silent_failure_is_told_too(ends):
    opened, theirs = ends
    theirs.close()
    with pytest.raises(SandboxStartFailed, match="ended before its command began"):
        entry_shell.wait_until_begun(opened)


def test_ours_never_block_and_none_is_inherited(ends):
    opened, _ = ends
    for descriptor in (opened.output, opened.telemetry):
        assert not os.get_blocking(descriptor)
        assert not os.get_inheritable(descriptor)
