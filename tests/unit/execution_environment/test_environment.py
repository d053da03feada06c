from __future__ import annotations

import asyncio
import re

import pytest
from tests.unit.execution_environment.environment_driver import (
    FIRST,
    INIT,
    SECOND,
    report_line,
)

from lambent.domain.quotas import LOG_TAIL_BYTES, MIB
from lambent.execution_environment.lifecycle import EnvironmentState


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
    stamps = [timestamp for timestamp, _ in driver.log.events]
    assert stamps == sorted(stamps)  # whatever a frame says


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


async def test_what_a_report_would_tell_is_not_measured_where_nobody_hears_it(driver):
    driver.log.unwanted = frozenset({"platform.start", "platform.end", "platform.report"})
    runtime = await driver.ready()
    runtime.sandbox.memory_peak = "not to be read"
    runtime.print("all there is")
    assert (await driver.call(runtime, body=b"1")).payload == b"1"
    assert driver.lines()[1:] == ["all there is"]
