from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace

import pytest
from tests.unit.execution_environment.fakes import RUNTIME, VERSION, settle

from lambent.domain.invocation import Invocation
from lambent.domain.quotas import LOG_TAIL_BYTES, MIB
from lambent.execution_environment.environment import Environment, EnvironmentUnavailable
from lambent.execution_environment.lifecycle import EnvironmentState
from lambent.sandbox.sandbox import SandboxStartFailed

FIRST = "11111111-3c7a-4697-b07a-ac58fc914c95"
SECOND = "22222222-3c7a-4697-b07a-ac58fc914c95"
INIT_ERROR_BODY = b'{"errorType":"Runtime.ImportModuleError","errorMessage":"no module"}'


def invocation(request_id=FIRST):
    return Invocation(
        request_id=request_id,
        invoked_arn=VERSION.arn,
        payload=b'{"name":"Ada"}',
        trace_header="Root=1-5759e988-bd862e3fe1be46a994272793",
    )


class Driver:
    """An environment that lives, and everything a test does to it."""

    def __init__(self, fakes, version):
        self.isolation = fakes.isolation
        self.available: asyncio.Queue[Environment] = asyncio.Queue()
        self.environment = Environment(version, fakes.parts, self.available.put_nowait)
        self.log = fakes.logs.streams[-1]
        self.living = asyncio.create_task(self.environment.run())

    @property
    def state(self):
        return self.environment.state

    async def runtime(self):
        """The runtime that was started last, or is about to be."""
        return await self.isolation.started.get()

    async def ready(self):
        """A runtime that has initialised and waits for an invocation."""
        runtime = await self.runtime()
        await runtime.poll()
        assert await self.available.get() is self.environment
        return runtime

    def invoke(self, request_id=FIRST, **options):
        return asyncio.create_task(self.environment.invoke(invocation(request_id), **options))

    async def invoked(self, runtime, request_id=FIRST, **options):
        """Invoke, and let the runtime have it."""
        invoking = self.invoke(request_id, **options)
        await runtime.receive()
        return invoking

    async def call(self, runtime, request_id=FIRST, body=b"null"):
        """A whole invocation, after which the environment is available again."""
        invoking = await self.invoked(runtime, request_id)
        await runtime.respond(request_id, body)
        await runtime.poll()
        await self.available.get()
        return await invoking

    async def close(self):
        self.environment.close()
        await self.living

    def lines(self, start=""):
        """The log's lines, with durations and times of day taken out."""
        text = re.sub(r"\d+\.\d\d ms", "_ ms", self.log.text)
        text = re.sub(r"Billed Duration: \d+ ms", "Billed Duration: _ ms", text)
        text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "TIME", text)
        return [line for line in text.splitlines() if line.startswith(start)]


@pytest.fixture
async def drive(fakes):
    """Makes environments; they are closed, and leave nothing behind."""
    before = asyncio.all_tasks()
    drivers = []

    def make(**changes):
        drivers.append(Driver(fakes, replace(VERSION, **changes)))
        return drivers[-1]

    yield make
    for driver in drivers:
        driver.environment.close()
        await asyncio.wait([driver.living], timeout=30)
        assert driver.living.done()
    assert asyncio.all_tasks() - before <= {asyncio.current_task()}


@pytest.fixture
async def driver(drive):
    return drive()


def report_line(request_id=FIRST, init="", ending=""):
    return (
        f"REPORT RequestId: {request_id}\tDuration: _ ms\tBilled Duration: _ ms\t"
        f"Memory Size: 128 MB\tMax Memory Used: 0 MB\t{init}{ending}"
    )


INIT = "Init Duration: _ ms\t"


# Well


async def test_it_initialises_serves_and_is_available_again(driver):
    runtime = await driver.ready()
    assert driver.state is EnvironmentState.READY
    result = await driver.call(runtime, body=b'"hello"')
    assert (result.payload, result.is_function_error, result.log_tail) == (b'"hello"', False, b"")
    assert driver.state is EnvironmentState.READY
    [init_start, *lines] = driver.lines()
    assert init_start.startswith("INIT_START Runtime Version: provided:al2023.v1\t")
    assert "Runtime Version ARN: arn:aws:lambda:us-east-1::runtime:" in init_start
    assert lines == [
        f"START RequestId: {FIRST} Version: $LATEST",
        f"END RequestId: {FIRST}",
        report_line(init=INIT),
    ]


