from __future__ import annotations

import json

from tests.unit.execution_environment.environment_driver import (
    FIRST,
    INIT,
    SECOND,
    report_line,
)

from lambent.execution_environment.lifecycle import EnvironmentState


async def test_a_function_that_takes_too_long_is_ended(driver, clock):
    runtime = await driver.ready()
    invoking = await driver.invoked(runtime)
    runtime.print("working\n")
    await clock.advance(3.1)
    result = await invoking
    assert result.is_function_error
    assert json.loads(result.payload) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {FIRST} Error: Task timed out after 3.00 seconds",
    }
    await runtime.ended.wait()
    assert await driver.available.get() is driver.environment
    assert driver.state is EnvironmentState.RESET
    assert driver.lines()[1:] == [
        f"START RequestId: {FIRST} Version: $LATEST",
        "working",
        f"TIME {FIRST} Task timed out after 3.00 seconds",
        "",
        f"END RequestId: {FIRST}",
        report_line(init=INIT, ending="Status: timeout"),
    ]


async def test_what_a_timed_out_runtime_still_says_is_not_the_next_caller_s(driver, clock):
    runtime = await driver.ready()
    invoking = await driver.invoked(runtime)
    client = await runtime.client()
    # On its way when the time is up: the server has not read it yet.
    client.send_request("POST", f"/2018-06-01/runtime/invocation/{FIRST}/response", b'"late"')
    client.send_request("GET", "/2018-06-01/runtime/invocation/next")
    driver.environment._time_limit.lift()
    driver.environment._time_out()
    following = driver.invoke(SECOND)
    assert json.loads((await invoking).payload)["errorType"] == "Sandbox.Timedout"
    again = await driver.runtime()
    assert await again.next() == SECOND
    await again.respond(SECOND, b'"right"')
    assert (await following).payload == b'"right"'


async def test_a_runtime_that_answers_and_does_not_come_back_is_ended(driver, clock):
    runtime = await driver.ready()
    invoking = await driver.invoked(runtime)
    await runtime.respond(FIRST, b"1")
    assert (await invoking).payload == b"1"
    await clock.advance(3.1)
    await driver.available.get()
    assert driver.lines("REPORT") == [report_line(init=INIT, ending="Status: timeout")]
    assert driver.state is EnvironmentState.RESET


async def test_a_crash_is_the_invocation_s_error(driver):
    runtime = await driver.ready()
    invoking = await driver.invoked(runtime, wants_log_tail=True)
    runtime.print("last words\n")
    runtime.exit(None, by_signal=9, oom=True)
    result = await invoking
    assert result.is_function_error
    assert json.loads(result.payload) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {FIRST} Error: Runtime exited with error: signal: killed",
    }
    assert driver.lines()[1:] == [
        f"START RequestId: {FIRST} Version: $LATEST",
        "last words",
        f"RequestId: {FIRST} Error: Runtime exited with error: signal: killed",
        "Runtime.ExitError",
        f"END RequestId: {FIRST}",
        report_line(init=INIT, ending="Status: error\tError Type: Runtime.ExitError"),
    ]
    assert b"last words\n" in result.log_tail
    assert b"REPORT" in result.log_tail


async def test_after_a_crash_the_next_invocation_has_a_new_runtime(driver, fakes):
    runtime = await driver.ready()
    invoking = await driver.invoked(runtime)
    runtime.exit(1)
    await invoking
    await driver.available.get()
    following = driver.invoke(SECOND)
    again = await driver.runtime()
    await again.next()
    await again.respond(SECOND, b"2")
    assert (await following).payload == b"2"
    await again.poll()
    await driver.available.get()
    assert driver.lines("REPORT")[1] == report_line(SECOND)
    assert driver.lines("INIT_REPORT") == []
    assert len(fakes.isolation.volume_sizes) == 1


async def test_a_crash_after_the_answer_is_not_the_caller_s(driver):
    runtime = await driver.ready()
    invoking = await driver.invoked(runtime)
    await runtime.respond(FIRST, b"1")
    runtime.exit(1)
    result = await invoking
    assert (result.payload, result.is_function_error) == (b"1", False)
    await driver.available.get()
    assert driver.lines()[2:] == [
        f"END RequestId: {FIRST}",
        report_line(init=INIT, ending="Status: error\tError Type: Runtime.ExitError"),
    ]


async def test_a_crash_between_invocations_costs_only_an_init(driver):
    runtime = await driver.ready()
    runtime.exit(0)
    await driver.until_reset()
    # The old sandbox is still being taken down.
    invoking = driver.invoke()
    again = await driver.runtime()
    assert await again.next() == FIRST
    await again.respond(FIRST, b"2")
    assert (await invoking).payload == b"2"
