"""What a function's own log lines say of themselves, when it logs as JSON.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import NoReturn

# From the most detailed on. Python and syslog have other names for some.
_RANKS = {
    "TRACE": 1,
    "DEBUG": 2,
    "INFO": 3,
    "WARN": 4,
    "WARNING": 4,
    "ERROR": 5,
    "FATAL": 6,
    "CRITICAL": 6,
}
_TIME_KEYS = ("timestamp", "Timestamp", "time", "Time", "@timestamp")
_LEVEL_KEYS = ("level", "Level", "log_level")
# What is longer is text: parsing happens in the event loop, and 256 KiB take a millisecond or two.
_MAX_PARSED_CHARACTERS = 256 * 1024


def meets(level: str, least: str) -> bool:
    """Whether something of that level is to be logged where `least` is the least that is."""
    return _RANKS[level] >= _RANKS[least]


def is_wanted(level: str | None, least: str) -> bool:
    """The same for a function's line, where no level means plain text, which is always logged."""
    return level is None or meets(level, least)


def level_and_time(line: str, received_ms: int) -> tuple[str | None, int]:
    """The level and the time (in ms since 1970) a line gives itself.

    A JSON object without a proper level, or without a proper time, is of level INFO, and a line
    that is no JSON object has no level. What has no time of its own has the one it was received at.
    """
    document = as_json_object(line)
    if document is None:
        return None, received_ms
    at_ms = _time_in(document)
    if at_ms is None:
        return "INFO", received_ms
    return _level_in(document), at_ms


def as_json_object(line: str) -> dict[str, object] | None:
    """The JSON object a line is, if it is one."""
    if not line.startswith("{") or len(line) > _MAX_PARSED_CHARACTERS:
        return None
    try:
        document = json.loads(line, parse_constant=_refuse_constant)
    # A function can write any nesting and any number of digits.
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _refuse_constant(name: str) -> NoReturn:
    """NaN and Infinity, which Python takes, are no JSON, and would be none for a subscriber."""
    raise ValueError(name)


def _level_in(document: dict[str, object]) -> str:
    for key in _LEVEL_KEYS:
        level = document.get(key)
        if isinstance(level, str) and level.upper() in _RANKS:
            return level.upper()
    return "INFO"


def _time_in(document: dict[str, object]) -> int | None:
    for key in _TIME_KEYS:
        text = document.get(key)
        if isinstance(text, str):
            return _rfc_3339_ms(text)
    return None


def _rfc_3339_ms(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text.upper())
        if moment.tzinfo is None or "T" not in text.upper():
            return None
        return int(moment.astimezone(UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
