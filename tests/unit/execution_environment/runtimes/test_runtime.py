from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import botocore.session
import pytest
from tests.support.versions import function_version

from lambent.domain.function import RuntimeManagement
from lambent.execution_environment.runtimes import installed_runtimes
from lambent.execution_environment.runtimes.entrypoint import InvalidEntrypoint
from lambent.execution_environment.runtimes.installed_runtimes import find_runtimes
from lambent.execution_environment.runtimes.interpreters import Interpreter
from lambent.execution_environment.runtimes.runtime import Runtime, RuntimeUnavailable, runtime_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.domain.function import FunctionVersion

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
    ("java", "21"): Interpreter(
        executable=Path("/data/java/bin/java"), prefix=Path("/data/java"), version="21.0.8"
    ),
    ("ruby", "3.4"): Interpreter(
        executable=Path("/usr/bin/ruby3.4"), prefix=Path("/usr"), version="3.4.1"
    ),
}


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    def find(searches, answers_directory):
        return {
            search: INTERPRETERS[search.family, search.release]
            for search in searches
            if (search.family, search.release) in INTERPRETERS
        }

    monkeypatch.setattr(installed_runtimes, "find_interpreters", find)


def install(directory: Path, identifier: str, number: int = 1, client: str = "4.2.2") -> Path:
    home = directory / identifier / f"v{number}"
    (home / "client").mkdir(parents=True)
    (home / "empty").mkdir()
    (home / "installed.json").write_text(json.dumps({"client": client}))
    return home


@pytest.fixture
def installed(tmp_path):
    for identifier in ("python3.12", "python3.11", "python3.14", "nodejs20.x", "nodejs22.x"):
        install(tmp_path, identifier)
    (tmp_path / "nodejs22.x/v1/client/node_modules").mkdir()
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


def bootstrap(root: Path) -> Path:
    root.mkdir()
    (root / "bootstrap").write_text("#!/bin/sh\n")
    (root / "bootstrap").chmod(0o755)
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
    (tmp_path / "python3.12/v1").mkdir(parents=True)
    (tmp_path / "python3.12/v1/installed.json").write_text(manifest)
    assert not find_runtimes(tmp_path)["python3.12"].is_runnable


@pytest.mark.parametrize("identifier", ["java8.al2", "ruby3.2", "dotnet8", "go1.x", "nodejs14.x"])
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
        ("nodejs22.x", "nodejs:22.v1"),
        ("java21", "java:21.v1"),
        ("provided.al2023", "provided:al2023.v1"),
        ("provided", "provided:al1.v1"),
    ],
)
def test_the_version_text_is_in_lambdas_form(installed, identifier, text):
    assert installed[identifier].version_text == text


def test_the_version_arn_follows_interpreter_and_client(installed):
    assert not find_runtimes(Path("/nowhere"))["python3.12"].version_arns("eu-west-1")
    arns = {each.version_arn("eu-west-1") for each in installed.values()}
    assert len(arns) == len(installed)
    for arn in arns:
        assert re.fullmatch(r"arn:aws:lambda:eu-west-1::runtime:[0-9a-f]{64}", arn)
    assert (
        installed["provided"].version_arn("cn-north-1").startswith("arn:aws-cn:lambda:cn-north-1:")
    )


def test_an_interpreter_elsewhere_is_mounted_at_var_lang(installed, tmp_path):
    runtime = installed["python3.12"]
    home = tmp_path / "python3.12/v1"
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
        (tmp_path / "nodejs22.x/v1/client/node_modules", "/node_modules"),
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


def test_a_package_without_a_bootstrap_has_no_command(installed, tmp_path):
    with pytest.raises(InvalidEntrypoint):
        command(installed["provided.al2"], tmp_path)


def test_ruby_and_java_run_with_a_client_of_our_own(installed):
    ruby, java = installed["ruby3.4"], installed["java21"]
    assert command(ruby) == ("/usr/bin/ruby3.4", "/var/runtime/bootstrap.rb")
    [(own_code, target)] = ruby.mounts()
    assert target == "/var/runtime"
    assert (own_code / "bootstrap.rb").is_file()
    argv = command(java, variables={"_HANDLER": "shop.Orders::place"}, memory_mib=1000)
    assert argv[0] == "/var/lang/bin/java"
    assert argv[-4:] == ("-cp", "/var/runtime/lib/*", "lambent.Main", "shop.Orders::place")
    assert "-Xmx850m" in argv
    assert [target for _, target in java.mounts()] == ["/var/runtime", "/var/lang"]


def test_javas_client_is_aws_own_where_its_jars_are(tmp_path):
    jars = tmp_path / "java21/lib"
    jars.mkdir(parents=True)
    (jars / "aws-lambda-java-core-1.4.0.jar").touch()
    own = find_runtimes(tmp_path)["java21"]
    (jars / "aws-lambda-java-runtime-interface-client-2.10.1.jar").touch()
    java = find_runtimes(tmp_path)["java21"]
    assert (jars, "/var/runtime/lib") in java.mounts()
    main = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda"
    assert command(java, variables={"_HANDLER": "Orders"})[-2:] == (main, "Orders")
    assert java.version_arn("eu-west-1") != own.version_arn("eu-west-1")


def test_each_installed_version_is_one_to_choose(tmp_path):
    for number, client in ((1, "4.0.0"), (2, "4.1.0"), (10, "4.2.2")):
        install(tmp_path, "python3.12", number, client)
    (tmp_path / "python3.12/vast").mkdir()
    newest = find_runtimes(tmp_path)["python3.12"]
    assert newest.version_text == "python:3.12.v10"
    assert [each.number for each in newest.earlier] == [2, 1]
    assert len(set(newest.version_arns("eu-west-1"))) == 3
    assert newest.version_arns("eu-west-1")[0] == newest.version_arn("eu-west-1")


def version_at(arn: str | None) -> FunctionVersion:
    management = RuntimeManagement(update_mode="Manual" if arn else "Auto", runtime_version_arn=arn)
    return function_version(region="eu-west-1", runtime_management=management)


def test_a_function_runs_with_the_version_it_stays_at(tmp_path):
    for number in (1, 2):
        install(tmp_path, "python3.12", number, f"4.{number}.0")
    found = find_runtimes(tmp_path)
    _, old = found["python3.12"].version_arns("eu-west-1")
    assert runtime_for(found, version_at(None)).number == 2
    assert runtime_for(found, version_at(old)).number == 1
    gone = runtime_for(found, version_at(old.replace("eu-west-1", "eu-west-2")))
    with pytest.raises(RuntimeUnavailable, match=r"eu-west-2.* is not installed here"):
        command(gone)
