from __future__ import annotations

from typing import Any

import pytest

from lambent.domain.metric import Aggregate, MeasuredMinute, MetricSelection, Series, Span
from lambent.store.metrics import MetricStore

ACCOUNT, REGION = "000000000000", "us-east-1"


@pytest.fixture
def metrics(database):
    return MetricStore(database)


def series(name="f", resource=None, executed_version="", region=REGION):
    return Series(ACCOUNT, region, name, name if resource is None else resource, executed_version)


def measured(minute, *values, of=None, metric="Duration"):
    aggregate = Aggregate(buckets={} if metric == "Duration" else None)
    for value in values:
        aggregate.add(value)
    return MeasuredMinute(series=of or series(), metric=metric, minute=minute, aggregate=aggregate)


def selection(metric="Duration", *, is_exact=False, **dimensions):
    wanted = Series(ACCOUNT, REGION, **dimensions)
    return MetricSelection(metric=metric, series=wanted, is_exact=is_exact)


async def totals(metrics, selected, first=0, end=100, period=1, with_buckets=False):
    span = Span(first_minute=first, end_minute=end, period_minutes=period)
    found = await metrics.periods(selected, span, with_buckets=with_buckets)
    return {number: aggregate.total for number, aggregate in found.items()}


async def test_minutes_are_summed_up_by_period(metrics):
    await metrics.add([measured(minute, minute) for minute in (9, 10, 11, 14, 15)])
    assert await totals(metrics, selection(), 10, 20, 5) == {0: 35, 1: 15}
    assert await totals(metrics, selection(), 10, 20, 5, with_buckets=True) == {0: 35, 1: 15}


async def test_a_period_has_the_least_and_most_of_its_minutes(metrics):
    await metrics.add([measured(0, 5, 7), measured(1, 1, 9)])
    span = Span(first_minute=0, end_minute=2, period_minutes=2)
    [aggregate] = (await metrics.periods(selection(), span, with_buckets=True)).values()
    assert (aggregate.count, aggregate.least, aggregate.most) == (4, 1, 9)
    assert aggregate.percentile(50) == pytest.approx(5, rel=0.05)


async def test_what_is_written_again_of_a_minute_is_added(metrics):
    await metrics.add([measured(3, 1.0)])
    await metrics.add([measured(3, 2.0), measured(3, 4.0, of=series("g"))])
    span = Span(first_minute=3, end_minute=4, period_minutes=1)
    found = await metrics.periods(selection(name="f"), span, with_buckets=True)
    assert (found[0].count, found[0].total, sum(found[0].buckets.values())) == (2, 3.0, 2)
    assert await totals(metrics, selection()) == {3: 7.0}


async def test_dimensions_that_are_not_named_are_summed_up(metrics):
    await metrics.add(
        [
            measured(0, 1),
            measured(0, 2, of=series(resource="f:live", executed_version="1")),
            measured(0, 4, of=series(resource="f:live", executed_version="2")),
            measured(0, 8, of=series("g")),
            measured(0, 16, of=series(region="eu-west-1")),
        ]
    )
    assert await totals(metrics, selection()) == {0: 15}
    assert await totals(metrics, selection(name="f")) == {0: 7}
    assert await totals(metrics, selection(name="f", resource="f:live")) == {0: 6}
    of_version = selection(name="f", resource="f:live", executed_version="2")
    assert await totals(metrics, of_version) == {0: 4}


async def test_levels_are_those_of_exactly_the_dimensions(metrics):
    level = "ConcurrentExecutions"
    await metrics.add(
        [
            measured(0, 3, of=series("", ""), metric=level),
            measured(0, 2, of=series("f", ""), metric=level),
            measured(0, 1, of=series("f"), metric=level),
        ]
    )
    assert await totals(metrics, selection(level, is_exact=True)) == {0: 3}
    assert await totals(metrics, selection(level, is_exact=True, name="f")) == {0: 2}


async def test_series_are_listed_with_what_is_recent(metrics):
    await metrics.add(
        [measured(5, 1), measured(9, 1, of=series("b")), measured(9, 1, of=series("a"))]
    )
    listed = await metrics.series(ACCOUNT, REGION, 6)
    assert set(listed) == {(series("a"), "Duration"), (series("b"), "Duration")}
    assert await metrics.series(ACCOUNT, "eu-west-1", 0) == []


async def test_what_is_old_is_forgotten_with_its_series(metrics):
    await metrics.add([measured(5, 1), measured(6, 1, of=series("g"))])
    await metrics.expire(6)
    assert await totals(metrics, selection()) == {6: 1}
    assert await metrics.series(ACCOUNT, REGION, 0) == [(series("g"), "Duration")]


async def test_series_are_found_again_after_they_were_forgotten(metrics):
    await metrics.add([measured(1, 1)])
    await metrics.expire(2)
    await metrics.add([measured(3, 2)])
    assert await totals(metrics, selection()) == {3: 2}
    assert await metrics.series(ACCOUNT, REGION, 0) == [(series(), "Duration")]


async def test_what_could_not_be_written_leaves_nothing_behind(metrics):
    nothing: Any = None
    broken = MeasuredMinute(series=series(), metric="Errors", minute=1, aggregate=nothing)
    with pytest.raises(AttributeError):
        await metrics.add([measured(1, 1, metric="Errors"), broken])
    assert await totals(metrics, selection("Errors")) == {}
    await metrics.add([measured(1, 1, metric="Errors")])
    assert await totals(metrics, selection("Errors")) == {1: 1}


async def test_one_minute_may_be_measured_in_parts(metrics):
    await metrics.add([measured(1, 1), measured(1, 2)])
    assert await totals(metrics, selection()) == {1: 3}
