from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from lambent.cli import runtime_commands
from lambent.cli.runtime_commands import runtime
from lambent.execution_environment.runtimes.runtime import Client, Runtime
from lambent.execution_environment.runtimes.runtime_installation import RuntimeInstallationFailed

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


OLD = Runtime(
    identifier="go1.x",
    family="go",
    release="1.x",
    operating_system="Linux",
    reason="Functions for go1.x cannot run here.",
)


BLOCKED = Runtime(identifier="provided", family="provided", release="al1", operating_system="Linux")


def version(number, *earlier):
    client = Client(directory=Path("/client"), version=f"4.{number}")
    return replace(READY, client=client, number=number, earlier=earlier)


class Machine:
    def __init__(self):
        self.directories = []
        self.installed = []
        self.removed = []
        self.named = []

    def find(self, directory, named):
        self.directories.append(directory)
        self.named.append(named)
        return {each.identifier: each for each in (READY, MISSING, OLD, BLOCKED)}

    def remove(self, identifier, number, directory):
        self.removed.append((identifier, number))

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
    monkeypatch.setattr(runtime_commands, "remove", made.remove)
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
    assert header.startswith("RUNTIME")
    assert ready.split()[-4:] == ["2029-06-30", "2029-07-31", "2029-08-31", "ready"]
    assert missing.startswith("python3.12")
    assert "lambent runtime install python3.12" in missing


def test_what_aws_has_blocked_is_listed_when_asked(machine):
    *_, go, provided = run("list", "--all").output.splitlines()
    assert go.startswith("go1.x")
    assert "cannot run here. (create blocked)" in go or "(update blocked)" in go
    assert provided.startswith("provided ")
    assert "ready (create blocked)" in provided or "(update blocked)" in provided


def test_versions_to_choose_from_are_listed_with_their_arns(machine, monkeypatch):
    both = version(2, version(1))
    monkeypatch.setattr(
        runtime_commands, "find_runtimes", lambda directory, named: {both.identifier: both}
    )
    *_, title, newest, oldest = run("list", "--region", "eu-west-1").output.splitlines()
    assert title == "provided.al2023:"
    assert newest.split()[0] == "v2"
    assert oldest.split()[1].startswith("arn:aws:lambda:eu-west-1::runtime:")
    [described] = json.loads(run("list", "--json").output)
    assert [each["client"] for each in described["versions"]] == ["4.2", "4.1"]


def test_versions_are_removed_by_their_names(machine):
    result = run("remove", "python3.12:v1", "python3.12", "cobol:v1")
    assert result.exit_code == 1
    assert machine.removed == [("python3.12", 1)]
    assert result.stdout.splitlines() == ["python3.12:v1 is removed"]
    assert result.stderr.count("it must be named as in python3.12:v1") == 2


def test_the_operators_interpreters_are_looked_at(machine):
    run("list", env={"LAMBENT_INTERPRETERS": "ruby3.2=/usr/bin/ruby"})
    assert machine.named == [{"ruby3.2": Path("/usr/bin/ruby")}]


def test_programs_get_json(machine):
    ready, missing, *_ = json.loads(run("list", "--json").output)
    assert ready["runtime"] == "provided.al2023"
    assert ready["unavailable_because"] is None
    assert ready["architectures"] == ["x86_64", "arm64"]
    assert (ready["deprecated"], ready["stage"]) == ("2029-06-30", "supported")
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
