"""Runtime versions: what is installed beside each other, and which of it a function runs with."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError
from tests.support.functions import deploy
from tests.support.programs import require_runtime
from tests.support.refusals import refusal
from tests.support.server import running_server
from tests.support.waiting import eventually, wait_logged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.server import RunningServer

RUNTIME = "python3.12"
SOURCE = "def handler(event, context): return event"


def add_version(directory: Path, number: int) -> None:
    """One more version: the installed client under another number."""
    require_runtime(RUNTIME)
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")
    real = max((data / "lambent/runtimes" / RUNTIME).glob("v*"))
    staging = directory / f".{number}"
    staging.mkdir(parents=True)
    for name in ("client", "empty"):
        (staging / name).symlink_to(real / name)
    (staging / "installed.json").write_text(json.dumps({"client": f"4.0.{number}"}))
    (directory / RUNTIME).mkdir(exist_ok=True)
    staging.rename(directory / RUNTIME / f"v{number}")


@pytest.fixture
def runtimes_dir(tmp_path: Path) -> Path:
    directory = tmp_path / "runtimes"
    for number in (1, 2):
        add_version(directory, number)
    return directory


@pytest.fixture
def server(tmp_path: Path, runtimes_dir: Path) -> Iterator[RunningServer]:
    with running_server(tmp_path / "data", "--runtimes-dir", str(runtimes_dir)) as running:
        yield running


def version_in_use(function) -> str:
    """The ARN the API tells."""
    answer = function.client.get_function_configuration(FunctionName=function.name)
    return str(answer["RuntimeVersionConfig"]["RuntimeVersionArn"])


def last_init_start(function) -> str:
    """The version of the newest environment that said something, and its ARN."""
    messages = [each for each in wait_logged(function, "INIT_START") if "INIT_START" in each]
    said = messages[-1].split("Runtime Version: ")[1].split()
    return f"{said[0]} {said[-1]}"


def test_a_function_goes_back_to_an_earlier_version_and_forward_again(server, runtimes_dir):
    function = deploy(server, SOURCE, runtime=RUNTIME)
    client = function.client
    function.call()
    newest = version_in_use(function)
    assert last_init_start(function) == f"python:3.12.v2 {newest}"

    add_version(runtimes_dir, 3)  # a running server notices
    eventually(lambda: version_in_use(function) != newest, "the third version")
    client.put_runtime_management_config(
        FunctionName=function.name, UpdateRuntimeOn="Manual", RuntimeVersionArn=newest
    )
    config = client.get_runtime_management_config(FunctionName=function.name)
    assert (config["UpdateRuntimeOn"], config["RuntimeVersionArn"]) == ("Manual", newest)
    assert version_in_use(function) == newest
    function.call()

    client.put_runtime_management_config(FunctionName=function.name, UpdateRuntimeOn="Auto")
    function.call()
    third = version_in_use(function)
    expected = f"python:3.12.v3 {third}"
    eventually(lambda: last_init_start(function) == expected, lambda: last_init_start(function))


def test_function_update_waits_for_an_update(server, runtimes_dir):
    function = deploy(server, SOURCE, runtime=RUNTIME)
    second = version_in_use(function)
    function.client.put_runtime_management_config(
        FunctionName=function.name, UpdateRuntimeOn="FunctionUpdate"
    )
    add_version(runtimes_dir, 3)
    other = deploy(server, SOURCE, runtime=RUNTIME)
    eventually(lambda: version_in_use(other) != second, "the third version")
    assert version_in_use(function) == second
    function.call()
    assert last_init_start(function).endswith(second)
    function.client.update_function_configuration(FunctionName=function.name, Description="new")
    assert version_in_use(function) == version_in_use(other)


def test_a_version_that_is_not_installed_is_refused(server):
    function = deploy(server, SOURCE, runtime=RUNTIME)
    arn = version_in_use(function)
    with pytest.raises(ClientError) as refusal:
        function.client.put_runtime_management_config(
            FunctionName=function.name,
            UpdateRuntimeOn="Manual",
            RuntimeVersionArn=arn[:-4] + "0000",
        )
    assert refusal.value.response["Error"]["Code"] == "InvalidParameterValueException"


def test_runtimes_of_the_past_are_refused(tmp_path):
    # All have been blocked for years, so the day of the test does not matter.
    with running_server(tmp_path / "data", "--blocked-runtimes", "refuse") as refusing:
        for runtime in ("python3.7", "nodejs14.x", "go1.x", "java8", "provided"):
            assert refusal(deploy, refusing, SOURCE, runtime=runtime) == (
                400,
                "InvalidParameterValueException",
                f"The runtime parameter of {runtime} is no longer supported for creating or "
                "updating AWS Lambda functions. We recommend you use a supported runtime while "
                "creating or updating functions.",
            )


def test_an_operator_may_allow_runtimes_of_the_past(server):
    script = {"bootstrap": "#!/bin/sh\nexit 1\n"}
    function = deploy(server, script, runtime="provided")
    answer = function.client.get_function_configuration(FunctionName=function.name)
    assert answer["Runtime"] == "provided"
