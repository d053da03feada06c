from __future__ import annotations

import pytest

from lambent.telemetry.clock import iso_time


@pytest.mark.parametrize(
    ("at_ms", "text"),
    [
        (1_769_860_800_123, "2026-01-31T12:00:00.123Z"),
        (1_769_860_800_000, "2026-01-31T12:00:00.000Z"),
        (0, "1970-01-01T00:00:00.000Z"),
        (-5, "1970-01-01T00:00:00.000Z"),
        (2**64, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_times_are_told_in_milliseconds_and_functions_cannot_leave_the_calendar(at_ms, text):
    assert iso_time(at_ms) == text
