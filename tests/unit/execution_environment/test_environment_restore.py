"""Environments whose lives go on from a snapshot."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tests.unit.execution_environment.environment_driver import FIRST
from tests.unit.execution_environment.http_client import PREFIX

from lambent.execution_environment.prepared_sandbox import SandboxesOnDemand
from lambent.execution_environment.snap_start.restoration import RestoreFailed

HOOK_ERROR = b'{"errorType":"Runtime.AfterRestoreError","errorMessage":"not ready"}'


class Restoring:
    """Sandboxes whose runtimes wait in them already."""

    def __init__(self, isolation):
        self.others = SandboxesOnDemand(isolation)
        self.volume = self.others.volume

    async def take(self, wanted):
        taken = await self.others.take(wanted)
        taken.is_restored = True
        return taken


@pytest.fixture
async def driver(drive, fakes):
    fakes.parts = replace(fakes.parts, sandboxes=Restoring(fakes.isolation))
    return drive(initialization_type="snap-start", version="1")


async def fail(runtime):
    """Report that a hook failed, and be killed for it."""
    (await runtime.client()).send_request("POST", f"{PREFIX}/restore/error", HOOK_ERROR)
    await runtime.ended.wait()


async def failure(driver):
    with pytest.raises(RestoreFailed) as caught:
        await driver.living
    return caught.value.error.code


async def test_a_restore_is_logged_and_told_with_the_first_invocation_only(driver):
    runtime = await driver.ready()
    await driver.call(runtime)
    await driver.call(runtime)
    assert len(driver.lines("RESTORE_START")) == len(driver.lines("RESTORE_REPORT")) == 1
    first, second = driver.lines("REPORT")
    assert "\tRestore Duration: _ ms\tBilled Restore Duration: " in first
    assert "Restore" not in second
    assert not driver.lines("INIT_START")


async def test_a_hook_that_fails_ends_the_environment(driver):
    await fail(await driver.runtime())
    assert await failure(driver) == "SnapStartException"
    [line] = driver.lines("RESTORE_REPORT")
    assert line.endswith("Status: error\tError Type: Runtime.AfterRestoreError")


async def test_what_ends_while_it_is_restored_ends_the_environment(driver):
    (await driver.runtime()).exit(3)
    assert await failure(driver) == "SnapStartException"
    assert driver.lines("RESTORE_REPORT")[0].endswith("Error Type: Runtime.ExitError")


async def test_a_restore_has_ten_seconds(driver, clock):
    await driver.runtime()
    await clock.advance(9.9)
    assert not driver.living.done()
    await clock.advance(0.2)
    assert await failure(driver) == "SnapStartTimeoutException"
    assert driver.lines("RESTORE_REPORT")[0].endswith("Status: timeout")


async def test_after_a_crash_it_is_restored_within_the_next_invocation(driver):
    runtime = await driver.ready()
    await driver.call(runtime)
    runtime.exit(1)
    await driver.until_reset()
    invoking = driver.invoke()
    second = await driver.runtime()
    assert await second.next() == FIRST
    await second.respond(FIRST, b"2")
    assert (await invoking).payload == b"2"
    await second.poll()
    await driver.available.get()
    assert len(driver.lines("RESTORE_REPORT")) == 2
    assert "Restore" not in driver.lines("REPORT")[1]


async def test_a_hook_that_fails_within_an_invocation_is_that_one_s_error(driver):
    runtime = await driver.ready()
    runtime.exit(1)
    await driver.until_reset()
    invoking = driver.invoke()
    await fail(await driver.runtime())
    assert json.loads((await invoking).payload)["errorType"] == "Runtime.AfterRestoreError"
    await driver.available.get()
