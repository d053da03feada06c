"""A share of processor time, as the kernel's bandwidth control wants it."""

from __future__ import annotations

# AWS throttles in periods of 20 ms: a 128 MB function runs 1.4 ms of each. The kernel's default of
# 100 ms would let the same function stand still for 93 ms at a time.
PERIOD_US = 20_000
_SMALLEST_QUOTA_US = 1_000  # the kernel takes no less


def quota_us(cpus: float) -> int:
    """Microseconds of processor time in each period."""
    return max(_SMALLEST_QUOTA_US, round(cpus * PERIOD_US))
