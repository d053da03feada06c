from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from tests.unit.execution_environment.environment_driver import (
    FIRST,
    INIT_ERROR_BODY,
    report_line,
)
from tests.unit.execution_environment.fakes import RUNTIME, settle

from lambent.domain.quotas import MIB
from lambent.execution_environment.environment import EnvironmentUnavailable
from lambent.execution_environment.lifecycle import EnvironmentState
from lambent.sandbox.sandbox import SandboxStartFailed


async def test_its_share_of_a_processor_is_its_own_after_init(driver):
    runtime = await driver.ready()
    [cpus] = runtime.sandbox.cpu_limits
    assert cpus == pytest.approx(128 / 1769)
    await driver.call(runtime)
    assert len(runtime.sandbox.cpu_limits) == 1


async def test_its_share_is_its_own_after_a_second_init_too(driver):
    await (await driver.runtime()).fail_init(INIT_ERROR_BODY)
    await driver.available.get()
    invoking = driver.invoke()
    second = await driver.runtime()
    await second.next()
    assert len(second.sandbox.cpu_limits) == 1
    await second.respond(FIRST)
    await invoking


async def test_a_runtime_may_be_faster_than_whoever_starts_it(drive, fakes):
    fakes.isolation.may_return.clear()
    driver = drive()
    runtime = await driver.ready()
    invoking = await driver.invoked(runtime)
    assert len(runtime.sandbox.cpu_limits) == 1
    fakes.isolation.may_return.set()
    await runtime.respond(FIRST, b"1")
    assert (await invoking).payload == b"1"


async def test_an_init_error_is_logged_and_tried_again_in_the_first_invocation(driver, fakes):
    first = await driver.runtime()
    first.print("cannot import\n")
    await first.fail_init(INIT_ERROR_BODY)
    assert await driver.available.get() is driver.environment
    assert driver.state is EnvironmentState.RESET
    invoking = driver.invoke()
    second = await driver.runtime()
    await second.next()
    await second.respond(FIRST, b"2")
    assert (await invoking).payload == b"2"
    await second.poll()
    await driver.available.get()
    assert driver.lines()[1:] == [
        "cannot import",
        "INIT_REPORT Init Duration: _ ms\tPhase: init\tStatus: error\t"
        "Error Type: Runtime.ImportModuleError",
        f"START RequestId: {FIRST} Version: $LATEST",
        f"END RequestId: {FIRST}",
        report_line(),
    ]
    assert fakes.isolation.volume_sizes == [512 * MIB]  # /tmp is the same


async def test_a_second_init_error_is_the_invocation_s(driver):
    await (await driver.runtime()).fail_init(INIT_ERROR_BODY)
    await driver.available.get()
    invoking = driver.invoke()
    await (await driver.runtime()).fail_init(INIT_ERROR_BODY)
    result = await invoking
    assert (result.payload, result.is_function_error) == (INIT_ERROR_BODY, True)
    assert driver.lines()[2:] == [
        "INIT_REPORT Init Duration: _ ms\tPhase: invoke\tStatus: error\t"
        "Error Type: Runtime.ImportModuleError",
        f"START RequestId: {FIRST} Version: $LATEST",
        f"END RequestId: {FIRST}",
        report_line(ending="Status: error\tError Type: Runtime.ImportModuleError"),
    ]
    assert driver.state is EnvironmentState.RESET


async def test_an_exit_during_init_is_an_init_error(driver):
    (await driver.runtime()).exit(1)
    await driver.available.get()
    assert driver.lines()[1:] == [
        "INIT_REPORT Init Duration: _ ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError"
    ]
    invoking = driver.invoke()
    (await driver.runtime()).exit(3)
    result = await invoking
    assert result.is_function_error
    assert json.loads(result.payload) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {FIRST} Error: Runtime exited with error: exit status 3",
    }


async def test_an_init_that_takes_too_long_is_ended_and_tried_again(driver, clock):
    first = await driver.runtime()
    await clock.advance(9.9)
    assert driver.state is EnvironmentState.INITIALIZING
    await clock.advance(0.2)
    await driver.available.get()
    await first.ended.wait()
    assert driver.lines()[1:] == ["INIT_REPORT Init Duration: _ ms\tPhase: init\tStatus: timeout"]
    invoking = driver.invoke()
    second = await driver.runtime()
    await second.next()
    await second.respond(FIRST, b"2")
    assert (await invoking).payload == b"2"


