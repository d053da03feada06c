from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.unit.execution_environment.fakes import VERSION

from lambent.execution_environment.environment import Environment
from lambent.execution_environment.prepared_sandbox import limits_of
from lambent.sandbox.sandbox import Mount


@pytest.fixture
async def start_of(fakes):
    """What the sandbox is asked for when an environment of a version starts its runtime."""
    started = []

    async def start(version=VERSION, **options):
        environment = Environment(version, fakes.parts, lambda environment: None, **options)
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


async def test_a_layer_s_files_are_mounted_and_their_start_file_counts(start_of, fakes, tmp_path):
    fakes.layers_root = tmp_path / "layers"
    fakes.layers_root.mkdir()
    (fakes.task_root / "bootstrap").rename(fakes.layers_root / "bootstrap")
    start = await start_of()
    assert start["command"].argv == ("/opt/bootstrap",)
    assert Mount(source=fakes.layers_root, target="/opt") in start["mounts"]


@pytest.mark.parametrize("kind", ["on-demand", "provisioned-concurrency", "snap-start"])
async def test_a_runtime_knows_why_it_is_initialised(start_of, kind):
    start = await start_of(initialization_type=kind)
    assert start["command"].environment["AWS_LAMBDA_INITIALIZATION_TYPE"] == kind


async def test_each_runtime_has_credentials_of_its_own_and_they_are_not_shown(start_of):
    commands = [(await start_of())["command"] for _ in range(2)]
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    values = {command.environment[name] for command in commands for name in names}
    assert len(values) == 6
    assert not any(value in repr(commands) for value in values)


async def test_a_runtime_finds_aws_where_it_is_told_unless_the_function_says_otherwise(start_of):
    start = await start_of()
    assert start["command"].environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9000"
    start = await start_of(replace(VERSION, environment={"AWS_ENDPOINT_URL": "http://mine"}))
    assert start["command"].environment["AWS_ENDPOINT_URL"] == "http://mine"


async def test_without_a_root_of_its_own_a_runtime_gets_the_host_s_paths(start_of, fakes):
    fakes.isolation.has_own_root = False
    start = await start_of()
    assert start["command"].argv == (f"{fakes.task_root}/bootstrap",)
    assert start["command"].working_directory == str(fakes.task_root)
    assert start["command"].environment["LAMBDA_TASK_ROOT"] == str(fakes.task_root)
