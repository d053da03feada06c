from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.execution_environment.fakes import VERSION, FakeLogs

from lambent.domain.function import LoggingConfiguration
from lambent.domain.quotas import LOG_TAIL_BYTES
from lambent.execution_environment.output.environment_log import EnvironmentLog
from lambent.telemetry.extension_events import LogsDropped
from lambent.telemetry.platform_events import End, Report, RuntimeDone, Start, TimedOut

NOON_MS = 1_769_860_800_123
START = Start(request_id="r-1", version="$LATEST")
DONE = RuntimeDone(request_id="r-1", duration=1.5)
END = End(request_id="r-1")
REPORT = Report(request_id="r-1", duration=2, memory_size_mib=128, max_memory_used_mib=30)


class FakeSubscriptions:
    def __init__(self) -> None:
        self.said: list[tuple[Any, ...]] = []

    def publish_platform(self, *said: Any) -> None:
        self.said.append(said)

    def publish_line(self, *said: Any) -> None:
        self.said.append(said)


class Logged:
    """A log, the stream it writes, and a subscriber if the test wants one."""

    def __init__(self, **logging: Any) -> None:
        logs: Any = FakeLogs()
        self.log = EnvironmentLog(replace(VERSION, logging=LoggingConfiguration(**logging)), logs)
        [self.stream] = logs.streams
        self.subscriptions: Any = FakeSubscriptions()

    def subscribe(self) -> None:
        self.log.subscriptions = self.subscriptions

    @property
    def events(self) -> list[tuple[int, str]]:
        return list(self.stream.events)

    @property
    def documents(self) -> list[Any]:
        return [json.loads(message) for _, message in self.events]


@pytest.fixture
async def text():
    return Logged()


@pytest.fixture
async def in_json():
    return Logged(log_format="JSON", application_log_level="WARN", system_log_level="INFO")


async def test_each_environment_has_a_stream_of_its_own_in_the_function_s_group(text):
    assert text.stream.names == {
        "account_id": VERSION.account_id,
        "region": VERSION.region,
        "group": "/aws/lambda/greet",
        "stream": text.log.stream_name,
    }
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", text.log.stream_name)
    assert text.log.stream_name.endswith(text.log.environment_id)
    assert len(text.log.environment_id) == 32
    assert Logged().log.environment_id != text.log.environment_id


async def test_in_a_shared_group_streams_have_the_function_s_name():
    logged = Logged(log_group="shared")
    assert logged.stream.names["group"] == "shared"
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/greet\[\$LATEST\][0-9a-f]{32}", logged.log.stream_name)
    assert len(logged.log.environment_id) == 32


async def test_a_text_log_has_the_classical_lines(text):
    for event in (START, DONE, END, REPORT):
        text.log.platform(event, NOON_MS)
    assert text.events == [(NOON_MS, event.text()) for event in (START, END, REPORT)]


async def test_a_json_log_has_records(in_json):
    for event in (START, END, REPORT):
        in_json.log.platform(event, NOON_MS)
    assert in_json.documents == [
        {"time": "2026-01-31T12:00:00.123Z", "type": event.type, "record": event.record()}
        for event in (START, REPORT)
    ]
    assert all(message.endswith("}\n") for _, message in in_json.events)


@pytest.mark.parametrize(
    ("level", "types"),
    [
        ("DEBUG", ["platform.start", "platform.runtimeDone", "platform.report"]),
        ("INFO", ["platform.start", "platform.report"]),
        ("WARN", []),
    ],
)
async def test_the_system_level_says_which_records(level, types):
    logged = Logged(log_format="JSON", system_log_level=level)
    for event in (START, DONE, END, REPORT):
        logged.log.platform(event)
    assert [each["type"] for each in logged.documents] == types


async def test_failures_are_in_the_quietest_log():
    logged = Logged(log_format="JSON", system_log_level="WARN")
    logged.log.platform(replace(REPORT, status="timeout"))
    assert [each["record"]["status"] for each in logged.documents] == ["timeout"]


async def test_a_time_out_is_the_line_alarms_look_for_in_every_format(in_json, text):
    event = TimedOut(request_id="r-1", timeout_seconds=3, at_ms=NOON_MS)
    for logged in (in_json, text):
        logged.log.platform(event, NOON_MS)
        assert logged.events == [(NOON_MS, event.text())]


async def test_text_logs_take_every_line(text):
    text.log.function(5, "plain\n")
    text.log.function(6, "frame", "TRACE")
    text.log.function(7, '{"level": "trace", "timestamp": "2026-01-31T12:00:00Z"}\n')
    assert [at for at, _ in text.events] == [5, 6, 7]


async def test_json_logs_leave_out_what_is_below_the_application_level(in_json):
    in_json.log.function(5, "frame at info", "INFO")
    in_json.log.function(6, '{"level": "info", "timestamp": "2026-01-31T12:00:00Z"}\n')
    in_json.log.function(7, '{"no": "level"}\n')
    in_json.log.function(8, "frame at warn", "WARN")
    in_json.log.function(9, "plain\n")
    in_json.log.function(10, "frame without a level", None)
    assert [message for _, message in in_json.events] == [
        "frame at warn",
        "plain\n",
        "frame without a level",
    ]


