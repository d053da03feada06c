"""How `lambent rie` is started: the command, its flags and variables, and where it can run."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
from typing import TYPE_CHECKING

import pytest
from tests.support.emulator import (
    FUNCTIONS,
    children_of,
    python_command,
    running_emulator,
    starting_emulator,
)
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

BOOTSTRAP = """#!/bin/sh
# Answers each event with what it was started with.
cd "$PWD" || exit 9
while true; do
  head=$(mktemp -p "${SCRATCH:-/tmp}")
  curl -sS -o /dev/null -D "$head" "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next" || exit 1
  id=$(grep -i '^lambda-runtime-aws-request-id' "$head" | tr -d '[:space:]' | cut -d: -f2)
  curl -sS -o /dev/null "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$id/response" \\
    -d "{\\"cwd\\": \\"$(pwd)\\", \\"handler\\": \\"$_HANDLER\\", \\"arguments\\": \\"$*\\"}"
done
"""
# Nothing of the host's can be changed, and what is given is where a container's image has it.
READ_ONLY = ("bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc")


def write_bootstrap(directory: Path, text: str = BOOTSTRAP) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "bootstrap"
    file.write_text(text)
    file.chmod(0o755)
    return file


def in_image(task_root: Path) -> tuple[str, ...]:
    """A container, as far as files go, whose /var/task that is; a test's command runs through it."""
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    mounts = ("--tmpfs", "/var", "--ro-bind", str(task_root), "/var/task", "--remount-ro", "/var")
    return (*READ_ONLY, *mounts, "--bind", str(task_root.parent), str(task_root.parent))


def test_without_a_command_the_bootstrap_of_the_image_is_run_where_it_is(tmp_path: Path) -> None:
    write_bootstrap(tmp_path / "task")
    through = (*in_image(tmp_path / "task"), "--die-with-parent")
    with running_emulator(
        tmp_path, [], through=through, _HANDLER="a.b", SCRATCH=str(tmp_path)
    ) as emulator:
        assert emulator.invoke(1).json == {"cwd": "/var/task", "handler": "a.b", "arguments": ""}


def test_without_any_bootstrap_calls_are_told_so(tmp_path: Path) -> None:
    with running_emulator(tmp_path, []) as emulator:
        answer = emulator.invoke(1)
        assert answer.json["errorType"] == "Runtime.InvalidEntrypoint"
        assert answer.json["errorMessage"].endswith(
            "Couldn't find valid bootstrap(s): "
            "[/var/task/bootstrap /opt/bootstrap /var/runtime/bootstrap]"
        )


def test_the_last_of_several_arguments_is_the_handler(tmp_path: Path) -> None:
    write_bootstrap(tmp_path / "code")
    with running_emulator(
        tmp_path, ["./bootstrap", "function.handler"], directory=tmp_path / "code"
    ) as emulator:
        assert emulator.invoke(1).json == {
            "cwd": str(tmp_path / "code"),
            "handler": "function.handler",
            "arguments": "function.handler",
        }
        assert re.search(
            r"\[WARNING\].* the function is called function$", emulator.said, re.MULTILINE
        )


def test_of_one_argument_the_variable_says_the_handler(tmp_path: Path) -> None:
    write_bootstrap(tmp_path / "code")
    with running_emulator(
        tmp_path, ["./bootstrap"], directory=tmp_path / "code", _HANDLER="function.other"
    ) as emulator:
        told = emulator.invoke(1).json
        assert (told["handler"], told["arguments"]) == ("function.other", "")


