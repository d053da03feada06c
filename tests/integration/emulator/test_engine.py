"""The engine of `lambent rie`, in this process, with real processes of its function."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.emulator import FUNCTIONS, emulator_environment, python_command
from tests.support.emulator_extensions import SILENT, write_extension

from lambent.domain.errors import ServiceError
from lambent.domain.identifiers import new_uuid
from lambent.domain.invocation import Invocation
from lambent.emulator.engine import open_engine
from lambent.emulator.settings import load_settings
from lambent.execution_environment import initialization

if TYPE_CHECKING:
    from pathlib import Path

    from lambent.domain.invocation import InvocationResult
    from lambent.emulator.engine import Engine


class Driver:
    """An engine, and calls to it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def call(self, event: Any = None, **options: Any) -> asyncio.Task[InvocationResult]:
        invocation = Invocation(
            request_id=new_uuid(),
            invoked_arn=self.engine.version.arn,
            payload=json.dumps(event).encode(),
            trace_header="",
        )
        return asyncio.create_task(self.engine.invoke(invocation, **options))

    async def until(self, **counts: int) -> None:
        """Until its statistics say this."""
        async with asyncio.timeout(30):
            while any(  # noqa: ASYNC110 - the engine tells nobody of its counts
                getattr(self.engine.statistics(), key) != counts[key] for key in counts
            ):
                await asyncio.sleep(0.01)


@pytest.fixture
async def drive(monkeypatch: pytest.MonkeyPatch):
    async with AsyncExitStack() as stack:

        async def start(handler: str, **variables: str) -> Driver:
            monkeypatch.chdir(FUNCTIONS)
            settings = load_settings(python_command(handler), emulator_environment(**variables))
            return Driver(await stack.enter_async_context(open_engine(settings)))

        yield start


async def test_a_result_has_the_end_of_the_log_for_who_wants_it(drive):
    driver = await drive("function.printer")
    result = await driver.call({"text": "hello"}, wants_log_tail=True)
    lines = result.log_tail.decode().splitlines()
    assert [line.split()[0] for line in lines] == ["START", "hello", "END", "REPORT"]
    assert (await driver.call({"text": "hello"})).log_tail == b""


async def test_an_extension_that_never_registers_holds_no_call_for_ever(
    drive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(initialization, "INIT_SECONDS", 0.3)
    layers = write_extension(tmp_path, "silent", SILENT)
    driver = await drive(
        "function.echo", LAMBENT_LAYERS_ROOT=str(layers), AWS_LAMBDA_FUNCTION_TIMEOUT="1"
    )
    result = await driver.call(1)
    assert result.error_type == "Sandbox.Timedout"


async def test_while_it_drains_calls_at_work_and_in_line_end_and_new_ones_are_refused(drive):
    driver = await drive("function.sleeper")
    calls = [driver.call({"seconds": 0.2}) for _ in range(2)]
    await driver.until(calls=2, waiting=1)
    draining = asyncio.create_task(driver.engine.drain())
    await asyncio.sleep(0)
    with pytest.raises(ServiceError, match="stopped"):
        await driver.call()
    await draining
    assert [call.result().is_function_error for call in calls] == [False, False]


async def test_invocations_can_be_ended_all_at_once(drive):
    driver = await drive("function.sleeper", AWS_LAMBDA_FUNCTION_TIMEOUT="900")
    calls = [driver.call({"seconds": 600}) for _ in range(3)]
    await driver.until(calls=3, waiting=2)
    driver.engine.end_invocations()
    for call in calls:
        with pytest.raises(ServiceError, match="ServiceException"):
            await call
    await driver.until(instances=0)


async def test_whoever_goes_away_while_it_waits_is_not_run(drive, tmp_path: Path):
    driver = await drive("function.sleeper")
    first = driver.call({"seconds": 0.3})
    await driver.until(waiting=1, instances=1)
    gone = driver.call({"seconds": 600})
    last = driver.call({})
    await driver.until(calls=3)
    gone.cancel()
    assert not (await first).is_function_error
    assert not (await last).is_function_error
    assert driver.engine.statistics().calls == 0


async def test_a_caller_who_goes_away_leaves_the_function_at_work(drive):
    driver = await drive("function.sleeper")
    await driver.call({})
    gone = driver.call({"seconds": 0.3})
    await driver.until(idle=0)
    gone.cancel()
    result = await driver.call({})
    assert not result.is_function_error
    assert driver.engine.statistics().instances == 1
