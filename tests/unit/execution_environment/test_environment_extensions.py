"""An environment with extensions: who is waited for, who is told, and what their failures mean."""

from __future__ import annotations

import asyncio
import json

import pytest
from tests.unit.execution_environment.environment_driver import (
    FIRST,
    INIT,
    INIT_ERROR_BODY,
    SECOND,
    report_line,
)
from tests.unit.execution_environment.fakes import settle

from lambent.execution_environment.lifecycle import EnvironmentState

READY_LINE = "EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE, SHUTDOWN]"


@pytest.fixture
def programs(fakes, tmp_path):
    """Puts programs into the layers' /opt/extensions."""
    fakes.layers_root = tmp_path / "layers"
    folder = fakes.layers_root / "extensions"
    folder.mkdir(parents=True)

    def add(*names, mode=0o755):
        for name in names:
            (folder / name).write_text("#!/bin/sh\n")
            (folder / name).chmod(mode)

    return add


async def begin(extension):
    """Let it ask for its next event."""
    asking = asyncio.create_task(extension.next())
    await settle()
    return asking


async def ready(driver, *events):
    """An environment with one extension, and everybody waits for an invocation."""
    extension = await driver.extension(*(events or ("INVOKE", "SHUTDOWN")))
    asking = await begin(extension)
    runtime = await driver.ready()
    return extension, asking, runtime


async def test_the_runtime_starts_when_every_program_has_registered(drive, programs):
    programs("first", "second")
    driver = drive()
    await driver.extension(name="first")
    await settle()
    assert driver.isolation.starts == 0
    await driver.extension(name="second")
    await driver.runtime()


async def test_init_waits_for_the_runtime_and_every_extension(drive, programs):
    programs("watcher")
    driver = drive()
    extension = await driver.extension("INVOKE", "SHUTDOWN")
    runtime = await driver.runtime()
    await runtime.poll()
    await settle()
    assert driver.state is EnvironmentState.INITIALIZING
    asking = await begin(extension)
    assert await driver.available.get() is driver.environment
    assert driver.lines()[1:] == [READY_LINE]
    driver.environment.close()
    assert (await asking)["eventType"] == "SHUTDOWN"


async def test_a_program_has_the_environment_s_variables_but_not_the_runtime_s_own(drive, programs):
    programs("watcher")
    driver = drive(environment={"GREETING": "hello", "_MINE": "no"})
    extension = await driver.isolation.extensions.get()
    assert extension.command.argv == ("/opt/extensions/watcher",)
    variables = extension.command.environment
    assert variables["GREETING"] == "hello"
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == "greet"
    assert variables["AWS_LAMBDA_RUNTIME_API"]
    assert variables["AWS_SESSION_TOKEN"]
    kept_back = {"_HANDLER", "_MINE", "LAMBDA_TASK_ROOT", "AWS_LAMBDA_LOG_STREAM_NAME"}
    assert not kept_back & set(variables)


async def test_an_invocation_ends_when_all_are_done_but_the_caller_does_not_wait(drive, programs):
    programs("watcher")
    driver = drive()
    extension, asking, runtime = await ready(driver)
    invoking = await driver.invoked(runtime)
    event = await asking
    assert (event["eventType"], event["requestId"]) == ("INVOKE", FIRST)
    await runtime.respond(FIRST, b"1")
    assert (await invoking).payload == b"1"
    await runtime.poll()
    await settle()
    assert driver.state is EnvironmentState.INVOKING
    assert driver.lines("REPORT") == []
    extension.print("flushing\n")
    await begin(extension)
    await driver.available.get()
    assert driver.lines()[-3:] == [
        "flushing",
        f"END RequestId: {FIRST}",
        report_line(init=INIT),
    ]


async def test_who_did_not_subscribe_to_invocations_is_not_waited_for(drive, programs):
    programs("watcher")
    driver = drive()
    _, asking, runtime = await ready(driver, "SHUTDOWN")
    await driver.call(runtime)
    assert not asking.done()


async def test_the_time_out_counts_for_extensions_too(drive, programs, clock):
    programs("watcher")
    driver = drive()
    extension, asking, runtime = await ready(driver)
    invoking = await driver.invoked(runtime)
    await asking
    await runtime.respond(FIRST, b"1")
    assert (await invoking).payload == b"1"
    await runtime.poll()
    await settle()
    await clock.advance(3.1)
    await end_runtime(runtime)
    event = await extension.next()
    assert (event["eventType"], event["shutdownReason"]) == ("SHUTDOWN", "timeout")
    assert driver.available.empty()
    extension.exit()
    await driver.available.get()
    assert driver.state is EnvironmentState.RESET
    assert driver.lines("REPORT") == [report_line(init=INIT, ending="Status: timeout")]


