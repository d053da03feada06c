from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lambent.domain.metric import MetricSelection, Series, Span
from lambent.server.metrics import open_measurements, prometheus_page
from lambent.store.database import Database
from lambent.store.metrics import MetricStore
from lambent.telemetry.metrics.measurements import this_minute
from lambent.telemetry.metrics.recorder import Metrics

FUNCTION = ("000000000000", "us-east-1", "f")
OTHER = ("0", "r", "g")


@pytest.fixture
async def stores(tmp_path):
    async with Database.open(tmp_path / "lambent.sqlite") as database:
        stores: Any = SimpleNamespace(
            metrics=MetricStore(database),
            functions=SimpleNamespace(on_delete=lambda told: None),
        )
        yield stores


async def test_what_was_measured_is_written_at_the_end(stores):
    config: Any = SimpleNamespace(metrics_days=15)
    metrics = Metrics()
    minute = this_minute()
    async with open_measurements(config, stores, metrics):
        metrics.of(*FUNCTION, None, None).add("Invocations")
    selection = MetricSelection(metric="Invocations", series=Series(*FUNCTION), is_exact=False)
    span = Span(first_minute=minute, end_minute=minute + 5, period_minutes=5)
    found = await stores.metrics.periods(selection, span, with_buckets=False)
    assert found[0].total == 1


async def test_the_page_says_how_much_is_queued(stores):
    async def queued() -> Any:
        others = ("000000000000", "us-east-1", "g")
        return {(FUNCTION, "waiting"): 2, (others, "waiting"): 3, (others, "failed"): 1}

    config: Any = SimpleNamespace(metrics_days=15)
    async with open_measurements(config, stores, Metrics()) as measurements:
        page = await prometheus_page(measurements, queued)
    assert 'lambent_queued_events{state="waiting"} 5\n' in page
    assert 'lambent_queued_events{state="failed"} 1\n' in page
