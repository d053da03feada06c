from __future__ import annotations

import pytest
from tests.unit.emulator.engines import FakeEngine

from lambent.domain.errors import ServiceError
from lambent.domain.invocation import Invocation, InvocationResult
from lambent.emulator import accepted_events
from lambent.emulator.accepted_events import AcceptedEvents
from lambent.emulator.unfinished import Unfinished


def event(payload: bytes = b"{}") -> Invocation:
    return Invocation(request_id="id", invoked_arn="arn", payload=payload, trace_header="")


@pytest.fixture
def engine():
    return FakeEngine()


@pytest.fixture
async def unfinished():
    async with Unfinished() as unfinished:
        yield unfinished


@pytest.fixture
def events(engine, unfinished):
    return AcceptedEvents(unfinished, engine.invoke)


async def test_an_event_is_run_once(engine, events, unfinished):
    events.accept(event(b"1"))
    assert events.count == 1
    await unfinished.wait()

    assert [each.payload for each in engine.invocations] == [b"1"]
    assert events.count == 0


async def test_an_event_waits_while_all_instances_are_at_work(
    engine, events, unfinished, monkeypatch
):
    monkeypatch.setattr(accepted_events, "_PAUSE_SECONDS", 0)
    engine.outcomes += [ServiceError("TooManyRequestsException", "busy")] * 2
    events.accept(event())
    await unfinished.wait()

    assert len(engine.invocations) == 3


async def test_an_error_of_the_functions_is_logged(engine, events, unfinished, caplog):
    engine.outcomes.append(
        InvocationResult(payload=b"{}", is_function_error=True, error_type="Mine")
    )
    events.accept(event())
    await unfinished.wait()

    assert "event id ended in an error of the function's: Mine" in caplog.text


@pytest.mark.parametrize(
    "failure", [ServiceError("ServiceException", "gone"), RuntimeError("gone")]
)
async def test_what_cannot_be_run_is_logged_and_harms_no_other(
    engine, events, unfinished, caplog, failure
):
    engine.outcomes.append(failure)
    events.accept(event(b"1"))
    events.accept(event(b"2"))
    await unfinished.wait()

    assert "event id could not be run" in caplog.text
    assert len(engine.invocations) == 2
    assert events.count == 0


@pytest.mark.parametrize(("most", "count"), [("_MOST_EVENTS", 2), ("_MOST_BYTES", 4)])
async def test_more_than_can_be_held_are_refused(engine, events, monkeypatch, most, count):
    monkeypatch.setattr(accepted_events, most, count)
    engine.may_answer.clear()
    events.accept(event())
    events.accept(event())

    with pytest.raises(ServiceError) as refused:
        events.accept(event())

    assert refused.value.code == "TooManyRequestsException"


async def test_what_is_given_up_at_the_end_is_logged(engine, caplog):
    engine.may_answer.clear()
    async with Unfinished() as unfinished:
        AcceptedEvents(unfinished, engine.invoke).accept(event())
        await engine.wait_begun(1)

    assert "event id was accepted, and is not run to its end" in caplog.text
