from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.execution_environment.fakes import VERSION

from lambent.execution_environment.environment import Environment
from lambent.execution_environment.runtime_process import limits_of, on_host
from lambent.sandbox.sandbox import Command, Limits, Mount


@pytest.fixture
async def start_of(fakes):
    """What the sandbox is asked for when an environment of a version starts its runtime."""
    started = []

    async def start(version=VERSION):
        environment = Environment(version, fakes.parts, lambda environment: None)
        living = asyncio.create_task(environment.run())
        started.append((environment, living))
        return (await fakes.isolation.started.get()).start

    yield start
    for environment, living in started:
        environment.close()
        await living


async def test_a_runtime_is_started_over_the_version_s_code(start_of, fakes):
    start = await start_of()
    assert start["command"].argv == ("/var/task/bootstrap",)
    assert start["command"].working_directory == "/var/task"
    assert start["mounts"] == [Mount(source=fakes.task_root, target="/var/task")]
    assert start["limits"] == replace(limits_of(VERSION), cpus=2.0)


async def test_a_version_that_has_more_processor_time_anyway_has_it_in_init_too(start_of):
    start = await start_of(replace(VERSION, memory_mib=10240))
    assert start["limits"].cpus == pytest.approx(5.79, abs=0.01)


async def test_a_runtime_knows_its_api_its_stream_and_the_function_s_variables(start_of, fakes):
    start = await start_of(replace(VERSION, environment={"GREETING": "hello"}))
    variables = start["command"].environment
    assert variables["AWS_LAMBDA_RUNTIME_API"] == start["slot"].api_address
    assert variables["AWS_LAMBDA_LOG_STREAM_NAME"] == fakes.logs.streams[0].names["stream"]
    assert variables["GREETING"] == "hello"
    assert start["command"].telemetry_variable == "_LAMBDA_TELEMETRY_LOG_FD"


async def test_each_runtime_has_credentials_of_its_own_and_they_are_not_shown(start_of):
    commands = [(await start_of())["command"] for _ in range(2)]
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    values = {command.environment[name] for command in commands for name in names}
    assert len(values) == 6
    assert not any(value in repr(commands) for value in values)


async def test_without_a_root_of_its_own_a_runtime_gets_the_host_s_paths(start_of, fakes):
    fakes.isolation.has_own_root = False
    start = await start_of()
    assert start["command"].argv == (f"{fakes.task_root}/bootstrap",)
    assert start["command"].working_directory == str(fakes.task_root)
    assert start["command"].environment["LAMBDA_TASK_ROOT"] == str(fakes.task_root)


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