async def end_runtime(runtime):
    """It ends when it is asked to."""
    await runtime.process.terminated.wait()
    runtime.exit(0)


async def test_after_a_reset_everybody_starts_again(drive, programs, clock):
    programs("watcher")
    driver = drive()
    extension, asking, runtime = await ready(driver, "SHUTDOWN")
    invoking = await driver.invoked(runtime)
    await clock.advance(3.1)
    await end_runtime(runtime)
    assert (await asking)["shutdownReason"] == "timeout"
    assert not invoking.done()  # as on AWS, who answers when the reset is over
    extension.exit()
    assert json.loads((await invoking).payload)["errorType"] == "Sandbox.Timedout"
    await driver.available.get()
    following = driver.invoke(SECOND)
    again = await driver.extension("INVOKE")
    second = await driver.runtime()
    asking = await begin(again)
    assert await second.next() == SECOND
    assert (await asking)["requestId"] == SECOND
    await second.respond(SECOND, b"2")
    assert (await following).payload == b"2"


@pytest.mark.parametrize(("code", "cause"), [(0, "exit code 0"), (1, "exit status 1")])
async def test_an_extension_s_crash_is_the_invocation_s_error(drive, programs, code, cause):
    programs("watcher")
    driver = drive()
    extension, asking, runtime = await ready(driver)
    invoking = await driver.invoked(runtime)
    await asking
    extension.exit(code)
    await end_runtime(runtime)
    assert json.loads((await invoking).payload) == {
        "errorType": "Extension.Crash",
        "errorMessage": f"RequestId: {FIRST} Error: {cause}",
    }
    await driver.available.get()
    assert driver.lines("REPORT") == [
        report_line(init=INIT, ending="Status: error\tError Type: Extension.Crash")
    ]


async def test_an_extension_that_says_why_it_ends_gives_the_error_its_name(drive, programs):
    programs("watcher")
    driver = drive()
    extension, asking, runtime = await ready(driver)
    invoking = await driver.invoked(runtime)
    await asking
    assert await extension.fail("exit", "Extension.Mine") == 202
    assert not invoking.done()
    extension.exit(3)
    await end_runtime(runtime)
    assert json.loads((await invoking).payload)["errorType"] == "Extension.ExitError"


async def test_an_extension_that_fails_to_initialise_fails_the_init(drive, programs):
    programs("watcher")
    driver = drive()
    extension = await driver.extension("SHUTDOWN")
    await extension.fail("init", "Extension.NoConfiguration")
    extension.exit(1)
    await driver.available.get()
    assert driver.state is EnvironmentState.RESET
    assert driver.lines()[1:] == [
        "EXTENSION\tName: watcher\tState: InitError\tEvents: [SHUTDOWN]\t"
        "Error Type: Extension.NoConfiguration",
        "INIT_REPORT Init Duration: _ ms\tPhase: init\tStatus: error\t"
        "Error Type: Extension.InitError",
    ]


async def test_a_crash_between_invocations_costs_only_an_init(drive, programs):
    programs("watcher")
    driver = drive()
    extension, _, runtime = await ready(driver)
    extension.exit(1)
    await runtime.process.terminated.wait()
    following = driver.invoke()
    await end_runtime(runtime)
    again = await driver.extension("SHUTDOWN")
    second = await driver.runtime()
    await begin(again)
    assert await second.next() == FIRST
    await second.respond(FIRST, b"1")
    assert (await following).payload == b"1"


@pytest.mark.parametrize(
    ("mode", "names", "error_type", "message"),
    [
        (
            0o644,
            ["watcher"],
            "PermissionDenied",
            "fork/exec /opt/extensions/watcher: permission denied",
        ),
        (
            0o755,
            [f"e{number:02}" for number in range(11)],
            "TooManyExtensions",
            "ErrTooManyExtensions",
        ),
    ],
)
async def test_programs_that_can_not_be_started_fail_the_init(
    drive, programs, mode, names, error_type, message
):
    programs(*names, mode=mode)
    driver = drive()
    await driver.available.get()
    lines = driver.lines("EXTENSION")
    assert lines[-1] == (
        f"EXTENSION\tName: {names[-1]}\tState: LaunchError\tEvents: []\tError Type: {error_type}"
    )
    assert driver.isolation.extensions.empty()
    result = json.loads((await driver.invoke()).payload)
    assert result["errorType"] == "Extension.LaunchError"
    assert result["errorMessage"].endswith(f" Error: {message}")


