from __future__ import annotations

import time

from tests.unit.execution_environment.fakes import RUNTIME, VERSION
from tests.unit.execution_environment.test_initialization import RecordingLog

from lambent.execution_environment.snap_start.restoration import Restoration


def begun(log, started=0.0):
    return Restoration(log, VERSION, RUNTIME, started)


def test_a_good_restore_is_told_from_its_start_to_its_report():
    log = RecordingLog()
    restoration = begun(log, time.monotonic() - 2)
    restoration.runtime_done()
    restoration.end([])
    assert log.types == ["restoreStart", "restoreRuntimeDone", "restoreReport"]
    assert log.events[2].duration >= 2000
    assert log.events[0].instance_id == "stream"


def test_a_failed_one_has_its_status_everywhere():
    log = RecordingLog()
    begun(log).end([], "error", "Runtime.ExitError")
    assert [event.status for event in log.events[1:]] == ["error"] * 2
    assert [event.error_type for event in log.events[1:]] == ["Runtime.ExitError"] * 2


def test_what_nobody_hears_is_not_told():
    log = RecordingLog(wants_records=False)
    begun(log).end([])
    assert log.types == ["restoreStart", "restoreReport"]
