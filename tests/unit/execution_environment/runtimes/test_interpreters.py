from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from lambent.execution_environment.runtimes import interpreters
from lambent.execution_environment.runtimes.interpreters import (
    Interpreter,
    Search,
    find_interpreters,
)


@pytest.fixture(autouse=True)
def empty_machine(monkeypatch, tmp_path):
    """Nothing of this machine is found: only what a test puts into `tmp_path`."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "uv"))
    monkeypatch.setattr(interpreters, "_JVM_DIRECTORY", tmp_path / "jvm")


def make(path: Path, answer: object, script: str = "echo '{}'") -> Path:
    """A program that says `answer` whatever it is asked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + script.format(json.dumps(answer)) + "\n")
    path.chmod(0o755)
    return path


def python(prefix: Path, version: str) -> Path:
    release = version.rpartition(".")[0]
    return make(prefix / f"bin/python{release}", [version, str(prefix), []])


def found(
    tmp_path: Path, family: str = "python", release: str = "3.12", named: Path | None = None
) -> Any:
    search = Search(family=family, release=release, brought=tmp_path / "interpreter", named=named)
    return find_interpreters([search]).get(search)


def test_nothing_is_found_on_an_empty_machine(tmp_path):
    assert found(tmp_path) is None
    assert found(tmp_path, "nodejs", "22") is None


def test_places_are_tried_in_order(tmp_path):
    places = [
        tmp_path / "uv/cpython-3.12.4-linux-x86_64-gnu",
        tmp_path / "pyenv/versions/3.12.3",
        tmp_path,
        tmp_path / "interpreter/cpython-3.12.1-linux-x86_64-gnu",
    ]
    for number, prefix in enumerate(places):
        executable = python(prefix, f"3.12.{number}")
        assert found(tmp_path).executable == executable


def test_the_newest_patch_wins_by_number(tmp_path):
    for patch in (9, 10, 2):
        python(tmp_path / f"pyenv/versions/3.12.{patch}", f"3.12.{patch}")
    assert found(tmp_path).version == "3.12.10"


def test_what_an_interpreter_says_counts_and_not_its_name(tmp_path):
    make(tmp_path / "bin/python3.12", ["3.11.2", str(tmp_path), []])
    assert found(tmp_path) is None
    make(tmp_path / "bin/node", ["22.1.0", str(tmp_path / "bin/node")])
    assert found(tmp_path, "nodejs", "20") is None
    assert found(tmp_path, "nodejs", "22").version == "22.1.0"


@pytest.mark.parametrize(
    "script", ["exit 1", "echo nonsense", "echo '[]'", "echo '{{}}'", "echo 1"]
)
def test_a_program_that_answers_nonsense_is_passed_over(tmp_path, script):
    make(tmp_path / "bin/python3.12", None, script)
    good = python(tmp_path / "pyenv/versions/3.12.1", "3.12.1")
    assert found(tmp_path).executable == good


def test_a_pyenv_shim_is_not_started(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "pyenv/shims"))
    make(tmp_path / "pyenv/shims/python3.12", None, f"touch {tmp_path}/started")
    good = python(tmp_path / "pyenv/versions/3.12.1", "3.12.1")
    assert found(tmp_path).executable == good
    assert not (tmp_path / "started").exists()


def test_a_virtual_environment_leads_to_the_interpreter_it_was_made_from(tmp_path):
    real = Path(sys.base_prefix).resolve()
    release = f"{sys.version_info.major}.{sys.version_info.minor}"
    link = tmp_path / f"bin/python{release}"
    link.parent.mkdir()
    link.symlink_to(sys.executable)
    interpreter = found(tmp_path, "python", release)
    assert interpreter.prefix == real
    assert interpreter.executable == real / f"bin/python{release}"
    assert all(path.is_relative_to("/") for path in interpreter.package_directories)


def test_a_node_is_where_it_says_it_is(tmp_path):
    real = make(tmp_path / "node-22/bin/node", None)
    make(tmp_path / "bin/node", ["22.1.0", str(real)])
    interpreter = found(tmp_path, "nodejs", "22")
    assert interpreter.executable == real
    assert interpreter.prefix == tmp_path / "node-22"


@pytest.mark.parametrize(
    ("prefix", "is_system"), [("/usr", True), ("/usr/local", True), ("/opt/python", False)]
)
def test_the_systems_interpreters_are_in_every_sandbox(prefix, is_system):
    interpreter = Interpreter(
        executable=Path(prefix, "bin/python3.12"), prefix=Path(prefix), version="3.12.1"
    )
    assert interpreter.is_system is is_system


