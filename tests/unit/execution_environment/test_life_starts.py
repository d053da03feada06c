from __future__ import annotations

import pytest
from tests.unit.execution_environment.fakes import RUNTIME, VERSION
from tests.unit.execution_environment.test_initialization import RecordingLog

from lambent.execution_environment.current_invocation import SUCCESS, Ending
from lambent.execution_environment.life_starts import LifeStarts


class Life:
    def __init__(self):
        self.extensions = []
        self.calls = []

    def drain_output(self):
        self.calls.append("drain")

    def end_subscribing(self):
        self.calls.append("end subscribing")


def starts(log, kind="on-demand"):
    return LifeStarts(log, VERSION, {VERSION.runtime: RUNTIME}, kind)


@pytest.mark.parametrize(
    ("kind", "is_restored", "told"),
    [
        ("on-demand", False, (True, False)),
        ("provisioned-concurrency", False, (False, False)),
        ("snap-start", False, (False, False)),
        ("snap-start", True, (False, True)),
    ],
)
def test_one_report_tells_what_no_line_of_its_own_does(kind, is_restored, told):
    made = starts(RecordingLog(), kind)
    made.open()
    made.begin(is_restored=is_restored, is_own_phase=True)
    assert made.is_restore is is_restored
    made.end(Life(), SUCCESS, is_own_phase=True)
    assert tuple(each is not None for each in made.take_durations()) == told
    assert made.take_durations() == (None, None)


def test_within_an_invocation_it_is_part_of_that():
    made = starts(RecordingLog())
    made.open()
    made.begin(is_restored=False, is_own_phase=False)
    made.end(Life(), SUCCESS, is_own_phase=False)
    assert made.take_durations() == (None, None)


def test_one_that_fails_before_it_has_a_place_is_told_whole():
    log, life = RecordingLog(), Life()
    made = starts(log)
    made.open()
    made.end(life, Ending(status="timeout"), is_own_phase=True)
    made.end(life, Ending(status="timeout"), is_own_phase=True)
    assert log.types == ["initStart", "initRuntimeDone", "initReport"]
    assert life.calls == ["drain", "end subscribing"]
