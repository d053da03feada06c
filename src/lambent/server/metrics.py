"""Metrics, from the database to what answers for them."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING

from lambent.server.background import running
from lambent.telemetry.metrics.measurements import Measurements
from lambent.telemetry.metrics.prometheus import exposition

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from lambent.domain.arn import FunctionKey
    from lambent.invocation.asynchronous.queue_view import QueueState
    from lambent.server.config import Config
    from lambent.server.stores import Stores
    from lambent.telemetry.metrics.recorder import Metrics

    # By function and state.
    QueueCounts = Callable[[], Awaitable[dict[tuple[FunctionKey, QueueState], int]]]


@contextlib.asynccontextmanager
async def open_measurements(
    config: Config, stores: Stores, metrics: Metrics
) -> AsyncIterator[Measurements]:
    """Keeps what `metrics` measures meanwhile; afterwards all of it is written."""
    measurements = Measurements(metrics, stores.metrics, config.metrics_days)
    stores.functions.on_delete(measurements.forget)
    try:
        async with running("metrics", measurements.run()):
            yield measurements
    finally:
        await measurements.write()


async def prometheus_page(measurements: Measurements, queued: QueueCounts) -> str:
    """Everything since the server's start, and how much is in the queue."""
    by_state = Counter[str]()
    for (_, state), count in (await queued()).items():
        by_state[state] += count
    levels = {"lambent_queued_events": ("Events of asynchronous invocations, by state.", by_state)}
    return exposition(measurements.totals(), levels)