def java(prefix: Path, version: str) -> Path:
    """A Java that describes itself as the real one does: on standard error."""
    for name in ("lib/jvm.cfg", "conf/security/java.security"):
        (prefix / name).parent.mkdir(parents=True)
        (prefix / name).touch()
    lines = ["Property settings:", f"    java.home = {prefix}", f"    java.version = {version}"]
    said = " ".join(f"'{line}'" for line in lines)
    return make(prefix / "bin/java", None, f"printf '%s\\n' {said} >&2")


@pytest.mark.parametrize(
    ("version", "release"), [("21.0.8", "21"), ("25", "25"), ("1.8.0_392", "8")]
)
def test_a_java_says_where_and_which_it_is(tmp_path, version, release):
    program = java(tmp_path / "interpreter", version)
    assert found(tmp_path, "java", release).executable == program
    assert found(tmp_path, "java", "17") is None


def test_a_java_with_its_files_elsewhere_is_none_a_sandbox_can_have(tmp_path):
    prefix = tmp_path / "interpreter"
    java(prefix, "17.0.9")
    elsewhere = tmp_path / "etc/java.security"
    elsewhere.parent.mkdir()
    (prefix / "conf/security/java.security").rename(elsewhere)
    (prefix / "conf/security/java.security").symlink_to(elsewhere)
    assert found(tmp_path, "java", "17") is None


def test_a_ruby_of_the_release_is_found_by_either_name(tmp_path):
    make(tmp_path / "bin/ruby", ["3.1.2", str(tmp_path / "bin/ruby")])
    assert found(tmp_path, "ruby", "3.4") is None
    named = make(tmp_path / "bin/ruby3.4", ["3.4.1", str(tmp_path / "bin/ruby3.4")])
    assert found(tmp_path, "ruby", "3.4").executable == named


def test_the_operators_choice_is_taken_whatever_its_release(tmp_path):
    named = make(tmp_path / "own/ruby", ["3.1.2", str(tmp_path / "own/ruby")])
    python(tmp_path / "pyenv/versions/3.12.1", "3.12.1")
    assert found(tmp_path, "ruby", "3.4", named).version == "3.1.2"
    assert found(tmp_path, "python", "3.12", tmp_path / "missing") is None


def counted(path: Path, prefix: Path) -> Path:
    """A Python that leaves a line wherever it was started."""
    answer = ["3.12.1", str(prefix), []]
    return make(path, answer, f"echo >>{prefix}/starts; echo '{{}}'")


def starts(prefix: Path) -> int:
    return len((prefix / "starts").read_text().splitlines())


def test_an_interpreter_that_stays_the_same_is_asked_once(tmp_path):
    executable = counted(tmp_path / "bin/python3.12", tmp_path)
    search = Search(family="python", release="3.12")
    first = find_interpreters([search], tmp_path)
    assert find_interpreters([search], tmp_path) == first
    assert starts(tmp_path) == 1
    executable.write_text(executable.read_text() + "\n# newer\n")
    assert find_interpreters([search], tmp_path) == first
    assert starts(tmp_path) == 2


def test_a_shim_is_asked_each_time(tmp_path):
    """Its file stays as it is when another version is switched on."""
    python(tmp_path / "real", "3.12.1")
    make(tmp_path / "bin/python3.12", ["3.12.1", str(tmp_path / "real"), []])
    search = Search(family="python", release="3.12")
    assert find_interpreters([search], tmp_path)[search].version == "3.12.1"
    assert not (tmp_path / "interpreters.json").exists()


@pytest.mark.parametrize("kept", ["", "[]", "nonsense", '{"python": 1}'])
def test_remembered_nonsense_is_as_nothing(tmp_path, kept):
    (tmp_path / "interpreters.json").write_text(kept)
    executable = python(tmp_path, "3.12.1")
    search = Search(family="python", release="3.12")
    assert find_interpreters([search], tmp_path)[search].executable == executable
    assert len(json.loads((tmp_path / "interpreters.json").read_text())) == 1


def test_interpreters_are_found_where_nothing_can_be_remembered(tmp_path):
    executable = python(tmp_path, "3.12.1")
    search = Search(family="python", release="3.12")
    nowhere = tmp_path / "missing"
    assert find_interpreters([search], nowhere)[search].executable == executable
