from __future__ import annotations

import asyncio
from contextlib import nullcontext
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from lambent.domain.metric import MetricSelection, Series, Span
from lambent.telemetry.metrics import measurements as measurements_module
from lambent.telemetry.metrics.measurements import Measurements

ACCOUNT = Series("000000000000", "us-east-1")
ALL = MetricSelection(metric="Invocations", series=ACCOUNT, is_exact=False)


async def totals(measurements, clock, before=10):
    span = Span(first_minute=clock.minute - before, end_minute=clock.minute + 1, period_minutes=1)
    found = await measurements.periods(ALL, span, with_buckets=False)
    return {number - before: aggregate.total for number, aggregate in found.items()}


class FullDisk:
    def __init__(self, store):
        self.store = store
        self.is_full = True

    async def add(self, measured):
        if self.is_full:
            raise OperationalError("insert", {}, Exception("disk full"))
        await self.store.add(measured)

    def __getattr__(self, name):
        return getattr(self.store, name)


async def test_what_is_in_memory_and_in_the_database_is_one(measurements, clock, function):
    function().add("Invocations")
    assert await totals(measurements, clock) == {0: 1}
    await measurements.write()
    assert await totals(measurements, clock) == {0: 1}
    function().add("Invocations")
    clock.minute += 1
    await measurements.write()
    function().add("Invocations")
    assert await totals(measurements, clock) == {-1: 2, 0: 1}


async def test_they_outlive_the_server(measurements, metrics, store, clock, function):
    function().add("Invocations")
    await measurements.write()
    again = Measurements(metrics, store, 15)
    function().add("Invocations")
    await again.write()
    assert await totals(again, clock) == {0: 2}


async def test_what_can_not_be_written_is_tried_again(metrics, store, clock, function, caplog):
    disk: Any = FullDisk(store)
    measurements = Measurements(metrics, disk, 15)
    function().add("Invocations")
    await measurements.write()
    assert "could not be written" in caplog.text
    assert await totals(measurements, clock) == {0: 1}
    disk.is_full = False
    clock.minute += 1
    await measurements.write()
    assert await totals(measurements, clock) == {-1: 1}


async def test_more_than_fits_one_transaction_is_written(
    measurements, clock, function, monkeypatch
):
    monkeypatch.setattr(measurements_module, "MOST_AT_ONCE", 2)
    for number in range(5):
        function(f"f{number}").add("Invocations")
    await measurements.write()
    assert await totals(measurements, clock) == {0: 5}


async def test_a_write_that_is_cut_off_is_not_written_again(
    measurements, store, clock, function, monkeypatch
):
    function().add("Invocations")
    begun, slept = asyncio.Event(), asyncio.sleep
    add = store.add

    async def slow_add(measured):
        begun.set()
        await slept(0)
        await add(measured)

    async def sleep(seconds):
        await slept(0)

    monkeypatch.setattr(store, "add", slow_add)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    running = asyncio.create_task(measurements.run())
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await measurements.write()
    assert await totals(measurements, clock) == {0: 1}


async def test_what_waits_is_bounded(metrics, store, clock, function, monkeypatch, caplog):
    monkeypatch.setattr(measurements_module, "_MAX_UNWRITTEN", 2)
    disk: Any = FullDisk(store)
    measurements = Measurements(metrics, disk, 15)
    for minute in range(4):
        function().add("Invocations")
        clock.minute += minute > 0
        await measurements.write()
    assert len(await totals(measurements, clock)) == 2
    assert "1 measurements are lost" in caplog.text


async def test_each_minute_is_written_and_what_is_old_removed(
    measurements, store, clock, function, monkeypatch
):
    function().add("Invocations")
    await measurements.write()
    slept = []

    async def sleep(seconds):
        slept.append(seconds)
        clock.minute += 16 * 24 * 60 if len(slept) == 1 else 1
        clock.minute -= clock.minute % 60
        if len(slept) == 3:
            raise asyncio.CancelledError

    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await measurements.run()
    assert slept[0] == pytest.approx(60, abs=0.01)
    assert await store.series(*ACCOUNT[:2], 0) == []


async def test_series_are_those_in_memory_too(measurements, clock, function):
    function("written").add("Invocations")
    await measurements.write()
    function("measured").add("Errors")
    found = await measurements.series(*ACCOUNT[:2], clock.minute)
    assert {(series.name, metric) for series, metric in found} == {
        ("written", "Invocations"),
        ("measured", "Errors"),
    }
    assert await measurements.series(*ACCOUNT[:2], clock.minute + 1) == set()
    assert await measurements.series(ACCOUNT.account_id, "eu-west-1", 0) == set()


async def test_totals_are_since_the_start_without_levels(measurements, clock, function):
    with function().at_work(nullcontext(), is_reserved=False, provisioned=0):
        function().add("Invocations")
    await measurements.write()
    function().add("Invocations")
    [(series, by_metric)] = measurements.totals().items()
    assert series.name == "f"
    assert {metric: each.total for metric, each in by_metric.items()} == {"Invocations": 2}


async def test_a_function_that_is_gone_has_no_totals(measurements, clock, function):
    function("f").add("Invocations")
    function("g").add("Invocations")
    await measurements.write()
    measurements.forget(*ACCOUNT[:2], "f", "1")
    await measurements.write()
    assert len(measurements.totals()) == 2
    function("f").add("Invocations")
    measurements.forget(*ACCOUNT[:2], "f", None)
    await measurements.write()
    assert [series.name for series in measurements.totals()] == ["g"]
    assert await totals(measurements, clock) == {0: 3}
