"""The time log events carry."""

from __future__ import annotations

import time
from datetime import UTC, datetime

_LAST_MS = 253_402_300_799_999  # of the year 9999, the last with four digits


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def iso_time(at_ms: int) -> str:
    """`2026-01-31T12:00:00.123Z`. Functions may claim any time: it is brought into 1970 to 9999."""
    seconds, milliseconds = divmod(min(max(at_ms, 0), _LAST_MS), 1000)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds:03}Z"
