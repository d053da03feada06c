"""What functions run in, from the interpreters on this host to the pool of environments."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING

from lambent.control_plane.deployment import Deployments
from lambent.domain.errors import ServiceError
from lambent.domain.quotas import MIB, TENANT_ENVIRONMENTS
from lambent.execution_environment.apis.streamed_response import StreamLimits
from lambent.execution_environment.fast_starts.stem_cells import open_sandboxes
from lambent.execution_environment.host_budget import HostBudget, Room
from lambent.execution_environment.pool.pool import Pool, PoolLimits
from lambent.execution_environment.pool.provisioned import ProvisionedConcurrencyKeeper
from lambent.execution_environment.runtime_process import Parts
from lambent.execution_environment.runtimes import installed_runtimes
from lambent.execution_environment.snap_start.snap_start import open_snap_start
from lambent.sandbox.isolation import Isolation
from lambent.server.background import running
from lambent.telemetry.log_pipeline import LogPipeline
from lambent.telemetry.log_retention import run_retention

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from contextlib import AbstractAsyncContextManager

    from lambent.aws.variable_keys import VariableKeys
    from lambent.domain.function import FunctionVersion
    from lambent.execution_environment.aws_access import AwsAccess
    from lambent.execution_environment.runtimes.runtime import Runtime
    from lambent.execution_environment.snap_start.snap_start import SnapStart
    from lambent.invocation.concurrency import Concurrency
    from lambent.server.config import Config
    from lambent.server.stores import Stores


@contextlib.asynccontextmanager
async def open_runtimes(config: Config) -> AsyncIterator[Mapping[str, Runtime]]:
    """What this host can run, by identifier; meanwhile it follows what is installed and removed."""
    sources = (config.runtimes_dir, config.interpreters)
    runtimes = await asyncio.to_thread(installed_runtimes.find_runtimes, *sources)
    async with running("installed runtimes", installed_runtimes.watch(runtimes, *sources)):
        yield runtimes


@contextlib.asynccontextmanager
async def open_parts(
    config: Config,
    stores: Stores,
    runtimes: Mapping[str, Runtime],
    keys: VariableKeys,
    aws_access: AwsAccess,
    *,
    door_port: int,
) -> AsyncIterator[Parts]:
    """What environments without a snapshot are made from. Raises IsolationUnavailable."""
    pipeline = LogPipeline(stores.logs)
    async with (
        Isolation.open(
            state_directory=config.data_dir / "sandboxes",
            kind=config.isolation,
            door_port=door_port,
        ) as isolation,
        running("log pipeline", pipeline.run()),
        running("log retention", run_retention(stores.logs)),
        open_sandboxes(
            isolation,
            runtimes,
            has_stem_cells=config.fast_starts,
            idle_seconds=config.idle_seconds,
        ) as sandboxes,
    ):
        yield Parts(
            isolation=isolation,
            sandboxes=sandboxes,
            runtimes=runtimes,
            task_root=stores.packages.unpack,
            layers_root=stores.layer_contents.root,
            opened=keys.opened,
            aws_access=aws_access,
            logs=pipeline,
            freeze_after_seconds=config.freeze_after_seconds,
            stream_limits=StreamLimits(
                limit_bytes=config.stream_limit_mib * MIB,
                uncapped_bytes=int(config.stream_uncapped_mib * MIB),
                bytes_per_second=int(config.stream_mib_per_second * MIB),
            ),
        )


def host_budget(config: Config) -> HostBudget:
    """What environments, and snapshots they are restored from, may take of this host together."""
    return HostBudget(Room(config.memory_mib * MIB, config.max_environments))


def open_snapshots(
    config: Config, stores: Stores, parts: Parts, budget: HostBudget
) -> AbstractAsyncContextManager[SnapStart]:
    """Where environments get their sandboxes from: restored ones, and those of `parts`."""
    return open_snap_start(
        parts,
        stores.functions.is_current,
        budget=budget,
        takes_snapshots=config.fast_starts,
        idle_seconds=config.idle_seconds,
    )


@contextlib.asynccontextmanager
async def open_deployments(
    config: Config, stores: Stores, snap_start: SnapStart, keys: VariableKeys
) -> AsyncIterator[Deployments]:
    """Makes new versions ready meanwhile, and those that an earlier run of the server left."""

    async def take_snapshot(version: FunctionVersion) -> str | None:
        try:
            return await snap_start.prepare(await keys.opened(version))
        except ServiceError as error:
            return error.message

    deployments = Deployments(
        stores.functions,
        stores.packages,
        stores.layer_contents,
        take_snapshot,
        config.deployment_seconds,
    )
    await stores.collection.collect()
    deployments.recover()
    async with running("deployments", deployments.run()):
        yield deployments


@contextlib.asynccontextmanager
async def open_pool(
    config: Config, stores: Stores, parts: Parts, budget: HostBudget, concurrency: Concurrency
) -> AsyncIterator[Pool]:
    """Every environment, those of provisioned concurrency too; afterwards none is left."""
    limits = PoolLimits(
        parallel_starts=2 * (os.cpu_count() or 1),
        scaling_rate=config.scaling_rate,
        tenant_environments=int(config.concurrency * TENANT_ENVIRONMENTS),
        idle_seconds=config.idle_seconds,
    )
    async with Pool(parts, limits, budget, stores.functions.is_current) as pool:
        pool.hold_places_with(concurrency.hold)
        keeper = ProvisionedConcurrencyKeeper(
            pool, stores.provisioned_concurrency, stores.functions, stores.aliases
        )
        async with running("provisioned concurrency", keeper.run()):
            yield pool
