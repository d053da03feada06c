from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
from tests.unit.execution_environment.environment_driver import FIRST, invocation
from tests.unit.execution_environment.fakes import VERSION
from tests.unit.execution_environment.test_initialization import RecordingLog

from lambent.execution_environment.apis.answer import Answer
from lambent.execution_environment.current_invocation import (
    CurrentInvocation,
    Ending,
    platform_answer,
)


@pytest.fixture
def log():
    return RecordingLog()


@pytest.fixture
async def current(log):
    loop = asyncio.get_running_loop()
    return CurrentInvocation(
        invocation=invocation(),
        log=log,
        started=time.monotonic(),
        deadline_ms=1,
        result=loop.create_future(),
        wants_log_tail=False,
    )


def report(current, ending):
    current.report(VERSION, ending, max_memory_used_mib=3, init_duration=None)


async def test_an_invocation_is_told_from_its_start_to_its_report(current, log):
    current.begin(VERSION)
    current.take(Answer(payload=b"four"))
    current.settle()
    current.runtime_done(Ending())
    current.runtime_done(Ending(status="error"))
    report(current, Ending())
    assert log.types == ["start", "runtimeDone", "end", "report"]
    done = log.events[1]
    assert (done.request_id, done.status, done.produced_bytes) == (FIRST, "success", 4)
    assert [span.name for span in done.spans] == [
        "responseLatency",
        "responseDuration",
        "runtimeOverhead",
    ]
    assert current.result.result().payload == b"four"


async def test_a_response_that_comes_in_slowly_has_its_duration_between_latency_and_overhead(
    current, log
):
    current.begin(VERSION)
    current.sent -= 7
    current.take(Answer(payload=b"four", began=current.sent + 2))
    current.answered = current.sent + 5
    current.runtime_done(Ending())
    latency, duration, overhead = log.events[1].spans
    assert (round(latency.duration), round(duration.duration)) == (2000, 3000)
    assert overhead.duration >= 2000
    assert duration.start_ms - latency.start_ms == 2000
    assert overhead.start_ms - latency.start_ms == 5000


async def test_a_response_sent_before_its_invocation_has_no_negative_latency(current, log):
    current.begin(VERSION)
    current.take(Answer(payload=b"four", began=current.sent - 1))
    current.runtime_done(Ending())
    assert log.events[1].spans[0].duration == 0


async def test_a_runtime_that_never_answered_has_no_spans(current, log):
    current.begin(VERSION)
    current.runtime_done(Ending(status="timeout"))
    assert (log.events[1].status, log.events[1].spans) == ("timeout", ())


async def test_a_sampled_trace_is_part_of_every_record(current, log):
    header = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
    current.invocation = replace(current.invocation, trace_header=header)
    current.begin(VERSION)
    current.runtime_done(Ending())
    report(current, Ending())
    traces = [log.events[number].trace for number in (0, 1, 3)]
    assert traces[0] is not None
    assert traces == [traces[0]] * 3


async def test_what_nobody_hears_is_not_told(current, log):
    log.wants_records = False
    current.begin(VERSION)
    current.runtime_done(Ending())
    assert log.types == ["start"]
    assert current.trace is None


async def test_without_an_answer_nothing_is_settled_and_never_twice(current):
    current.settle()
    assert not current.result.done()
    current.take(Answer(payload=b"1"))
    current.settle()
    current.take(Answer(payload=b"2"))
    current.settle()
    assert current.result.result().payload == b"1"


async def test_the_platform_s_own_answer_names_the_request(current):
    answer = platform_answer(current, "no", "Runtime.ExitError")
    assert answer.is_error
    assert f"RequestId: {FIRST} Error: no".encode() in answer.payload
    assert b"RequestId:  Error: no" in platform_answer(None, "no", "Runtime.ExitError").payload


async def test_a_start_that_nobody_hears_of_is_not_told(current, log):
    log.unheard = frozenset({"platform.start"})
    current.begin(VERSION)
    assert log.types == []
    assert current.sent is not None
