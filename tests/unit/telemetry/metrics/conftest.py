from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lambent.domain.caller import Caller
from lambent.store.database import Database
from lambent.store.metrics import MetricStore
from lambent.telemetry.metrics import measurements as measurements_module
from lambent.telemetry.metrics.measurements import Measurements
from lambent.telemetry.metrics.recorder import Metrics

ACCOUNT, REGION = "000000000000", "us-east-1"


class Clock:
    """Stands at a minute of its own."""

    def __init__(self):
        self.minute = 30_000_000

    def now_ms(self):
        return self.minute * 60_000 + 1

    def at(self, minutes):
        """The time that many minutes from now."""
        return datetime.fromtimestamp((self.minute + minutes) * 60, UTC)

    def window(self, before, after=1):
        return {"StartTime": self.at(-before), "EndTime": self.at(after)}


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(measurements_module, "now_ms", clock.now_ms)
    return clock


@pytest.fixture
async def store(tmp_path):
    async with Database.open(tmp_path / "lambent.sqlite") as database:
        yield MetricStore(database)


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def measurements(metrics, store, clock):
    return Measurements(metrics, store, 15)


@pytest.fixture
def function(metrics):
    """Answers the metrics of function f, as it is invoked now."""
    return lambda name="f", qualifier=None, version=None: metrics.of(
        ACCOUNT, REGION, name, qualifier, version
    )


@pytest.fixture
def caller():
    return Caller(account_id=ACCOUNT, region=REGION, request_id="r")
