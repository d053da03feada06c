from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.execution_environment.fakes import RUNTIME, VERSION

from lambent.execution_environment.prepared_sandbox import (
    SandboxesOnDemand,
    Wanted,
    limits_of,
    on_host,
)
from lambent.sandbox.sandbox import Command, Limits, Mount, SandboxStartFailed

COMMAND = Command(argv=("/opt/tool",), environment={}, working_directory="/var/task")


@pytest.fixture
async def wanted(fakes):
    volume = await fakes.isolation.volume(1)
    yield Wanted(
        version=VERSION,
        runtime=RUNTIME,
        task_root=Path("/code"),
        layers_root=Path("/layers"),
        volume=volume,
    )
    await volume.close()


async def test_a_sandbox_is_built_when_it_is_asked_for_and_nothing_is_left_of_it(fakes, wanted):
    prepared: Any = await SandboxesOnDemand(fakes.isolation).take(wanted)
    assert prepared.sandbox.options["mounts"] == [
        Mount(source=Path("/code"), target="/var/task"),
        Mount(source=Path("/layers"), target="/opt"),
    ]
    assert fakes.isolation.starts == 0
    await prepared.close()


async def test_a_sandbox_that_can_not_be_built_holds_no_network_slot(fakes, wanted, monkeypatch):
    async def fail(**options):
        raise SandboxStartFailed("no")

    monkeypatch.setattr(fakes.isolation, "build", fail)
    with pytest.raises(SandboxStartFailed):
        await SandboxesOnDemand(fakes.isolation).take(wanted)


async def test_without_a_root_of_their_own_all_commands_get_the_host_s_paths(fakes, wanted):
    fakes.isolation.has_own_root = False
    prepared = await SandboxesOnDemand(fakes.isolation).take(wanted)
    await prepared.run_beside(COMMAND)
    extension = await fakes.isolation.extensions.get()
    assert extension.command.argv == ("/layers/tool",)
    await prepared.run(COMMAND)
    runtime = await fakes.isolation.started.get()
    assert runtime.start["command"].working_directory == "/code"
    await prepared.close()


def test_only_whole_paths_are_translated_and_the_longest_mount_wins():
    command = Command(
        argv=("/var/lang/bin/program", "--path=/var/runtime/lambent/start", "/var/task"),
        environment={
            "PATHS": "/var/runtime:/var/task/bin:/opt:/elsewhere/var/task",
            "TEXT": "see /var/task and /var/tasks",
        },
        working_directory="/var/task",
    )
    mounts = [
        Mount(source=Path("/code"), target="/var/task"),
        Mount(source=Path("/client"), target="/var/runtime"),
        Mount(source=Path("/own"), target="/var/runtime/lambent"),
        Mount(source=Path("/program"), target="/var/lang"),
    ]
    translated = on_host(command, mounts)
    assert translated.argv == ("/program/bin/program", "--path=/own/start", "/code")
    assert translated.environment["PATHS"] == "/client:/code/bin:/opt:/elsewhere/var/task"
    assert translated.environment["TEXT"] == command.environment["TEXT"]
    assert translated.working_directory == "/code"


def test_a_version_s_memory_sets_its_share_of_a_processor():
    assert limits_of(replace(VERSION, memory_mib=1769)) == Limits(
        memory_bytes=1769 * 1024 * 1024, cpus=1.0, processes=1024, open_files=1024
    )
    assert limits_of(replace(VERSION, memory_mib=128)).cpus < 0.08