def test_the_function_has_our_variables_without_secrets_of_ours(tmp_path: Path) -> None:
    with running_emulator(
        tmp_path,
        "function.env",
        AWS_LAMBDA_FUNCTION_NAME="MyCoolName",
        AMQP_USERNAME="guest",
        AMQP_PASSWORD="secret",
        AWS_LAMBDA_RUNTIME_API="127.0.0.1:1",
        MyEnv="4=4",
        SHLVL="3",
    ) as emulator:
        told = emulator.invoke({}).json
    assert told["MyEnv"] == "4=4"
    assert told["AWS_LAMBDA_FUNCTION_NAME"] == "MyCoolName"
    assert told["AWS_LAMBDA_FUNCTION_VERSION"] == "$LATEST"
    assert told["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "3008"
    assert told["AWS_LAMBDA_LOG_GROUP_NAME"] == "/aws/lambda/MyCoolName"
    assert "[$LATEST]" in told["AWS_LAMBDA_LOG_STREAM_NAME"]
    assert told["AWS_LAMBDA_RUNTIME_API"] != "127.0.0.1:1"
    assert told["_HANDLER"] == "function.env"
    assert told["_INSTANCE"] == "0"
    assert told["PWD"] == told["cwd"] == str(FUNCTIONS)
    assert not [name for name in told if name.startswith("AMQP_")]
    assert "SHLVL" not in told


def test_the_function_is_called_by_its_name(tmp_path: Path) -> None:
    with running_emulator(
        tmp_path, "function.ctx", AWS_LAMBDA_FUNCTION_NAME="MyCoolName"
    ) as emulator:
        told = emulator.invoke({}, name="MyCoolName").json
    assert told["arn"].endswith(":function:MyCoolName")
    assert (told["name"], told["version"], told["memory"]) == ("MyCoolName", "$LATEST", "3008")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("MAX_CONCURRENCY", "0"),
        ("AWS_LAMBDA_FUNCTION_TIMEOUT", "abc"),
        ("PORT", "abc"),
    ],
)
def test_a_setting_that_cannot_be_ends_the_start_with_a_sentence(
    tmp_path: Path, name: str, told: str
) -> None:
    through = ("env", f"{name}={told}")
    with starting_emulator(tmp_path, ["./bootstrap"], through=through) as emulator:
        assert emulator.wait() == 1
        assert emulator.said.startswith(f"Error: {name} is ")
        assert "Traceback" not in emulator.said


def test_an_address_that_is_taken_ends_the_start_with_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with starting_emulator(tmp_path, ["./bootstrap"], RUNTIME_API_PORT=port) as emulator:
            assert emulator.wait() == 1
            assert "RUNTIME_API_PORT" in emulator.said
            assert "Traceback" not in emulator.said


def test_a_command_that_is_missing_is_told_of_at_once_and_runs_once_it_is_there(
    tmp_path: Path,
) -> None:
    code = tmp_path / "code"
    code.mkdir()
    with running_emulator(tmp_path, ["./bootstrap", "a.b"], directory=code) as emulator:
        for _ in range(2):
            answer = emulator.invoke(1)
            assert answer.function_error == "Unhandled"
            assert answer.json["errorType"] == "Runtime.InvalidEntrypoint"
            assert answer.json["errorMessage"].endswith(
                "Error: fork/exec ./bootstrap: no such file or directory"
            )
        write_bootstrap(code).chmod(0o644)
        assert emulator.invoke(1).json["errorMessage"].endswith("permission denied")
        write_bootstrap(code, "no program\n")
        assert emulator.invoke(1).json["errorMessage"].endswith("exec format error")
        write_bootstrap(code)
        assert emulator.invoke(1).json["handler"] == "a.b"


def test_it_needs_no_disk_and_no_privileges(tmp_path: Path) -> None:
    through = (*READ_ONLY, "--unshare-user", "--uid", "1234", "--gid", "1234", "--cap-drop", "ALL")
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    with running_emulator(
        tmp_path, "function.echo", through=(*through, "--die-with-parent"), MAX_CONCURRENCY="2"
    ) as emulator:
        assert emulator.invoke({"a": 1}).json == {"a": 1}


def test_as_the_first_process_it_buries_what_the_function_leaves_behind(tmp_path: Path) -> None:
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    leaver = (
        "import os, subprocess\n"
        "def handler(event, context):\n"
        "    subprocess.run(['/bin/sh', '-c', 'setsid sleep 0.2 & setsid sleep 600 &'])\n"
        "    return os.getppid()\n"
    )
    (tmp_path / "code").mkdir()
    (tmp_path / "code/leaver.py").write_text(leaver)
    through = (*READ_ONLY, "--unshare-pid", "--as-pid-1", "--die-with-parent")
    with running_emulator(
        tmp_path,
        python_command("leaver.handler"),
        directory=tmp_path / "code",
        through=through,
    ) as emulator:
        assert emulator.invoke({}).json == 1
        [first] = children_of(emulator.process.pid)
        # The runtime, and the one that sleeps on.
        eventually(lambda: len(children_of(first)) == 2, lambda: children_of(first))
        os.kill(first, signal.SIGTERM)
        assert emulator.wait() == 0
