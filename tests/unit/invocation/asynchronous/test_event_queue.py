from __future__ import annotations

import asyncio

import pytest
from sqlalchemy.exc import OperationalError
from tests.unit.invocation.asynchronous.conftest import FAILED, Bench, throttled

from lambent.domain.errors import ServiceError
from lambent.domain.event_invoke_config import EventInvokeConfig

HOUR = 3600


def config(**settings):
    members = {
        "maximum_retry_attempts": None,
        "maximum_event_age_seconds": None,
        "on_success": None,
        "on_failure": None,
    }
    return EventInvokeConfig(
        account_id="123456789012",
        region="us-east-1",
        name="echo",
        qualifier="$LATEST",
        revision_id="r",
        last_modified=0.0,
        **(members | settings),
    )


async def test_an_accepted_event_is_run_as_it_came_and_forgotten(bench, queue):
    await bench.accept(payload=b'{"a":1}', request_id="mine", client_context="{}")
    await bench.pool.called(1)
    [(name, invocation)] = bench.pool.calls
    assert name == "echo"
    assert (invocation.payload, invocation.request_id) == (b'{"a":1}', "mine")
    assert invocation.client_context == "{}"
    assert invocation.invoked_arn == "arn:aws:lambda:us-east-1:123456789012:function:echo"
    await bench.settled({})


async def test_a_function_s_error_is_retried_after_one_minute_and_after_two_more(bench, queue):
    bench.pool.results["echo"] = [FAILED, FAILED, FAILED]
    await bench.accept()
    for seconds, calls in ((59.9, 1), (0.1, 2), (119.9, 2), (0.1, 3)):
        await bench.pool.called(calls if seconds > 1 else calls - 1)
        await bench.settled({("echo", "waiting"): 1})
        assert len(bench.pool.calls) == (calls if seconds > 1 else calls - 1)
        await bench.wait(seconds)
    await bench.pool.called(3)
    await bench.settled({("echo", "failed"): 1})


async def test_an_event_that_failed_for_good_is_kept_with_what_was_answered(bench, queue):
    bench.configs.put("echo", config(maximum_retry_attempts=0), "$LATEST")
    bench.pool.results["echo"] = [FAILED]
    await bench.accept(request_id="mine")
    await bench.settled({("echo", "failed"): 1})
    listed, payload = await bench.store.find("mine")
    assert (listed.condition, listed.error) == ("RetriesExhausted", '{"errorType":"X"}')
    assert (listed.event.attempts, payload) == (1, b"{}")


async def test_a_retry_that_would_come_too_late_does_not(bench, queue):
    bench.configs.put("echo", config(maximum_event_age_seconds=60), "$LATEST")
    bench.pool.results["echo"] = [FAILED]
    await bench.accept(request_id="mine")
    await bench.settled({("echo", "failed"): 1})
    listed, _ = await bench.store.find("mine")
    assert listed.condition == "EventAgeExceeded"


async def test_an_outcome_goes_to_the_destination_of_its_kind(bench, queue):
    success, failure = (f"arn:aws:sqs:us-east-1:123456789012:{name}" for name in ("good", "bad"))
    bench.configs.put(
        "echo",
        config(maximum_retry_attempts=0, on_success=success, on_failure=failure),
        "$LATEST",
    )
    bench.pool.results["echo"] = [FAILED]
    await bench.accept(request_id="bad")
    await bench.accept(request_id="good")
    sent = [await bench.sent.get() for _ in range(2)]
    assert {each.request_id: each.target_arn for each in sent} == {
        "bad": failure,
        "good": success,
    }
    await bench.settled({})


@pytest.mark.parametrize("error", [throttled(), ServiceError("ServiceException", "no")])
async def test_what_could_not_run_is_tried_again_after_1_2_4_seconds(bench, queue, error):
    bench.pool.results["echo"] = [error] * 4
    await bench.accept()
    await bench.pool.called(1)
    for tries, seconds in enumerate((1, 2, 4, 8), start=1):
        await asyncio.sleep(0)
        await bench.wait(0 if error.code != "ServiceException" else seconds - 0.001, "other")
        assert len(bench.pool.calls) == tries
        await bench.wait(seconds)
        await bench.pool.called(tries + 1)
    await bench.settled({})


async def test_an_event_that_never_ran_is_too_old_after_six_hours(bench, queue):
    bench.functions.settings["echo"] = {"state": "Pending"}
    await bench.accept(request_id="mine")
    await bench.wait(6 * HOUR)
    await bench.settled({("echo", "failed"): 1})
    listed, _ = await bench.store.find("mine")
    assert (listed.condition, listed.event.attempts) == ("EventAgeExceeded", 0)
    assert bench.pool.calls == []


async def test_without_reserved_executions_an_event_fails_at_once(bench, queue):
    bench.reserve("echo", 0)
    await bench.accept(request_id="mine")
    await bench.settled({("echo", "failed"): 1})
    listed, _ = await bench.store.find("mine")
    assert listed.condition == "ZeroReservedConcurrency"
    assert bench.pool.calls == []


async def test_the_17th_invocation_in_a_loop_is_stopped(bench, queue):
    header = "Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=17:0a1b2c3d:16"
    await bench.accept(request_id="mine", trace_header=header)
    await bench.settled({("echo", "failed"): 1})
    listed, _ = await bench.store.find("mine")
    assert listed.condition == "RecursiveInvocation"
    assert bench.measured("RecursiveInvocationsDropped") == 1


