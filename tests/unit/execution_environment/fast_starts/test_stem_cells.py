from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.execution_environment.stem_fakes import (
    CUSTOM,
    NODE,
    PYTHON,
    RUNTIMES,
    FakeStemIsolation,
    until,
    version_of,
)

from lambent.execution_environment.fast_starts.stem_cell import StemCell
from lambent.execution_environment.fast_starts.stem_cells import StemCells, kind_of, open_sandboxes
from lambent.execution_environment.prepared_sandbox import SandboxesOnDemand, Wanted

IDLE_SECONDS = 60.0


@pytest.fixture
def isolation():
    return FakeStemIsolation()


@pytest.fixture
async def stem_cells(isolation):
    on_demand = SandboxesOnDemand(isolation)
    cells = StemCells(isolation, RUNTIMES, on_demand, idle_seconds=IDLE_SECONDS)
    async with cells.running():
        yield cells
    assert isolation.is_empty


async def stocked(stem_cells, version):
    """Until there are stem cells for a version, which somebody must have asked for."""
    await (await stem_cells.volume(version)).close()
    await until(lambda: stem_cells.in_stock().get(version.runtime) == 4)


def wanted(version, volume, layers_root=None):
    return Wanted(
        version=version,
        runtime=RUNTIMES[version.runtime],
        task_root=Path("/code"),
        layers_root=layers_root,
        volume=volume,
    )


async def test_an_environment_begins_in_a_stem_cell_and_goes_on_without(stem_cells):
    version = version_of(PYTHON)
    await stocked(stem_cells, version)
    volume = await stem_cells.volume(version)
    first = await stem_cells.take(wanted(version, volume))
    assert isinstance(first, StemCell)
    assert first.volume.path == volume.path
    await first.close()
    second = await stem_cells.take(wanted(version, volume))
    assert not isinstance(second, StemCell)
    await second.close()
    await volume.close()


async def test_a_cell_that_was_not_needed_goes_with_its_volume(stem_cells, isolation):
    version = version_of(PYTHON)
    await stocked(stem_cells, version)
    volume = await stem_cells.volume(version)
    await volume.close()
    assert volume.path not in isolation.open_volumes
    assert len(isolation.open_sandboxes) <= 4


async def test_a_cell_that_cannot_be_assigned_is_closed(stem_cells, isolation, monkeypatch):
    version = version_of(PYTHON)
    await stocked(stem_cells, version)

    async def fail(self, wanted):
        raise OSError("no such mount")

    monkeypatch.setattr(StemCell, "assign", fail)
    volume = await stem_cells.volume(version)
    with pytest.raises(OSError, match="no such mount"):
        await stem_cells.take(wanted(version, volume))
    await volume.close()
    assert len(isolation.open_sandboxes) <= 4


@pytest.mark.parametrize(("runtime", "is_cell"), [(PYTHON, True), (NODE, False), (CUSTOM, False)])
async def test_extensions_go_where_they_can_outlive_the_runtime(
    stem_cells, tmp_path, runtime, is_cell
):
    (tmp_path / "extensions").mkdir()
    (tmp_path / "extensions/watch").write_text("")
    version = version_of(runtime)
    await stocked(stem_cells, version)
    volume = await stem_cells.volume(version)
    prepared = await stem_cells.take(wanted(version, volume, layers_root=tmp_path))
    assert isinstance(prepared, StemCell) == is_cell
    await prepared.close()
    await volume.close()


async def test_stocks_nobody_takes_from_are_given_up(stem_cells, isolation):
    await stocked(stem_cells, version_of(PYTHON))
    stock = stem_cells._stock(kind_of(version_of(PYTHON), RUNTIMES))
    stem_cells.reap(stock.last_used + IDLE_SECONDS)
    assert stem_cells.in_stock() == {"python3.12": 4}
    stem_cells.reap(stock.last_used + IDLE_SECONDS + 1)
    assert stem_cells.in_stock() == {}
    await until(lambda: isolation.is_empty)


async def test_only_so_many_kinds_are_kept(stem_cells):
    for memory_mib in range(128, 138):
        await (await stem_cells.volume(version_of(NODE, memory_mib=memory_mib))).close()
    await until(lambda: stem_cells.in_stock() == {"nodejs22.x": 8 * 4})


@pytest.mark.parametrize(
    ("runtime", "settings"),
    [(PYTHON, {"ephemeral_storage_mib": 1024}), (CUSTOM, {"ephemeral_storage_mib": 513})],
)
def test_more_storage_is_a_matter_of_building(runtime, settings):
    assert kind_of(version_of(runtime, **settings), RUNTIMES) is None


@pytest.mark.parametrize(
    "name",
    [
        "AWS_LAMBDA_EXEC_WRAPPER",
        "LANG",
        "LC_ALL",
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",
        "MALLOC_ARENA_MAX",
        "NODE_OPTIONS",
        "PYTHONPATH",
        "PYTHONWARNINGS",
    ],
)
@pytest.mark.parametrize("runtime", [PYTHON, NODE])
def test_nothing_waits_for_functions_that_change_how_it_starts(runtime, name):
    kind = kind_of(version_of(runtime, environment={name: "x"}), RUNTIMES)
    assert kind is not None
    assert kind.argv == ()


def test_any_other_variable_changes_nothing():
    own = {"TZ": "Asia/Tokyo", "TABLE": "orders", "MY_PYTHONPATH": "x"}
    without, with_own = (
        kind_of(version_of(PYTHON, environment=each), RUNTIMES) for each in ({}, own)
    )
    assert without == with_own
    assert without is not None
    assert without.argv[0] == "/var/lang/bin/python3.12"


def test_nodes_differ_by_memory_and_pythons_do_not():
    def kinds(runtime):
        return {kind_of(version_of(runtime, memory_mib=mib), RUNTIMES) for mib in (128, 256)}

    assert len(kinds(PYTHON)) == len(kinds(CUSTOM)) == 1
    assert len(kinds(NODE)) == 2


@pytest.mark.parametrize(("has_own_root", "is_on"), [(True, False), (False, True)])
async def test_without_them_every_sandbox_is_built_on_demand(isolation, has_own_root, is_on):
    isolation.has_own_root = has_own_root
    async with open_sandboxes(
        isolation, RUNTIMES, has_stem_cells=is_on, idle_seconds=1
    ) as sandboxes:
        assert isinstance(sandboxes, SandboxesOnDemand)
        assert sandboxes.in_stock() == {}
