from __future__ import annotations

import pytest

from lambent.sandbox.control_groups.shares import PERIOD_US, quota_us


@pytest.mark.parametrize(
    ("cpus", "quota"),
    [(1.0, PERIOD_US), (0.5, PERIOD_US // 2), (6.0, 6 * PERIOD_US), (0.001, 1000)],
)
def test_a_share_of_the_period_and_never_less_than_the_kernel_takes(cpus, quota):
    assert quota_us(cpus) == quota