async def test_an_event_that_breaks_the_queue_s_own_code_is_tried_later(
    bench, queue, monkeypatch, caplog
):
    chosen = bench.functions.version
    broken = {"other"}

    def version(account_id, region, name, version="$LATEST"):
        if name in broken:
            raise ZeroDivisionError
        return chosen(account_id, region, name, version)

    monkeypatch.setattr(bench.functions, "version", version)
    await bench.accept("other")
    await bench.accept()
    await bench.pool.called(1)
    assert "could not be tried" in caplog.text
    broken.clear()
    await bench.wait(1, "other")
    await bench.settled({})
    assert len(bench.pool.calls) == 2


async def test_the_events_of_a_function_that_is_gone_fail(bench, queue):
    await bench.accept("gone")
    await bench.settled({("gone", "failed"): 1})


async def test_events_run_side_by_side_up_to_the_function_s_concurrency(bench, queue):
    bench.reserve("echo", 5)
    bench.pool.gates["echo"] = asyncio.Event()
    for _ in range(40):
        await bench.accept()
    await bench.pool.called(5)
    bench.pool.gates["echo"].set()
    await bench.settled({})
    assert len(bench.pool.calls) == 40
    assert bench.pool.most_at_work["echo"] == 5


async def test_thousands_of_events_of_one_function_do_not_keep_another_s_waiting(bench, queue):
    bench.pool.gates["hot"] = asyncio.Event()
    bench.reserve("hot", 2)
    for _ in range(600):
        await bench.accept("hot")
    await bench.pool.called(2)
    await bench.accept("cold")
    await bench.pool.called(3)
    assert [name for name, _ in bench.pool.calls] == ["hot", "hot", "cold"]
    bench.pool.gates["hot"].set()
    await bench.settled({})
    assert len(bench.pool.calls) == 601


async def test_a_function_without_a_place_is_not_tried_for_each_event_that_waits(bench, queue):
    bench.pool.gates["echo"] = asyncio.Event()
    bench.reserve("echo", 1)
    for _ in range(400):  # more than are in memory
        await bench.accept()
    await bench.pool.called(1)
    assert bench.measured("Throttles") == 1
    bench.pool.gates["echo"].set()
    await bench.settled({})


async def test_functions_get_the_account_s_places_in_turn(database):
    bench = Bench(database, places=1)
    async with bench.open():
        bench.pool.gates["hot"] = asyncio.Event()
        for _ in range(20):
            await bench.accept("hot")
        await bench.pool.called(1)
        await bench.accept("cold")
        await asyncio.sleep(0)
        bench.pool.gates["hot"].set()
        await bench.settled({})
    order = [name for name, _ in bench.pool.calls]
    assert order.index("cold") <= 2
    assert len(order) == 21


async def test_events_that_are_not_in_memory_are_run_too_each_once(bench, queue):
    bench.pool.gates["echo"] = asyncio.Event()
    bench.reserve("echo", 1)
    await asyncio.gather(*(bench.accept(request_id=str(n)) for n in range(1000)))
    bench.pool.gates["echo"].set()
    bench.reserve("echo", 100)
    await bench.settled({})
    assert sorted(int(call.request_id) for _, call in bench.pool.calls) == list(range(1000))


async def test_what_waited_when_the_server_ended_is_run_by_the_next(bench):
    async with bench.open() as queue:
        queue.pause()
        for number in range(3):
            await bench.accept(request_id=str(number))
        await bench.accept("other")
    assert bench.pool.calls == []
    async with bench.open():
        await bench.pool.called(4)
        await bench.settled({})


async def test_what_was_at_work_when_the_server_ended_is_run_again(bench):
    bench.pool.gates["echo"] = asyncio.Event()
    async with bench.open():
        await bench.accept()
        await bench.pool.called(1)
    bench.pool.gates.clear()
    async with bench.open():
        await bench.pool.called(2)
        await bench.settled({})


async def test_what_cannot_be_written_down_is_not_accepted(bench, queue, monkeypatch):
    async def full(events):
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    monkeypatch.setattr(queue.additions, "_write", full)
    with pytest.raises(ServiceError) as caught:
        await bench.accept()
    assert caught.value.code == "ServiceException"
    assert bench.pool.calls == []


async def test_without_room_on_the_disk_nothing_is_accepted(bench, queue, monkeypatch, caplog):
    monkeypatch.setattr(queue, "_has_room", lambda: False)
    for _ in range(2):
        with pytest.raises(ServiceError) as caught:
            await bench.accept()
        assert caught.value.code == "ServiceException"
    assert caplog.text.count("queue_reserve_mib") == 1
    monkeypatch.setattr(queue, "_has_room", lambda: True)
    await bench.accept()
    await bench.settled({})


async def test_an_outcome_that_cannot_be_written_is_written_later(bench, queue, monkeypatch):
    settle, tries = bench.store.settle, []

    async def full_once(settled):
        tries.append(settled)
        if len(tries) == 1:
            raise OperationalError("DELETE", {}, Exception("database or disk is full"))
        await settle(settled)

    monkeypatch.setattr(queue._settlement.writes, "_write", full_once)
    monkeypatch.setattr("lambent.invocation.asynchronous.settlement._WRITE_AGAIN_SECONDS", 0.01)
    await bench.accept()
    await bench.settled({})
    assert len(bench.pool.calls) == 1


async def test_received_events_and_dropped_ones_are_counted(bench, queue):
    bench.configs.put("echo", config(maximum_retry_attempts=0), "$LATEST")
    bench.pool.results["echo"] = [FAILED]
    await bench.accept()
    await bench.accept()
    await bench.settled({("echo", "failed"): 1})
    assert bench.measured("AsyncEventsReceived") == 2
    assert bench.measured("AsyncEventsDropped") == 1
