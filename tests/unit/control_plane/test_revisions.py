from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given, strategies as st

from lambent.control_plane.revisions import aws_time, time_after

MOMENTS = st.datetimes(
    min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)
)


def test_times_are_written_as_aws_writes_them():
    moment = datetime(2026, 1, 31, 13, 0, 0, 7999, tzinfo=timezone(timedelta(hours=1)))
    assert aws_time(moment) == "2026-01-31T12:00:00.007+0000"


def test_time_goes_on_with_the_clock():
    now = datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert time_after("2026-01-31T11:59:59.000+0000", now) == aws_time(now)


@given(MOMENTS, MOMENTS)
def test_time_never_stands_still_or_goes_back(previous, now):
    before = aws_time(previous)
    assert time_after(before, now) > before
    assert len(time_after(before, now)) == len(before)
