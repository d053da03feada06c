from __future__ import annotations

import itertools

import pytest
from tests.unit.telemetry.subscriptions.conftest import FUNCTION

from lambent.domain.identifiers import new_uuid
from lambent.domain.recursion import loop_detected
from lambent.domain.trace import continue_trace, times_returned
from lambent.store.log_records import LogEvent, Position
from lambent.telemetry.subscriptions import chains as chains_module
from lambent.telemetry.subscriptions.chains import InvocationChains, furthest, next_headers

_numbers = itertools.count(1)


def event(message, stream="s"):
    position = Position(1, next(_numbers))
    return LogEvent(position=position, stream=stream, ingestion_ms=2, message=message)


def text_start(request_id):
    return f"START RequestId: {request_id} Version: $LATEST\n"


def json_start(request_id):
    return (
        '{"time":"2026-01-31T12:00:00.123Z","type":"platform.start",'
        f'"record":{{"requestId":"{request_id}","version":"$LATEST"}}}}'
    )


every_format = pytest.mark.parametrize("start", [text_start, json_start])


def trace_after(chains, *events):
    """What is known to have led to the last of these."""
    return chains.traces_of("1:f", events).get(events[-1].position.event_id)


@every_format
def test_a_line_belongs_to_the_request_that_started_last_in_its_stream(start):
    chains = InvocationChains()
    header = continue_trace(None, FUNCTION)
    request_id = new_uuid()
    assert trace_after(chains, event(start(request_id)), event("x")) is None
    chains.remember(request_id, header)
    assert trace_after(chains, event(start(request_id)), event("x", stream="other")) is None
    # The stream goes on where the last reading ended.
    assert trace_after(chains, event("a line")) == header
    assert trace_after(chains, event(f"another request: {new_uuid()}")) == header
    assert trace_after(chains, event(start(new_uuid())), event("a line")) is None


def test_a_line_may_name_its_request_itself():
    chains = InvocationChains()
    header = continue_trace(None, FUNCTION)
    request_id = new_uuid()
    chains.remember(request_id, header)
    assert trace_after(chains, event(f"[ERROR] {request_id} no")) == header
    assert trace_after(chains, event("of nobody")) is None


def test_each_subscription_reads_for_itself():
    chains = InvocationChains()
    request_id = new_uuid()
    chains.remember(request_id, continue_trace(None, FUNCTION))
    chains.traces_of("1:other", [event(text_start(request_id))])
    assert trace_after(chains, event("a line")) is None


def test_lines_of_nobody_s_begin_a_chain():
    sent, given = next_headers(None, FUNCTION)
    assert "Lineage" not in sent
    assert continue_trace(sent, FUNCTION) == given
    assert times_returned(given) == 0


@every_format
def test_a_function_that_is_fed_its_own_log_is_in_a_loop(start):
    chains = InvocationChains()
    lines = [event("what began it")]
    given = ""
    invocations = 0
    while not given or not loop_detected(given):
        sent, given = next_headers(trace_after(chains, *lines), FUNCTION)
        assert continue_trace(sent, FUNCTION) == given
        request_id = new_uuid()
        chains.remember(request_id, given)
        lines = [event(start(request_id)), event("again")]
        invocations += 1
    assert invocations == 17


def test_of_several_traces_the_one_that_has_gone_furthest_goes_on():
    short = continue_trace(None, FUNCTION)
    long = continue_trace(continue_trace(None, FUNCTION), FUNCTION)
    one, two, three = (event("x") for _ in range(3))
    traces = {one.position.event_id: long, two.position.event_id: short}
    assert furthest([one, two, three], traces) == long
    assert furthest([two, three], traces) == short
    assert furthest([three], traces) is None


def test_only_the_latest_requests_are_remembered(monkeypatch):
    monkeypatch.setattr(chains_module, "_REMEMBERED", 2)
    chains = InvocationChains()
    ids = [new_uuid() for _ in range(3)]
    for request_id in ids:
        chains.remember(request_id, continue_trace(None, FUNCTION))
    found = [trace_after(chains, event(text_start(each))) is None for each in ids]
    assert found == [True, False, False]
