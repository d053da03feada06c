"""The Runtime API's part in SnapStart."""

from __future__ import annotations

import pytest
from tests.unit.execution_environment.http_client import PREFIX

from lambent.execution_environment.apis.answer import Answer

RESTORE_NEXT = f"{PREFIX}/restore/next"
snap_started = pytest.mark.parametrize("runtime", ["snap-start"], indirect=True)


@snap_started
async def test_a_runtime_with_a_snapshot_is_restored_when_it_is_time(runtime):
    runtime.client.send_request("GET", RESTORE_NEXT)
    assert await runtime.environment.told.get() == ("ready to restore",)
    runtime.api.restore()
    assert (await runtime.client.receive()).status == 200
    assert (await runtime.begin()).status == 200


@snap_started
@pytest.mark.parametrize("path", ["/restore/error", "/init/error"])
async def test_a_restore_hook_that_fails_is_told(runtime, path):
    runtime.client.send_request("GET", RESTORE_NEXT)
    await runtime.environment.told.get()
    runtime.api.restore()
    await runtime.client.receive()
    body = b'{"errorType":"Runtime.AfterRestoreError"}'
    assert (await runtime.client.post(path, body)).status == 202
    error = Answer(payload=body, error_type="Runtime.AfterRestoreError")
    assert runtime.events[-1] == ("restore failed", error)


@snap_started
async def test_a_runtime_that_lost_its_connection_is_restored_too(runtime):
    runtime.client.send_request("GET", RESTORE_NEXT)
    await runtime.environment.told.get()
    await runtime.client.close()
    await runtime.lost.get()
    runtime.api.restore()
    again = await runtime.address.connect()
    assert (await again.request("GET", RESTORE_NEXT)).status == 200


@snap_started
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/restore/next", 405),
        ("GET", "/restore/error", 405),
        ("POST", "/restore/error", 403),
        ("GET", "/restore/other", 404),
    ],
)
async def test_what_is_no_part_of_a_restore_is_refused(runtime, method, path, status):
    assert (await runtime.client.request(method, PREFIX + path)).status == status


async def test_without_a_snapshot_there_is_nothing_to_restore(runtime):
    assert (await runtime.client.request("GET", RESTORE_NEXT)).status == 404
