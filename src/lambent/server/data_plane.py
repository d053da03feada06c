"""Everything that invokes functions, and what is measured and told about it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.invocation.invoke import DataPlane
from lambent.invocation.run import Runs
from lambent.server.asynchronous import open_events
from lambent.server.log_subscriptions import open_log_subscriptions
from lambent.server.metrics import open_measurements
from lambent.telemetry.metrics.recorder import Metrics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lambent.aws.clients import AwsClients
    from lambent.execution_environment.pool.pool import Pool
    from lambent.invocation.asynchronous.queue_view import QueueView
    from lambent.invocation.concurrency import Concurrency
    from lambent.server.config import Config
    from lambent.server.stores import Stores
    from lambent.telemetry.metrics.measurements import Measurements
    from lambent.telemetry.subscriptions.delivery import LogSubscriptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoking:
    """The data plane, and what others read of it."""

    plane: DataPlane
    queue_view: QueueView
    measurements: Measurements
    subscriptions: LogSubscriptions


@contextlib.asynccontextmanager
async def open_data_plane(
    config: Config, stores: Stores, aws: AwsClients, pool: Pool, concurrency: Concurrency
) -> AsyncIterator[Invoking]:
    """Events are run meanwhile, metrics kept and log groups' subscribers told."""
    async with asyncio.TaskGroup() as streams:
        runs = Runs(
            functions=stores.functions,
            aliases=stores.aliases,
            pool=pool,
            concurrency=concurrency,
            metrics=Metrics(),
            streams=streams,
        )
        async with _open_around(config, stores, aws, runs) as invoking:
            yield invoking


@contextlib.asynccontextmanager
async def _open_around(
    config: Config, stores: Stores, aws: AwsClients, runs: Runs
) -> AsyncIterator[Invoking]:
    async with (
        open_measurements(config, stores, runs.metrics) as measurements,
        open_events(config, stores, aws, runs) as (events, queue_view),
    ):
        plane = DataPlane(
            runs=runs,
            events=events,
            policies=stores.policies,
            recursion_configs=stores.recursion_configs,
        )
        async with open_log_subscriptions(stores, aws, plane) as subscriptions:
            yield Invoking(
                plane=plane,
                queue_view=queue_view,
                measurements=measurements,
                subscriptions=subscriptions,
            )
