from __future__ import annotations

import pytest

from lambent.invocation.asynchronous.queue_clock import QueueClock


@pytest.mark.parametrize(("factor", "milliseconds"), [(1, 60_000), (60, 1000), (0.5, 120_000)])
def test_waits_and_ages_pass_as_fast_as_the_factor_says(factor, milliseconds):
    clock = QueueClock(now_ms=lambda: 5_000_000, factor=factor)
    assert clock.after(60) == 5_000_000 + milliseconds
    assert clock.end_of_age(7_000_000, 60) == 7_000_000 + milliseconds


def test_parts_of_milliseconds_are_rounded():
    assert QueueClock(now_ms=lambda: 0).after(0.0016) == 2