async def test_the_init_duration_is_reported_once(driver):
    runtime = await driver.ready()
    await driver.call(runtime, FIRST)
    await driver.call(runtime, SECOND)
    assert driver.lines("REPORT") == [report_line(FIRST, init=INIT), report_line(SECOND)]
    assert driver.isolation.starts == 1


async def test_its_log_stream_is_named_for_the_version_and_is_its_own(drive, fakes):
    first, second = drive(version="7"), drive(version="7")
    names = [stream.names for stream in fakes.logs.streams]
    assert names[0] | {"stream": ""} == {
        "account_id": "123456789012",
        "region": "us-east-1",
        "group": "/aws/lambda/greet",
        "stream": "",
    }
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[7\][0-9a-f]{32}", names[0]["stream"])
    assert names[0]["stream"] != names[1]["stream"]
    assert first.environment.id != second.environment.id


async def test_what_the_function_prints_stands_between_start_and_end(driver):
    runtime = await driver.ready()
    invoking = await driver.invoked(runtime)
    runtime.print("hello\n")
    runtime.log("framed", at_ms=5)
    await runtime.respond(FIRST)
    await runtime.poll()
    await invoking
    await driver.available.get()
    texts = driver.log.messages
    start, end = (
        next(number for number, text in enumerate(texts) if text.startswith(word))
        for word in ("START", "END")
    )
    assert sorted(texts[start + 1 : end]) == ["framed", "hello\n"]
    assert (5, "framed") in driver.log.events


async def test_an_error_the_function_reports_leaves_the_environment_fit(driver):
    runtime = await driver.ready()
    invoking = await driver.invoked(runtime)
    await runtime.fail(FIRST, b'{"errorType":"ValueError","errorMessage":"no"}')
    result = await invoking
    assert result.is_function_error
    assert result.payload == b'{"errorType":"ValueError","errorMessage":"no"}'
    await runtime.poll()
    await driver.available.get()
    assert driver.lines("REPORT") == [report_line(init=INIT)]
    assert driver.state is EnvironmentState.READY


async def test_the_caller_has_its_answer_before_the_runtime_asks_for_more(driver):
    runtime = await driver.ready()
    assert not driver.environment.is_between_answer_and_next
    invoking = await driver.invoked(runtime)
    assert not driver.environment.is_between_answer_and_next
    await runtime.respond(FIRST, b"1")
    assert (await invoking).payload == b"1"
    assert driver.environment.is_between_answer_and_next
    assert driver.available.empty()
    await runtime.poll()
    await driver.available.get()
    assert not driver.environment.is_between_answer_and_next


async def test_a_caller_that_asks_for_the_log_gets_all_of_it(driver):
    runtime = await driver.ready()
    invoking = await driver.invoked(runtime, wants_log_tail=True)
    runtime.print("before\n")
    await runtime.respond(FIRST, b"1")
    assert not invoking.done()
    runtime.print("after\n")
    await runtime.poll()
    result = await invoking
    assert result.payload == b"1"
    lines = result.log_tail.decode().splitlines()
    assert [line.split()[0] for line in lines] == ["START", "before", "after", "END", "REPORT"]


async def test_a_last_line_without_an_end_belongs_to_its_own_invocation(driver):
    runtime = await driver.ready()
    invoking = await driver.invoked(runtime, wants_log_tail=True)
    runtime.print("no end of line")
    await runtime.respond(FIRST, b"1")
    await runtime.poll()
    assert b"no end of line\nEND RequestId: " in (await invoking).log_tail


async def test_of_a_long_log_the_caller_gets_the_end(driver):
    runtime = await driver.ready()
    invoking = await driver.invoked(runtime, wants_log_tail=True)
    for _ in range(6):
        runtime.print("x" * LOG_TAIL_BYTES + "\n")
    await runtime.respond(FIRST)
    await runtime.poll()
    tail = (await invoking).log_tail
    assert len(tail) == LOG_TAIL_BYTES
    assert tail.startswith(b"xxx")
    assert b"\nREPORT RequestId: " in tail


async def test_the_function_goes_on_when_its_caller_goes_away(driver):
    runtime = await driver.ready()
    invoking = await driver.invoked(runtime)
    invoking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await invoking
    assert driver.state is EnvironmentState.INVOKING
    await runtime.respond(FIRST)
    await runtime.poll()
    await driver.available.get()
    assert driver.lines("REPORT") == [report_line(init=INIT)]
    assert (await driver.call(runtime, SECOND, b"2")).payload == b"2"


