from __future__ import annotations

import asyncio
import itertools
from collections import UserDict

import pytest

from lambent.domain.runtime_catalogue import CATALOGUE
from lambent.execution_environment.runtimes import installed_runtimes
from lambent.execution_environment.runtimes.installed_runtimes import (
    find_runtimes,
    installed_versions,
    watch,
)
from lambent.execution_environment.runtimes.runtime import Runtime


@pytest.fixture(autouse=True)
def _empty_machine(monkeypatch):
    monkeypatch.setattr(installed_runtimes, "find_interpreters", lambda *sought: {})


def install(directory, identifier="python3.12", number=1, manifest='{"client": "4.2.2"}'):
    home = directory / identifier / f"v{number}"
    home.mkdir(parents=True)
    (home / "installed.json").write_text(manifest)


def test_every_identifier_is_there_with_a_runtime_or_a_reason(tmp_path):
    found = find_runtimes(tmp_path)
    assert list(found) == list(CATALOGUE)
    assert {name for name, each in found.items() if each.is_runnable} == {
        "provided",
        "provided.al2",
        "provided.al2023",
    }


def test_versions_are_in_the_order_of_their_numbers(tmp_path):
    for number in (9, 10, 2):
        install(tmp_path, number=number)
    assert [each.number for each in installed_versions(tmp_path, "python3.12")] == [10, 9, 2]


@pytest.mark.parametrize("name", ["v", "vx", "v1.old", "1"])
def test_other_directories_are_no_versions(tmp_path, name):
    (tmp_path / "python3.12" / name).mkdir(parents=True)
    (tmp_path / "python3.12" / name / "installed.json").write_text("{}")
    assert installed_versions(tmp_path, "python3.12") == []


def test_what_is_not_to_be_installed_says_how_to_name_one(tmp_path):
    runtime = find_runtimes(tmp_path)["ruby3.4"]
    assert runtime.remedy is None
    assert 'interpreters = { "ruby3.4" = "PATH" }' in (runtime.reason or "")


def test_dotnet_says_what_to_build_instead(tmp_path):
    assert "native AOT" in (find_runtimes(tmp_path)["dotnet8"].reason or "")


class Watched(UserDict[str, Runtime]):
    """Says when it has been brought up to date."""

    def __init__(self) -> None:
        super().__init__()
        self.is_updated = asyncio.Event()

    def __setitem__(self, identifier: str, runtime: Runtime) -> None:
        super().__setitem__(identifier, runtime)
        if len(self) == len(CATALOGUE):
            self.is_updated.set()


async def test_a_running_server_notices_what_is_installed(tmp_path, monkeypatch):
    looks = itertools.chain(["before", "before"], itertools.repeat("after"))
    monkeypatch.setattr(installed_runtimes, "_LOOK_AGAIN_SECONDS", 0)
    monkeypatch.setattr(installed_runtimes, "_fingerprint", lambda directory: next(looks))
    runtimes = Watched()
    watching = asyncio.create_task(watch(runtimes, tmp_path), name="watch")
    await runtimes.is_updated.wait()
    watching.cancel()
    await asyncio.wait([watching])
    assert set(runtimes) == set(CATALOGUE)


def test_what_is_watched_changes_with_every_version_and_jar(tmp_path):
    seen = [installed_runtimes._fingerprint(tmp_path)]
    install(tmp_path, number=1)
    seen.append(installed_runtimes._fingerprint(tmp_path))
    (tmp_path / "java21/lib").mkdir(parents=True)
    seen.append(installed_runtimes._fingerprint(tmp_path))
    assert len(set(seen)) == 3
