from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import botocore.session
import pytest

from lambent.execution_environment import runtimes
from lambent.execution_environment.interpreters import Interpreter
from lambent.execution_environment.runtimes import (
    InvalidEntrypoint,
    Runtime,
    RuntimeUnavailable,
    find_bootstrap,
    find_runtimes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

PYENV = Path("/home/user/.pyenv/versions/3.12.1")
INTERPRETERS = {
    ("python", "3.12"): Interpreter(
        executable=PYENV / "bin/python3.12",
        prefix=PYENV,
        version="3.12.1",
        package_directories=(PYENV / "lib/python3.12/site-packages",),
    ),
    ("python", "3.11"): Interpreter(
        executable=Path("/usr/bin/python3.11"),
        prefix=Path("/usr"),
        version="3.11.2",
        package_directories=(Path("/usr/lib/python3/dist-packages"),),
    ),
    ("nodejs", "20"): Interpreter(
        executable=Path("/usr/bin/node"), prefix=Path("/usr"), version="20.20.2"
    ),
    ("nodejs", "22"): Interpreter(
        executable=Path("/data/node/bin/node"), prefix=Path("/data/node"), version="22.23.3"
    ),
}


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    monkeypatch.setattr(
        runtimes,
        "find_interpreters",
        lambda wanted, directory: {key: INTERPRETERS[key] for key in wanted if key in INTERPRETERS},
    )


@pytest.fixture
def installed(tmp_path):
    for identifier in ("python3.12", "python3.11", "python3.14", "nodejs20.x", "nodejs22.x"):
        home = tmp_path / identifier
        (home / "client").mkdir(parents=True)
        (home / "empty").mkdir()
        (home / "installed.json").write_text(json.dumps({"client": "4.2.2"}))
    (tmp_path / "nodejs22.x/client/node_modules").mkdir()
    return find_runtimes(tmp_path)


def command(
    runtime: Runtime,
    task_root: Path = Path("/nowhere"),
    variables: Mapping[str, str] | None = None,
    memory_mib: int = 128,
) -> tuple[str, ...]:
    return runtime.command(
        task_root=task_root, layers_root=None, memory_mib=memory_mib, variables=variables or {}
    )


def bootstrap(root: Path, content: bytes = b"#!/bin/sh\n", mode: int = 0o755) -> Path:
    root.mkdir(exist_ok=True)
    file = root / "bootstrap"
    file.write_bytes(content)
    file.chmod(mode)
    return root


def test_every_identifier_of_the_model_is_known(tmp_path):
    model = botocore.session.get_session().get_service_model("lambda")
    identifiers = set(model.shape_for("Runtime").metadata["enum"])
    # A value for tests of the service's own, not a runtime.
    assert identifiers - {"custom"} <= set(find_runtimes(tmp_path))


def test_identifiers_are_keys(tmp_path):
    assert all(name == each.identifier for name, each in find_runtimes(tmp_path).items())


def test_custom_runtimes_need_nothing_installed(tmp_path):
    found = find_runtimes(tmp_path)
    for identifier in ("provided", "provided.al2", "provided.al2023"):
        assert found[identifier].is_runnable
        assert found[identifier].mounts() == ()


def test_a_runtime_without_its_interpreter_says_so_and_how_to_get_it(installed):
    runtime = installed["python3.14"]
    assert not runtime.is_runnable
    assert runtime.reason == "Python 3.14 was not found on this machine."
    assert runtime.remedy == "lambent runtime install python3.14"


def test_a_runtime_without_its_client_says_so_and_how_to_get_it(tmp_path):
    runtime = find_runtimes(tmp_path)["nodejs20.x"]
    assert runtime.reason == "The runtime interface client for Node.js 20 is not installed."
    assert runtime.remedy == "lambent runtime install nodejs20.x"


@pytest.mark.parametrize("manifest", ["", "{", "[]", "{}", "null", '"client"'])
def test_a_broken_manifest_is_none(tmp_path, manifest):
    (tmp_path / "python3.12").mkdir()
    (tmp_path / "python3.12/installed.json").write_text(manifest)
    assert not find_runtimes(tmp_path)["python3.12"].is_runnable


@pytest.mark.parametrize("identifier", ["java21", "ruby3.4", "dotnet8", "go1.x", "nodejs14.x"])
def test_a_runtime_nothing_here_runs_has_a_reason_and_no_remedy(tmp_path, identifier):
    runtime = find_runtimes(tmp_path)[identifier]
    assert identifier in (runtime.reason or "")
    assert runtime.remedy is None


def test_an_unavailable_runtime_has_no_command(installed):
    with pytest.raises(RuntimeUnavailable, match=r"lambent runtime install python3\.14"):
        command(installed["python3.14"])


@pytest.mark.parametrize(
    ("identifier", "text"),
    [
        ("python3.12", "python:3.12.v1"),
        ("nodejs22.x", "nodejs:22.v23"),
        ("provided.al2023", "provided:al2023.v1"),
        ("provided", "provided:al1.v1"),
    ],
)
def test_the_version_text_is_in_lambdas_form(installed, identifier, text):
    assert installed[identifier].version_text == text


def test_the_version_arn_follows_interpreter_and_client(installed):
    arns = {each.version_arn("eu-west-1") for each in installed.values()}
    assert len(arns) == len(installed)
    for arn in arns:
        assert re.fullmatch(r"arn:aws:lambda:eu-west-1::runtime:[0-9a-f]{64}", arn)
    assert (
        installed["provided"].version_arn("cn-north-1").startswith("arn:aws-cn:lambda:cn-north-1:")
    )


def test_an_interpreter_elsewhere_is_mounted_at_var_lang(installed, tmp_path):
    runtime = installed["python3.12"]
    home = tmp_path / "python3.12"
    [client, own_code, *rest] = runtime.mounts()
    assert client == (home / "client", "/var/runtime")
    assert own_code[1] == "/var/runtime/lambent"
    assert (own_code[0] / "bootstrap.py").is_file()
    assert rest == [
        (PYENV, "/var/lang"),
        (home / "empty", "/var/lang/lib/python3.12/site-packages"),
    ]
    assert command(runtime) == ("/var/lang/bin/python3.12", "/var/runtime/lambent/bootstrap.py")


def test_the_systems_interpreter_runs_in_its_place(installed, tmp_path):
    runtime = installed["python3.11"]
    assert command(runtime)[0] == "/usr/bin/python3.11"
    targets = [target for _, target in runtime.mounts()]
    assert targets == ["/var/runtime", "/var/runtime/lambent", "/usr/lib/python3/dist-packages"]


def test_nodes_libraries_are_where_an_import_finds_them(installed, tmp_path):
    runtime = installed["nodejs22.x"]
    assert runtime.mounts()[-2:] == (
        (Path("/data/node"), "/var/lang"),
        (tmp_path / "nodejs22.x/client/node_modules", "/node_modules"),
    )
    assert all(target != "/node_modules" for _, target in installed["nodejs20.x"].mounts())


def test_nodes_heap_follows_the_memory(installed):
    argv = command(installed["nodejs20.x"], memory_mib=1024)
    assert argv[0] == "/usr/bin/node"
    assert argv[-1] == "/var/runtime/lambent/bootstrap.mjs"
    assert "--max-old-space-size=922" in argv
    assert "--max-semi-space-size=51" in argv


def test_nodes_experiments_are_off_unless_the_function_asks(installed):
    runtime = installed["nodejs22.x"]
    assert "--no-experimental-require-module" in command(runtime)
    assert "--no-experimental-detect-module" in command(runtime)
    asked = command(runtime, variables={"NODE_OPTIONS": "--experimental-require-module"})
    assert "--no-experimental-require-module" not in asked
    assert "--no-experimental-detect-module" not in command(installed["nodejs20.x"])


def test_a_wrapper_comes_before_the_command(installed):
    variables = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"}
    argv = command(installed["python3.12"], variables=variables)
    assert argv[:2] == ("/opt/wrapper", "/var/lang/bin/python3.12")


def test_a_custom_runtime_is_its_bootstrap(installed, tmp_path):
    root = bootstrap(tmp_path / "task")
    variables = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"}  # for managed runtimes only
    argv = command(installed["provided.al2"], root, variables)
    assert argv == ("/var/task/bootstrap",)


def test_the_packages_bootstrap_comes_before_the_layers(tmp_path):
    (tmp_path / "task").mkdir()
    layers = bootstrap(tmp_path / "opt", b"\x7fELF\x02")
    assert find_bootstrap(tmp_path / "task", layers) == "/opt/bootstrap"
    assert find_bootstrap(bootstrap(tmp_path / "task"), layers) == "/var/task/bootstrap"


def test_no_bootstrap_is_an_invalid_entrypoint_in_lambdas_words(tmp_path):
    message = r"^Couldn't find valid bootstrap\(s\): \[/var/task/bootstrap /opt/bootstrap\]$"
    with pytest.raises(InvalidEntrypoint, match=message):
        find_bootstrap(tmp_path, None)
    (tmp_path / "bootstrap").mkdir()
    with pytest.raises(InvalidEntrypoint, match=message):
        find_bootstrap(tmp_path, tmp_path / "missing")


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        (b"#!/bin/sh\n", 0o644, "fork/exec /var/task/bootstrap: permission denied"),
        (b"echo hello\n", 0o755, "fork/exec /var/task/bootstrap: exec format error"),
        (b"", 0o755, "fork/exec /var/task/bootstrap: exec format error"),
    ],
)
def test_a_bootstrap_that_cannot_start_is_an_invalid_entrypoint(tmp_path, content, mode, message):
    with pytest.raises(InvalidEntrypoint, match=f"^{message}$"):
        find_bootstrap(bootstrap(tmp_path / "task", content, mode), None)


def test_a_link_out_of_the_package_is_not_followed(tmp_path):
    root = tmp_path / "task"
    root.mkdir()
    (root / "bootstrap").symlink_to("/bin/sh")
    with pytest.raises(InvalidEntrypoint, match="Couldn't find"):
        find_bootstrap(root, None)
    bootstrap(tmp_path / "task/bin")
    (root / "bootstrap").unlink()
    (root / "bootstrap").symlink_to("bin/bootstrap")
    assert find_bootstrap(root, None) == "/var/task/bootstrap"
