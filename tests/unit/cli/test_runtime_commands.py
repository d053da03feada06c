from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from lambent.cli import runtime_commands
from lambent.cli.runtime_commands import runtime
from lambent.execution_environment.runtime_installation import RuntimeInstallationFailed
from lambent.execution_environment.runtimes import Runtime

READY = Runtime(
    identifier="provided.al2023", family="provided", release="al2023", operating_system="Linux"
)
MISSING = Runtime(
    identifier="python3.12",
    family="python",
    release="3.12",
    operating_system="Linux",
    reason="Python 3.12 was not found on this machine.",
    remedy="lambent runtime install python3.12",
)


class Machine:
    def __init__(self):
        self.directories = []
        self.installed = []

    def find(self, directory):
        self.directories.append(directory)
        return {each.identifier: each for each in (READY, MISSING)}

    def install(self, identifier, directory, tell):
        self.directories.append(directory)
        if identifier == "cobol":
            raise RuntimeInstallationFailed("there is no such runtime")
        tell("downloading")
        self.installed.append(identifier)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    made = Machine()
    monkeypatch.setattr(runtime_commands, "find_runtimes", made.find)
    monkeypatch.setattr(runtime_commands, "install", made.install)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("LAMBENT_RUNTIMES_DIR", raising=False)
    return made


def run(*arguments, env=None):
    return CliRunner().invoke(runtime, arguments, env=env)


def test_the_list_says_what_is_ready_and_what_the_others_need(machine):
    result = run("list")
    assert result.exit_code == 0
    header, ready, missing = result.output.splitlines()
    assert header.split() == ["RUNTIME", "STATE"]
    assert ready.split() == ["provided.al2023", "ready"]
    assert missing.startswith("python3.12")
    assert "lambent runtime install python3.12" in missing


def test_programs_get_json(machine):
    ready, missing = json.loads(run("list", "--json").output)
    assert ready == {"runtime": "provided.al2023", "unavailable_because": None}
    assert missing["runtime"] == "python3.12"
    assert "not found" in missing["unavailable_because"]


@pytest.mark.parametrize(
    ("arguments", "env", "directory"),
    [
        ([], {}, "~/.local/share/lambent/runtimes"),
        ([], {"LAMBENT_RUNTIMES_DIR": "~/variable"}, "~/variable"),
        (["--runtimes-dir", "/line"], {"LAMBENT_RUNTIMES_DIR": "/variable"}, "/line"),
        (["--runtimes-dir", "relative"], {}, "relative"),
    ],
)
def test_the_directory_is_the_one_the_server_reads(machine, arguments, env, directory):
    run("list", *arguments, env=env)
    run("install", "python3.12", *arguments, env=env)
    assert machine.directories == [Path(directory).expanduser().absolute()] * 2


def test_the_server_s_file_names_the_directory_too(machine, tmp_path):
    file = tmp_path / "lambent.toml"
    file.write_text('runtimes_dir = "/from/the/file"\n')
    run("list", env={"LAMBENT_CONFIG": str(file)})
    assert machine.directories == [Path("/from/the/file")]


def test_runtimes_are_installed_one_after_another(machine):
    result = run("install", "python3.12", "nodejs22.x")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["python3.12 is ready", "nodejs22.x is ready"]
    assert result.stderr.splitlines() == ["  downloading"] * 2


def test_one_that_cannot_be_installed_does_not_keep_the_others(machine):
    result = run("install", "cobol", "python3.12")
    assert result.exit_code == 1
    assert machine.installed == ["python3.12"]
    assert "Error: cobol: there is no such runtime\n" in result.stderr


def test_something_must_be_named(machine):
    assert run("install").exit_code == 2