async def test_a_json_line_is_an_event_of_its_own_time(in_json):
    line = '{"level": "error", "timestamp": "2026-01-31T12:00:00.123Z"}\n'
    in_json.log.function(5, line)
    assert in_json.events == [(NOON_MS, line)]


async def test_what_extensions_say_is_logged_at_any_level(in_json):
    in_json.log.extension(5, '{"level": "debug", "timestamp": "2026-01-31T12:00:00.123Z"}\n')
    assert [at for at, _ in in_json.events] == [5]


async def test_subscribers_hear_everything_whatever_the_levels():
    logged = Logged(log_format="JSON", application_log_level="FATAL", system_log_level="WARN")
    logged.subscribe()
    logged.log.platform(START, NOON_MS)
    logged.log.platform(DONE, NOON_MS)
    logged.log.function(5, '{"level": "info"}\n')
    logged.log.function(6, "plain\r\n", "INFO")
    logged.log.extension(7, "extension\n")
    assert logged.subscriptions.said == [
        (START, NOON_MS),
        (DONE, NOON_MS),
        ("function", {"level": "info"}, 5),
        ("function", "plain", 6),
        ("extension", "extension", 7),
    ]


async def test_in_text_mode_subscribers_hear_text(text):
    text.subscribe()
    text.log.function(5, '{"level": "info"}\n')
    assert text.subscriptions.said == [("function", '{"level": "info"}', 5)]


async def test_what_is_recorded_only_no_subscriber_hears(in_json):
    in_json.subscribe()
    in_json.log.record(LogsDropped(reason="slow", dropped_records=2, dropped_bytes=9), NOON_MS)
    assert [each["type"] for each in in_json.documents] == ["platform.logsDropped"]
    assert in_json.subscriptions.said == []


async def test_records_are_wanted_where_somebody_may_see_them(text, in_json):
    assert not text.log.wants_records
    assert in_json.log.wants_records
    text.subscribe()
    assert text.log.wants_records


async def test_what_a_stream_does_not_want_is_heard_by_subscribers_and_in_a_tail(text):
    text.stream.unwanted = frozenset({"platform.start"})
    assert not text.log.hears("platform.start")
    assert text.log.hears("platform.report")
    text.log.begin_tail()
    assert text.log.hears("platform.start")
    text.log.end_tail()
    text.subscribe()
    assert text.log.hears("platform.start")


async def test_a_tail_is_the_log_between_its_begin_and_its_end(text):
    text.log.function(5, "before\n")
    text.log.begin_tail()
    text.log.platform(START)
    text.log.function(6, "frame without an end of line", "INFO")
    text.log.platform(END)
    assert text.log.end_tail().decode() == (
        f"{START.text()}frame without an end of line\n{END.text()}"
    )
    text.log.function(7, "after\n")
    assert text.log.end_tail() == b""


async def test_a_tail_is_the_end_of_a_long_log(text):
    text.log.begin_tail()
    for number in range(9999):
        text.log.function(5, f"{number}\n")
    tail = text.log.end_tail()
    assert len(tail) == LOG_TAIL_BYTES
    assert tail.endswith(b"\n9998\n")


async def test_a_tail_in_json_has_what_the_log_has(in_json):
    in_json.log.begin_tail()
    in_json.log.platform(START, NOON_MS)
    in_json.log.function(5, "left out", "INFO")
    in_json.log.function(5, '{"level": "ERROR"}', "ERROR")
    in_json.log.platform(REPORT, NOON_MS)
    lines = in_json.log.end_tail().decode().splitlines()
    assert [json.loads(line).get("type", "application") for line in lines] == [
        "platform.start",
        "application",
        "platform.report",
    ]


async def test_a_full_log_is_waited_for(text):
    assert not text.log.is_congested()
    text.stream.congest()
    assert text.log.is_congested()
    text.stream.relieve()
    await text.log.wait_writable()


async def test_a_frame_stays_behind_what_was_printed_before_it(text, monkeypatch):
    """As the first tutorial's two lines: print, whose text is read a millisecond late, and log."""
    monkeypatch.setattr("lambent.execution_environment.output.environment_log.now_ms", lambda: 13)
    text.log.function(12, "The area is 42\n")
    text.log.framed(11, "logged", None)
    assert text.events == [(12, "The area is 42\n"), (12, "logged")]


async def test_a_frame_says_when_it_was_written_but_cannot_name_the_future(text, monkeypatch):
    monkeypatch.setattr("lambent.execution_environment.output.environment_log.now_ms", lambda: 13)
    text.log.framed(5, "in time", None)
    text.log.framed(NOON_MS, "far ahead", None)
    text.log.framed(6, "after that", None)
    assert text.events == [(5, "in time"), (13, "far ahead"), (13, "after that")]


async def test_what_a_stream_does_not_want_of_the_platform_is_in_the_tail_all_the_same(text):
    text.stream.unwanted = frozenset({"platform.start", "platform.end"})
    text.log.platform(START)
    text.log.begin_tail()
    text.log.platform(START)
    text.log.function(NOON_MS, "the function's\n")
    text.log.platform(END)
    assert text.stream.messages == ["the function's\n"]
    assert [line.split()[0] for line in text.log.end_tail().decode().splitlines()] == [
        "START",
        "the",
        "END",
    ]
