from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lambent.domain.errors import ServiceError
from lambent.telemetry.metrics.timeline import checked_period, span_of, start_of

START = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "minutes"), [(60, 1), (300, 5), (1, 1), (30, 1), (86_400, 1440)]
)
def test_periods_are_whole_minutes(seconds, minutes):
    assert checked_period(seconds) == minutes


@pytest.mark.parametrize("seconds", [0, -60, 59, 61, 2])
def test_other_periods_are_refused(seconds):
    with pytest.raises(ServiceError, match="Period"):
        checked_period(seconds)


def test_the_first_period_begins_with_the_minute_of_the_start():
    span = span_of({"StartTime": START, "EndTime": START + timedelta(minutes=10)}, 5)
    assert span.end_minute - span.first_minute == 11
    assert start_of(0, span) == datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
    assert start_of(1, span) == datetime(2026, 1, 1, 12, 5, tzinfo=UTC)
    assert [span.period_of(span.first_minute + minute) for minute in (0, 4, 5, 10)] == [0, 0, 1, 2]


def test_the_minute_that_begins_at_the_end_is_not_of_it():
    start = START.replace(second=0)
    span = span_of({"StartTime": start, "EndTime": start + timedelta(minutes=1)}, 1)
    assert span.end_minute - span.first_minute == 1


def test_time_has_a_direction():
    with pytest.raises(ServiceError, match="less than the parameter EndTime"):
        span_of({"StartTime": START, "EndTime": START}, 1)
