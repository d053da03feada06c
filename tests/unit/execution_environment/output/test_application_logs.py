from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from lambent.execution_environment.output.application_logs import (
    as_json_object,
    is_wanted,
    level_and_time,
    meets,
)

RECEIVED_MS = 42
NOON = "2026-01-31T12:00:00.123Z"
NOON_MS = 1_769_860_800_123
LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]


@pytest.mark.parametrize("least", LEVELS)
def test_a_level_is_met_by_itself_and_what_is_worse(least):
    assert [each for each in LEVELS if meets(each, least)] == LEVELS[LEVELS.index(least) :]


@pytest.mark.parametrize("least", LEVELS)
def test_plain_text_is_always_logged(least):
    assert is_wanted(None, least)


@pytest.mark.parametrize(
    ("told", "level"),
    [
        *((each, each) for each in LEVELS),
        ("debug", "DEBUG"),
        ("Warning", "WARNING"),
        ("critical", "CRITICAL"),
        ("loud", "INFO"),
        ("", "INFO"),
        (3, "INFO"),
        (None, "INFO"),
    ],
)
def test_a_json_line_has_the_level_it_says_and_info_otherwise(told, level):
    line = json.dumps({"level": told, "msg": "x", "timestamp": NOON})
    assert level_and_time(line, RECEIVED_MS) == (level, NOON_MS)


def test_a_json_line_without_a_level_is_of_level_info():
    assert level_and_time(json.dumps({"timestamp": NOON}), RECEIVED_MS) == ("INFO", NOON_MS)


@pytest.mark.parametrize(
    ("time", "at_ms"),
    [
        ("2026-01-31T12:00:00Z", NOON_MS - 123),
        ("2026-01-31T12:00:00.123999z", NOON_MS),
        ("2026-01-31t13:00:00.123+01:00", NOON_MS),
    ],
)
@pytest.mark.parametrize("key", ["timestamp", "time", "Timestamp", "@timestamp"])
def test_a_json_line_has_the_time_it_says(key, time, at_ms):
    line = json.dumps({"level": "ERROR", key: time})
    assert level_and_time(line, RECEIVED_MS) == ("ERROR", at_ms)


@pytest.mark.parametrize(
    "time", ["now", "2026-01-31", "2026-01-31T12:00:00", "12:00", 1769860800, None, "", "9" * 5000]
)
def test_without_a_proper_time_a_line_is_of_level_info_and_of_now(time):
    line = json.dumps({"level": "DEBUG", "timestamp": time})
    assert level_and_time(line, RECEIVED_MS) == ("INFO", RECEIVED_MS)


@pytest.mark.parametrize(
    "line",
    [
        "plain",
        "",
        "[1]",
        '"text"',
        "{",
        '{"level": "ERROR"',
        '{"a": NaN}',
        '{"a":' * 100_000,
        '{"a": ' + "9" * 5000 + "}",
        '{"a": "' + "x" * 300_000 + '"}',
    ],
)
def test_what_is_no_json_object_is_text(line):
    assert as_json_object(line) is None
    assert level_and_time(line, RECEIVED_MS) == (None, RECEIVED_MS)


@given(st.text() | st.dictionaries(st.text(), st.text()).map(json.dumps))
def test_no_line_is_too_odd(line):
    level, at_ms = level_and_time(line, RECEIVED_MS)
    assert is_wanted(level, "TRACE")
    assert isinstance(at_ms, int)
