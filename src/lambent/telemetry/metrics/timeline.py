"""The time that a request for metrics is of."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lambent.domain.errors import ServiceError
from lambent.domain.metric import Span

if TYPE_CHECKING:
    from collections.abc import Mapping

_MINUTE = 60
# Of metrics with a finer resolution than those of Lambda's, which give a minute's data.
_SHORT_PERIODS = (1, 5, 10, 20, 30)


def checked_period(seconds: int) -> int:
    """In minutes, at least one. Raises ServiceError."""
    if seconds not in _SHORT_PERIODS and (seconds <= 0 or seconds % _MINUTE):
        raise ServiceError(
            "InvalidParameterValueException",
            "The parameter Period must be 1, 5, 10, 20, 30, or a multiple of 60.",
        )
    return max(1, seconds // _MINUTE)


def span_of(request: Mapping[str, Any], period_minutes: int) -> Span:
    """From the minute that StartTime is in until before EndTime. Raises ServiceError."""
    start, end = request["StartTime"].timestamp(), request["EndTime"].timestamp()
    if start >= end:
        raise ServiceError(
            "InvalidParameterValueException",
            "The parameter StartTime must be less than the parameter EndTime.",
        )
    return Span(
        first_minute=math.floor(start / _MINUTE),
        end_minute=math.ceil(end / _MINUTE),
        period_minutes=period_minutes,
    )


def start_of(period: int, span: Span) -> datetime:
    """When the period of this number begins."""
    minute = span.first_minute + period * span.period_minutes
    return datetime.fromtimestamp(minute * _MINUTE, UTC)
