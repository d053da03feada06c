from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from lambent.protocol.timestamps import HTTP_DATE, ISO, UNIX, format_timestamp, parse_timestamp

NOON = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        1769860800,
        1769860800.0,
        "1769860800",
        "2026-01-31T12:00:00Z",
        "2026-01-31T12:00:00",
        "2026-01-31T14:00:00+02:00",
        "Sat, 31 Jan 2026 12:00:00 GMT",
    ],
)
def test_every_format_is_understood(written):
    assert parse_timestamp(written) == NOON
    assert parse_timestamp(written).tzinfo is UTC


@pytest.mark.parametrize(
    "written",
    [
        "",
        "x",
        "Sat",
        "2026-13-01T00:00:00Z",
        1e300,
        -1e300,
        "1e999",
        "nan",
        "0001-01-01T00:00+10:00",
    ],
)
def test_what_is_no_instant_is_a_value_error(written):
    with pytest.raises(ValueError, match="not an instant"):
        parse_timestamp(written)


@pytest.mark.parametrize(
    ("style", "text"),
    [
        (UNIX, 1769860800),
        (ISO, "2026-01-31T12:00:00Z"),
        (HTTP_DATE, "Sat, 31 Jan 2026 12:00:00 GMT"),
    ],
)
def test_each_format_is_written_in_utc(style, text):
    elsewhere = NOON.astimezone(timezone(timedelta(hours=5)))
    assert format_timestamp(elsewhere, style) == text


def test_milliseconds_are_kept_where_the_format_has_them():
    moment = NOON + timedelta(milliseconds=250)
    assert format_timestamp(moment, UNIX) == 1769860800.25
    assert format_timestamp(moment, ISO) == "2026-01-31T12:00:00.250Z"
    assert parse_timestamp(1769860800.25) == moment