async def test_a_program_the_kernel_does_not_start_is_a_launch_error(drive, programs):
    programs("watcher")
    driver = drive()
    (await driver.isolation.extensions.get()).exit(126)
    await driver.available.get()
    assert driver.lines("EXTENSION") == [
        "EXTENSION\tName: watcher\tState: LaunchError\tEvents: []\tError Type: UnknownError"
    ]
    assert "Error Type: Extension.LaunchError" in driver.lines("INIT_REPORT")[0]


async def test_a_program_that_never_registers_uses_up_the_init(drive, programs, clock):
    programs("watcher")
    driver = drive()
    await driver.isolation.extensions.get()
    await settle()
    await clock.advance(10.1)
    await driver.available.get()
    assert driver.isolation.starts == 0
    assert "Status: timeout" in driver.lines("INIT_REPORT")[0]


async def test_an_init_error_of_the_runtime_s_is_told_to_extensions(drive, programs):
    programs("watcher")
    driver = drive()
    extension = await driver.extension("SHUTDOWN")
    runtime = await driver.runtime()
    failing = asyncio.create_task(runtime.fail_init(INIT_ERROR_BODY))
    await end_runtime(runtime)
    assert (await extension.next())["shutdownReason"] == "failure"
    extension.exit()
    await failing
    await driver.available.get()


# Shutdown


async def test_at_the_end_the_runtime_is_asked_first_and_then_extensions_are_told(drive, programs):
    programs("watcher")
    driver = drive()
    extension, asking, runtime = await ready(driver)
    driver.environment.close()
    await settle()
    assert not asking.done()
    await end_runtime(runtime)
    event = await asking
    assert (event["eventType"], event["shutdownReason"]) == ("SHUTDOWN", "spindown")
    extension.print("bye\n")
    extension.exit()
    await driver.living
    assert driver.lines()[-1] == "bye"


async def test_who_does_not_end_in_time_is_killed(drive, programs, clock):
    programs("watcher")
    driver = drive()
    extension, asking, runtime = await ready(driver)
    driver.environment.close()
    await settle()
    await clock.advance(0.31)
    await runtime.ended.wait()
    await asking
    await clock.advance(1.6)
    assert not extension.ended.is_set()
    await clock.advance(0.2)
    await driver.living
    assert extension.ended.is_set()


async def test_who_did_not_subscribe_to_the_shutdown_is_killed(drive, programs):
    programs("watcher")
    driver = drive()
    extension, _, runtime = await ready(driver, "INVOKE")
    driver.environment.close()
    await end_runtime(runtime)
    await driver.living
    assert extension.ended.is_set()


async def test_an_internal_extension_gives_the_runtime_half_a_second(driver, clock):
    runtime = await driver.runtime()
    client = await runtime.client()
    registered = await client.request(
        "POST", "/2020-01-01/extension/register", b"{}", {"Lambda-Extension-Name": "tracer"}
    )
    identity = {"Lambda-Extension-Identifier": registered.headers["lambda-extension-identifier"]}
    client.send_request("GET", "/2020-01-01/extension/event/next", headers=identity)
    await settle()
    driver.environment.close()
    await settle()
    assert runtime.process.terminated.is_set()
    await clock.advance(0.45)
    assert not runtime.ended.is_set()
    await clock.advance(0.1)
    await driver.living
    assert runtime.ended.is_set()


async def test_without_extensions_nobody_is_asked(driver):
    runtime = await driver.ready()
    await driver.close()
    assert not runtime.process.terminated.is_set()


async def test_an_environment_can_be_closed_while_it_is_being_reset(drive, programs, clock):
    programs("watcher")
    driver = drive()
    extension, _, runtime = await ready(driver, "SHUTDOWN")
    invoking = await driver.invoked(runtime)
    await clock.advance(3.1)
    assert driver.state is EnvironmentState.RESETTING
    driver.environment.close()
    assert json.loads((await invoking).payload)["errorType"] == "Sandbox.Timedout"
    await end_runtime(runtime)
    extension.exit()
    await driver.living
    assert driver.available.qsize() == 0


async def test_a_host_that_can_not_start_a_program_ends_the_environment(drive, programs, fakes):
    programs("watcher")
    fakes.isolation.failure = OSError("no")
    driver = drive()
    with pytest.raises(OSError, match="no"):
        await driver.living
