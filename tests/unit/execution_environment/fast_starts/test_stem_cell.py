from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.execution_environment.fake_sandboxes import FakeProcess
from tests.unit.execution_environment.fakes import VERSION
from tests.unit.execution_environment.stem_fakes import (
    COMMAND,
    ENDED,
    PYTHON,
    FakeForkServer,
    FakeStemIsolation,
    version_of,
)

from lambent.domain.quotas import INIT_CPUS, MIB
from lambent.execution_environment.fast_starts.stem_cell import StemCell, Waiting, accept_connection
from lambent.execution_environment.prepared_sandbox import Wanted, limits_of
from lambent.sandbox.sandbox import Mount, SandboxStartFailed


@pytest.fixture
async def parts():
    """A sandbox with its volume and slot."""
    isolation = FakeStemIsolation()
    volume, slot = await isolation.volume(1), await isolation.take_slot()
    sandbox = await isolation.build(
        mounts=[], limits=limits_of(VERSION), volume=volume, slot=slot, may_have_company=True
    )
    yield sandbox, slot, volume
    await sandbox.close()
    if slot.api_address in isolation.open_slots:
        await slot.close()


@pytest.fixture
async def cell(parts):
    """With a process that waits."""
    sandbox, slot, volume = parts
    process = await sandbox.run_copy(FakeForkServer())
    connection = await accept_connection(process, slot)
    waiting = Waiting(process=process, connection=connection, may_have_company=True)
    yield StemCell(sandbox, slot, volume, waiting)
    connection.close()


async def test_assigned_it_gets_the_functions_files_and_limits(cell):
    wanted = Wanted(
        version=version_of(PYTHON, memory_mib=256),
        runtime=PYTHON,
        task_root=Path("/code"),
        layers_root=Path("/layers"),
        volume=cell.volume,
    )
    await cell.assign(wanted)
    assert cell.sandbox.mounts == [
        Mount(source=Path("/code"), target="/var/task"),
        Mount(source=Path("/layers"), target="/opt"),
    ]
    assert cell.sandbox.limits.memory_bytes == 256 * MIB
    assert cell.sandbox.limits.cpus == INIT_CPUS


async def test_what_waits_is_told_what_a_process_is_started_with(cell):
    process = await cell.run(COMMAND)
    assert process is cell.sandbox.process
    assert await cell.sandbox.received_order() == {
        "environment": {"TABLE": "orders", "_LAMBDA_TELEMETRY_LOG_FD": "3", "PWD": "/var/task"},
        "directory": "/var/task",
    }
    assert cell.sandbox.commands == []


async def test_where_nothing_waits_the_command_is_run(parts):
    sandbox, slot, volume = parts
    cell: Any = StemCell(sandbox, slot, volume, None)
    await cell.run(COMMAND)
    assert cell.sandbox.commands == [COMMAND]
    assert not cell.may_have_company


async def test_an_environment_that_cannot_be_is_refused(cell):
    with pytest.raises(ValueError, match="not an environment variable"):
        await cell.run(replace(COMMAND, environment={"A": "\0"}))


async def test_company_is_run_beside(cell):
    await cell.run_beside(COMMAND)
    assert cell.sandbox.commands == [COMMAND]


async def test_closed_it_leaves_nothing_but_its_volume(cell):
    isolation = cell.sandbox.isolation
    await cell.close()
    assert cell.sandbox.is_closed
    assert not isolation.open_slots
    assert isolation.open_volumes == {cell.volume.path}


async def test_a_process_that_ends_instead_of_connecting_is_reported_with_its_words(parts):
    process: Any = FakeProcess()
    os.write(process.output_end, b"no module named boto3\n")
    process.end(ENDED)
    with pytest.raises(SandboxStartFailed, match="no module named boto3"):
        await accept_connection(process, parts[1])
    process.close()