async def test_the_most_memory_is_reported_and_never_over_the_limit(driver):
    runtime = await driver.ready()
    runtime.sandbox.memory_peak = 36 * MIB + 1
    await driver.call(runtime)
    runtime.sandbox.memory_peak = 129 * MIB
    await driver.call(runtime, SECOND)
    used = re.compile(r".* Used: (\d+) MB")
    assert used.findall("\n".join(driver.lines("REPORT"))) == ["37", "128"]


# Init


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
    assert runtime.sandbox.cpu_limits == []
    fakes.isolation.may_return.set()
    await runtime.respond(FIRST, b"1")
    assert (await invoking).payload == b"1"
    await settle()
    assert len(runtime.sandbox.cpu_limits) == 1


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
    await until_reset(driver)
    assert driver.isolation.started.empty()


async def until_reset(driver):
    """Wait for the environment to know that its runtime is gone."""
    for _ in range(100):
        if driver.state is EnvironmentState.RESET:
            return
        await asyncio.sleep(0)
    raise AssertionError(driver.state)


async def test_an_invocation_that_times_out_before_its_runtime_has_started(driver, clock):
    await (await driver.runtime()).fail_init(INIT_ERROR_BODY)
    await driver.available.get()
    driver.isolation.may_start.clear()
    invoking = driver.invoke()
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
    assert not driver.environment.was_available
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


# Time-outs and crashes


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
    driver.environment._current.timer.cancel()
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
    await until_reset(driver)
    # The old sandbox is still being taken down.
    invoking = driver.invoke()
    again = await driver.runtime()
    assert await again.next() == FIRST
    await again.respond(FIRST, b"2")
    assert (await invoking).payload == b"2"


# The end; `drive` checks that nothing is left


async def test_it_can_be_closed_before_anything_has_happened(drive):
    driver = drive()
    await driver.close()
    assert driver.isolation.starts == 0


async def test_it_can_be_closed_while_the_sandbox_starts(drive, fakes):
    fakes.isolation.may_start.clear()
    driver = drive()
    await settle()
    driver.environment.close()
    driver.isolation.may_start.set()
    await driver.living
    await driver.environment.wait_started()


async def test_it_can_be_closed_while_the_runtime_initialises(driver, clock):
    runtime = await driver.runtime()
    await driver.close()
    assert runtime.ended.is_set()
    await clock.advance(100)  # no timer is left
    assert driver.lines("INIT_REPORT") == []
    assert driver.available.empty()


async def test_it_can_be_closed_when_it_is_ready(driver):
    runtime = await driver.ready()
    await driver.close()
    assert runtime.ended.is_set()
    with pytest.raises(EnvironmentUnavailable):
        await driver.invoke()


async def test_closing_fails_the_invocation_at_work(driver, clock):
    runtime = await driver.ready()
    invoking = await driver.invoked(runtime)
    driver.environment.close()
    await clock.advance(100)
    with pytest.raises(EnvironmentUnavailable):
        await invoking
    await driver.living
    assert driver.available.empty()


async def test_it_can_be_closed_after_the_caller_has_gone(driver):
    runtime = await driver.ready()
    invoking = await driver.invoked(runtime)
    invoking.cancel()
    await asyncio.wait([invoking])
    await driver.close()


async def test_it_can_be_closed_between_answer_and_next(driver):
    runtime = await driver.ready()
    invoking = await driver.invoked(runtime)
    await runtime.respond(FIRST, b"1")
    await driver.close()
    assert (await invoking).payload == b"1"


async def test_it_can_be_closed_when_it_was_reset(driver):
    await (await driver.runtime()).fail_init(INIT_ERROR_BODY)
    await driver.available.get()
    await driver.close()
    driver.environment.close()
    assert driver.state is EnvironmentState.SHUTDOWN


async def test_it_can_be_closed_while_a_reset_runtime_starts(driver):
    await (await driver.runtime()).fail_init(INIT_ERROR_BODY)
    await driver.available.get()
    driver.isolation.may_start.clear()
    invoking = driver.invoke()
    await settle()
    driver.environment.close()
    driver.isolation.may_start.set()
    with pytest.raises(EnvironmentUnavailable):
        await invoking
    await driver.living


async def test_it_can_be_cancelled(driver):
    runtime = await driver.ready()
    invoking = await driver.invoked(runtime)
    driver.living.cancel()
    with pytest.raises(asyncio.CancelledError):
        await driver.living
    with pytest.raises(EnvironmentUnavailable):
        await invoking
    assert runtime.ended.is_set()
