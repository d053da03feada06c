from __future__ import annotations

import asyncio

import pytest
from tests.unit.control_plane.conftest import no_snapshot

from lambent.control_plane.deployment import Deployments
from lambent.domain.errors import ServiceError

FULL_DISK = ServiceError("ServiceException", "No space left on device")


async def state(api, **request):
    answer = await api("GetFunctionConfiguration", FunctionName="echo", **request)
    names = (
        "State",
        "StateReasonCode",
        "StateReason",
        "LastUpdateStatus",
        "LastUpdateStatusReasonCode",
        "LastUpdateStatusReason",
    )
    return {name: answer[name] for name in names if answer[name] is not None}


def failing(error):
    async def unpack(code_sha256):
        raise error

    return unpack


async def test_the_package_is_unpacked_before_a_function_is_active(api):
    created = await api.create()
    task_root = api.plane.packages.task_root(created["CodeSha256"])
    assert not task_root.exists()
    await api.settle()
    assert (task_root / "index.py").read_text().startswith("def handler")


async def test_what_a_crash_left_unfinished_is_taken_up_at_the_next_start(api):
    await api.active("updated")
    await api("UpdateFunctionConfiguration", FunctionName="updated", Timeout=9)
    await api.create(Publish=True)
    plane = api.plane
    restarted = Deployments(plane.functions, plane.packages, api.layer_contents, no_snapshot)
    restarted.recover()
    work = asyncio.create_task(restarted.run(), name="deployments")
    await restarted.wait_idle()
    work.cancel()
    await asyncio.wait([work])
    settled = {"State": "Active", "LastUpdateStatus": "Successful"}
    assert await state(api) == await state(api, Qualifier="1") == settled
    updated = await api("GetFunctionConfiguration", FunctionName="updated")
    assert updated["LastUpdateStatus"] == "Successful"


async def test_nothing_is_deployed_before_the_least_time_has_passed(api, monkeypatch):
    await api.create()
    plane = api.plane
    begun = asyncio.Event()
    unpack = plane.packages.unpack

    async def watched(code_sha256):
        begun.set()
        return await unpack(code_sha256)

    monkeypatch.setattr(plane.packages, "unpack", watched)
    stores = (plane.functions, plane.packages, api.layer_contents, no_snapshot)
    patient, hurried = Deployments(*stores, 3600.0), Deployments(*stores, 0.001)
    async with asyncio.TaskGroup() as tasks:
        work = [tasks.create_task(each.run(), name="deployments") for each in (patient, hurried)]
        patient.recover()
        await patient.wait_idle()
        assert (await state(api))["State"] == "Pending"
        hurried.recover()
        await begun.wait()
        await hurried.wait_idle()
        for each in work:
            each.cancel()
    assert (await state(api))["State"] == "Active"


async def test_a_package_that_cannot_be_unpacked_fails_the_creation(api, monkeypatch):
    await api.create()
    monkeypatch.setattr(api.plane.packages, "unpack", failing(FULL_DISK))
    await api.settle()
    assert await state(api) == {
        "State": "Failed",
        "StateReasonCode": "InternalError",
        "StateReason": "No space left on device",
    }


async def test_a_package_that_cannot_be_unpacked_fails_the_update(api, monkeypatch, archive_of):
    await api.active()
    await api("UpdateFunctionCode", FunctionName="echo", ZipFile=archive_of("pass"))
    monkeypatch.setattr(api.plane.packages, "unpack", failing(FULL_DISK))
    await api.settle()
    assert await state(api) == {
        "State": "Active",
        "LastUpdateStatus": "Failed",
        "LastUpdateStatusReasonCode": "InternalError",
        "LastUpdateStatusReason": "No space left on device",
    }


async def test_a_failed_function_recovers_with_the_next_update(api, monkeypatch, archive_of):
    await api.create()
    with monkeypatch.context() as patch:
        patch.setattr(api.plane.packages, "unpack", failing(FULL_DISK))
        await api.settle()
    await api.updated("UpdateFunctionCode", FunctionName="echo", ZipFile=archive_of("pass"))
    assert await state(api) == {"State": "Active", "LastUpdateStatus": "Successful"}


async def test_a_version_published_after_a_failed_update_is_deployed_itself(
    api, monkeypatch, archive_of
):
    await api.active()
    await api("UpdateFunctionCode", FunctionName="echo", ZipFile=archive_of("pass"))
    with monkeypatch.context() as patch:
        patch.setattr(api.plane.packages, "unpack", failing(FULL_DISK))
        await api.settle()
    assert (await api("PublishVersion", FunctionName="echo"))["State"] == "Pending"
    await api.settle()
    settled = {"State": "Active", "LastUpdateStatus": "Successful"}
    assert await state(api, Qualifier="1") == settled


async def test_one_deployment_that_breaks_ends_no_other(api, monkeypatch, caplog):
    await api.create("broken")
    await api.create()
    unpack = api.plane.packages.unpack
    broken = iter([RuntimeError("a bug")])

    async def unpack_or_break(code_sha256):
        for error in broken:
            raise error
        return await unpack(code_sha256)

    monkeypatch.setattr(api.plane.packages, "unpack", unpack_or_break)
    await api.settle()
    assert (await state(api))["State"] == "Active"
    assert "a bug" in caplog.text


async def test_a_function_deleted_while_it_is_deployed_stays_deleted(api, monkeypatch):
    await api.create()
    unpack = api.plane.packages.unpack

    async def delete_and_unpack(code_sha256):
        await api("DeleteFunction", FunctionName="echo")
        return await unpack(code_sha256)

    monkeypatch.setattr(api.plane.packages, "unpack", delete_and_unpack)
    await api.settle()
    assert (await api("ListFunctions"))["Functions"] == []


async def test_a_function_made_anew_while_it_is_deployed_gets_its_own_code(
    api, monkeypatch, archive_of
):
    await api.create()
    unpack = api.plane.packages.unpack
    replacements = iter([archive_of("pass")])

    async def replace_and_unpack(code_sha256):
        for archive in replacements:
            await api("DeleteFunction", FunctionName="echo")
            await api.create(Code={"ZipFile": archive})
        return await unpack(code_sha256)

    monkeypatch.setattr(api.plane.packages, "unpack", replace_and_unpack)
    await api.settle()
    stored = await api("GetFunctionConfiguration", FunctionName="echo")
    assert stored["State"] == "Active"
    root = api.plane.packages.task_root(stored["CodeSha256"])
    assert (root / "index.py").read_text() == "pass"


async def test_deploying_stops_when_it_is_cancelled(api):
    work = asyncio.create_task(api.plane.deployments.run(), name="deployments")
    await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
