from __future__ import annotations

import time
from dataclasses import replace

import pytest
from tests.unit.execution_environment.fakes import RUNTIME, VERSION

from lambent.execution_environment.apis.extension import Extension
from lambent.execution_environment.initialization import Initialization, init_seconds


class RecordingLog:
    stream_name = "stream"

    def __init__(self, *, wants_records=True):
        self.wants_records = wants_records
        self.unheard: frozenset[str] = frozenset()
        self.events = []

    def hears(self, event_type):
        return event_type not in self.unheard

    def platform(self, event):
        self.events.append(event)

    @property
    def types(self):
        return [event.type.removeprefix("platform.") for event in self.events]


def begun(log, kind="on-demand", phase="init"):
    return Initialization(log, VERSION, RUNTIME, kind, phase, time.monotonic())


@pytest.mark.parametrize("phase", ["init", "invoke"])
def test_a_good_init_is_told_from_its_start_to_its_report(phase):
    log = RecordingLog()
    initialization = begun(log, phase=phase)
    initialization.runtime_done()
    initialization.end([Extension("watcher", is_external=True)])
    assert log.types == ["initStart", "initRuntimeDone", "extension", "initReport"]
    assert {log.events[0].phase, log.events[1].phase, log.events[3].phase} == {phase}
    assert (log.events[3].status, log.events[3].error_type) == ("success", None)
    assert log.events[0].instance_id == "stream"


def test_a_failed_one_has_its_status_everywhere():
    log = RecordingLog()
    begun(log).end([], "error", "Extension.Crash")
    assert log.types == ["initStart", "initRuntimeDone", "initReport"]
    assert {event.status for event in log.events[1:]} == {"error"}
    assert {event.error_type for event in log.events[1:]} == {"Extension.Crash"}


def test_an_extension_that_fails_after_the_runtime_was_ready_is_not_the_runtime_s_failure():
    log = RecordingLog()
    initialization = begun(log)
    initialization.runtime_done()
    initialization.end([], "error", "Extension.Crash")
    assert [event.status for event in log.events[1:]] == ["success", "error"]


def test_what_nobody_hears_is_not_told():
    log = RecordingLog(wants_records=False)
    begun(log).end([])
    assert log.types == ["initStart", "initReport"]


@pytest.mark.parametrize(
    ("kind", "allowed", "seconds"),
    [
        ("on-demand", 900, 10),
        ("provisioned-concurrency", 3, 130),
        ("provisioned-concurrency", 900, 900),
        ("snap-start", 131, 131),
    ],
)
def test_only_an_init_ahead_of_time_may_take_long(kind, allowed, seconds):
    assert init_seconds(replace(VERSION, timeout_seconds=allowed), kind) == seconds
