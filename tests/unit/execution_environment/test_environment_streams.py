"""What becomes of a response that is streamed when its environment fails or goes on."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.unit.execution_environment.environment_driver import FIRST, SECOND

from lambent.execution_environment.lifecycle import EnvironmentState

HEAD = (
    f"POST /2018-06-01/runtime/invocation/{FIRST}/response HTTP/1.1\r\nHost: h\r\n"
    "Transfer-Encoding: chunked\r\nLambda-Runtime-Function-Response-Mode: streaming\r\n\r\n"
    "5\r\nhello\r\n"
).encode()


async def stream(driver, runtime):
    """The response of a runtime that has begun one, its connection, and its caller."""
    taken: asyncio.Queue[Any] = asyncio.Queue()
    invoking = await driver.invoked(runtime, on_stream=taken.put_nowait)
    client = await runtime.client()
    client.send(HEAD)
    response = await taken.get()
    assert await response.read() == b"hello"
    return response, client, invoking


async def test_a_stream_that_ends_is_an_answer_like_others(driver):
    runtime = await driver.ready()
    response, client, invoking = await stream(driver, runtime)
    assert not invoking.done()
    client.send(b"0\r\n\r\n")
    assert (await client.receive()).status == 202
    result = await invoking
    assert (result.payload, result.is_function_error) == (b"", False)
    assert (await response.read(), response.is_whole) == (b"", True)
    await runtime.poll()
    await driver.available.get()
    assert (await driver.call(runtime, SECOND)).payload == b"null"


async def test_a_time_out_ends_the_stream(driver, clock):
    runtime = await driver.ready()
    response, client, invoking = await stream(driver, runtime)
    client.send(b"5\r\nworld\r\n")
    assert await response.read() == b"world"
    await clock.advance(3.1)
    result = await invoking
    assert json.loads(result.payload)["errorType"] == result.error_type == "Sandbox.Timedout"
    assert (await response.read(), response.is_whole) == (b"", False)
    assert await driver.available.get() is driver.environment
    assert driver.state is EnvironmentState.RESET


async def test_a_crash_midway_is_told_as_the_end_of_the_process(driver):
    runtime = await driver.ready()
    response, client, invoking = await stream(driver, runtime)
    await client.close()
    runtime.exit(1)
    result = await invoking
    assert result.error_type == "Runtime.ExitError"
    assert (await response.read(), response.is_whole) == (b"", False)


async def test_a_server_that_stops_ends_the_stream(driver):
    runtime = await driver.ready()
    response, _, invoking = await stream(driver, runtime)
    driver.environment.close()
    await asyncio.wait([invoking])
    assert type(invoking.exception()).__name__ == "EnvironmentUnavailable"
    assert (await response.read(), response.is_whole) == (b"", False)
