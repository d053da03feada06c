from __future__ import annotations

import pytest

from lambent.control_plane.function_settings.snap_start import check_snap_start
from lambent.domain.errors import ServiceError

ON = {"ApplyOn": "PublishedVersions"}


def refused(runtime, storage=512):
    with pytest.raises(ServiceError) as caught:
        check_snap_start(runtime, storage)
    assert caught.value.code == "InvalidParameterValueException"
    return caught.value.message


@pytest.mark.parametrize(
    "runtime", ["python3.11", "nodejs22.x", "ruby3.4", "provided.al2023", "java8.al2", "dotnet6"]
)
def test_runtimes_without_it_on_aws_are_refused_in_its_words(runtime):
    assert refused(runtime) == f"{runtime} is not supported for SnapStart enabled functions."


@pytest.mark.parametrize("runtime", ["python3.13", "java11", "java21", "dotnet8"])
def test_runtimes_with_it_on_aws_take_the_setting(runtime):
    check_snap_start(runtime, 512)


def test_more_ephemeral_storage_than_the_default_is_refused():
    check_snap_start("python3.12", 512)
    assert "512 MB" in refused("python3.12", 513)


async def test_it_is_refused_at_creation_and_in_updates(api):
    with pytest.raises(ServiceError):
        await api.create(Runtime="nodejs22.x", SnapStart=ON)
    await api.active("storage", Runtime="python3.12", SnapStart=ON)
    with pytest.raises(ServiceError):
        await api(
            "UpdateFunctionConfiguration", FunctionName="storage", EphemeralStorage={"Size": 1024}
        )


async def test_a_published_version_is_pending_until_its_snapshot_is_taken(api):
    await api.active("greet", Runtime="python3.12", SnapStart=ON)
    published = await api("PublishVersion", FunctionName="greet")
    assert published["State"] == "Pending"
    assert published["SnapStart"] == {**ON, "OptimizationStatus": "Off"}
    await api.settle()
    settled = await api("GetFunctionConfiguration", FunctionName="greet", Qualifier="1")
    assert settled["State"] == "Active"
    assert settled["SnapStart"] == {**ON, "OptimizationStatus": "On"}
    latest = await api("GetFunctionConfiguration", FunctionName="greet")
    assert latest["SnapStart"] == {**ON, "OptimizationStatus": "Off"}


async def test_a_version_that_does_not_initialise_fails(api, monkeypatch):
    await api.active("greet", Runtime="python3.12", SnapStart=ON)

    async def failing(version):
        return "Runtime.ImportModuleError"

    monkeypatch.setattr(api.plane.deployments, "_take_snapshot", failing)
    await api("PublishVersion", FunctionName="greet")
    await api.settle()
    failed = await api("GetFunctionConfiguration", FunctionName="greet", Qualifier="1")
    assert (failed["State"], failed["StateReasonCode"]) == ("Failed", "FunctionError")
    assert failed["StateReason"] == "An error occurred during function initialization."