async def test_a_runtime_that_started_too_late_never_gets_an_invocation(drive, fakes, clock):
    fakes.isolation.may_start.clear()
    driver = drive()
    await settle()
    await clock.advance(10.1)
    await driver.available.get()
    invoking = driver.invoke()
    driver.isolation.may_start.set()
    late = await driver.runtime()
    await late.ended.wait()
    second = await driver.runtime()
    assert await second.next() == FIRST
    await second.respond(FIRST, b"2")
    assert (await invoking).payload == b"2"
    await second.poll()
    await driver.available.get()
    second.exit(0)
    await driver.until_reset()
    assert driver.isolation.started.empty()


async def test_an_invocation_that_times_out_before_its_runtime_has_started(driver, clock):
    await (await driver.runtime()).fail_init(INIT_ERROR_BODY)
    await driver.available.get()
    driver.isolation.may_start.clear()
    driver.isolation.is_starting.clear()
    invoking = driver.invoke()
    await driver.isolation.is_starting.wait()
    await clock.advance(3.1)
    result = await invoking
    assert json.loads(result.payload)["errorType"] == "Sandbox.Timedout"
    await driver.available.get()
    driver.isolation.may_start.set()
    late = await driver.runtime()
    await late.ended.wait()
    assert driver.state is EnvironmentState.RESET


async def test_a_package_without_a_start_file_fails_each_invocation(drive, fakes):
    (fakes.task_root / "bootstrap").unlink()
    driver = drive()
    await driver.available.get()
    result = await driver.invoke()
    message = "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
    assert json.loads(result.payload) == {
        "errorType": "Runtime.InvalidEntrypoint",
        "errorMessage": f"RequestId: {FIRST} Error: {message}",
    }
    assert [line.split("\t", 1)[1] for line in driver.lines("INIT_REPORT")] == [
        f"Phase: {phase}\tStatus: error\tError Type: Runtime.InvalidEntrypoint"
        for phase in ("init", "invoke")
    ]
    assert driver.isolation.starts == 0


async def test_a_runtime_that_was_uninstalled_fails_its_functions(drive, fakes):
    gone = replace(RUNTIME, reason="It is gone.", remedy="lambent runtime install it")
    fakes.parts.runtimes["provided.al2023"] = gone
    driver = drive()
    await driver.available.get()
    result = await driver.invoke()
    assert (
        "Error: It is gone. Try: lambent runtime install it"
        in json.loads(result.payload)["errorMessage"]
    )


async def test_a_package_that_is_found_wanting_too_late_is_nobody_s_error(drive, fakes, clock):
    asked, may_answer = asyncio.Event(), asyncio.Event()
    (fakes.task_root / "bootstrap").unlink()

    async def slow(sha256):
        asked.set()
        await may_answer.wait()
        return fakes.task_root

    fakes.parts = replace(fakes.parts, task_root=slow)
    driver = drive()
    await asked.wait()
    await clock.advance(10.1)
    await driver.available.get()
    may_answer.set()
    await settle()
    result = await driver.invoke()
    assert json.loads(result.payload)["errorType"] == "Runtime.InvalidEntrypoint"
    assert len(driver.lines("INIT_REPORT")) == 2


@pytest.mark.parametrize("failure", [SandboxStartFailed("no"), OSError("no")])
async def test_a_host_that_cannot_start_it_ends_the_environment(drive, fakes, failure):
    fakes.isolation.failure = failure
    driver = drive()
    with pytest.raises(type(failure)):
        await driver.living
    await driver.environment.wait_started()
    assert driver.available.empty()
    with pytest.raises(EnvironmentUnavailable):
        await driver.invoke()


async def test_a_host_that_fails_later_fails_the_invocation(driver):
    await (await driver.runtime()).fail_init(INIT_ERROR_BODY)
    await driver.available.get()
    driver.isolation.failure = SandboxStartFailed("no")
    with pytest.raises(EnvironmentUnavailable):
        await driver.invoke()
    with pytest.raises(SandboxStartFailed):
        await driver.living
