from __future__ import annotations

from dataclasses import replace

import pytest

from lambent.domain.errors import ServiceError

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:echo"
VERSION = "arn:aws:lambda:eu-central-1::runtime:python3.12-{}"
PUT, GET = "PutRuntimeManagementConfig", "GetRuntimeManagementConfig"


async def refused(call, code="InvalidParameterValueException"):
    with pytest.raises(ServiceError) as caught:
        await call
    assert caught.value.code == code
    return caught.value.message


async def in_use(api, **request):
    answer = await api("GetFunctionConfiguration", FunctionName="echo", **request)
    return answer["RuntimeVersionConfig"]["RuntimeVersionArn"]


def installed(api, *versions):
    """From now on these versions of every runtime are there, newest first."""
    api.plane = replace(
        api.plane,
        runtime_version_arns=lambda name, region: [
            f"arn:aws:lambda:{region}::runtime:{name}-{version}" for version in versions
        ],
    )


async def test_a_new_function_follows_the_newest_version(api):
    await api.active()
    answer = await api(GET, FunctionName="echo")
    assert answer == {"UpdateRuntimeOn": "Auto", "FunctionArn": ARN, "RuntimeVersionArn": None}
    assert await in_use(api) == VERSION.format(2)
    installed(api, 3, 2, 1)
    assert await in_use(api) == VERSION.format(3)


async def test_manual_stays_at_exactly_the_version_it_names(api):
    before = await api.active()
    answer = await api(
        PUT, FunctionName="echo", UpdateRuntimeOn="Manual", RuntimeVersionArn=VERSION.format(1)
    )
    assert answer == {
        "UpdateRuntimeOn": "Manual",
        "FunctionArn": ARN,
        "RuntimeVersionArn": VERSION.format(1),
    }
    assert await api(GET, FunctionName="echo") == answer
    installed(api, 3, 2, 1)
    after = await api.updated("UpdateFunctionConfiguration", FunctionName="echo", Timeout=9)
    assert after["RuntimeVersionConfig"] == {"RuntimeVersionArn": VERSION.format(1)}
    assert after["RevisionId"] != before["RevisionId"]


async def test_function_update_moves_with_an_update_and_not_before(api):
    await api.active()
    answer = await api(PUT, FunctionName="echo", UpdateRuntimeOn="FunctionUpdate")
    assert answer["RuntimeVersionArn"] is None
    installed(api, 3, 2, 1)
    assert await in_use(api) == VERSION.format(2)
    await api.updated("UpdateFunctionConfiguration", FunctionName="echo", Description="new")
    assert await in_use(api) == VERSION.format(3)


async def test_from_manual_to_function_update_nothing_moves_yet(api):
    await api.active()
    await api(
        PUT, FunctionName="echo", UpdateRuntimeOn="Manual", RuntimeVersionArn=VERSION.format(1)
    )
    await api(PUT, FunctionName="echo", UpdateRuntimeOn="FunctionUpdate")
    assert await in_use(api) == VERSION.format(1)
    await api(PUT, FunctionName="echo", UpdateRuntimeOn="Auto")
    assert await in_use(api) == VERSION.format(2)


async def test_a_published_version_keeps_the_runtime_version_of_its_update(api):
    await api.active()
    await api(PUT, FunctionName="echo", UpdateRuntimeOn="FunctionUpdate")
    published = await api("PublishVersion", FunctionName="echo")
    installed(api, 3, 2, 1)
    await api.updated("UpdateFunctionConfiguration", FunctionName="echo", Timeout=9)
    assert await in_use(api, Qualifier=published["Version"]) == VERSION.format(2)
    assert await in_use(api) == VERSION.format(3)


async def test_each_version_has_a_configuration_of_its_own(api):
    await api.active()
    await api("PublishVersion", FunctionName="echo")
    answer = await api(
        PUT,
        FunctionName="echo",
        Qualifier="1",
        UpdateRuntimeOn="Manual",
        RuntimeVersionArn=VERSION.format(1),
    )
    assert answer["FunctionArn"] == f"{ARN}:1"
    assert (await api(GET, FunctionName="echo", Qualifier="1"))["UpdateRuntimeOn"] == "Manual"
    assert (await api(GET, FunctionName="echo"))["UpdateRuntimeOn"] == "Auto"


async def test_environments_of_the_earlier_setting_serve_no_longer(api):
    await api.active()
    before = api.plane.functions.version("123456789012", "eu-central-1", "echo")
    await api(
        PUT, FunctionName="echo", UpdateRuntimeOn="Manual", RuntimeVersionArn=VERSION.format(1)
    )
    after = api.plane.functions.version("123456789012", "eu-central-1", "echo")
    assert after.configuration_id != before.configuration_id
    await api(
        PUT, FunctionName="echo", UpdateRuntimeOn="Manual", RuntimeVersionArn=VERSION.format(1)
    )
    assert api.plane.functions.version("123456789012", "eu-central-1", "echo") == after


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"UpdateRuntimeOn": "Manual"}, "RuntimeVersionArn is required"),
        (
            {"UpdateRuntimeOn": "Manual", "RuntimeVersionArn": VERSION.format(9)},
            "not a version of python3.12 that is installed",
        ),
        (
            {
                "UpdateRuntimeOn": "Manual",
                "RuntimeVersionArn": VERSION.format(1).replace("3.12", "3.13"),
            },
            "not a version of python3.12 that is installed",
        ),
        ({"UpdateRuntimeOn": "Auto", "RuntimeVersionArn": VERSION.format(1)}, "not for Auto"),
    ],
)
async def test_a_setting_that_cannot_be_is_refused(api, request_, said):
    await api.active()
    assert said in await refused(api(PUT, FunctionName="echo", **request_))
    assert (await api(GET, FunctionName="echo"))["UpdateRuntimeOn"] == "Auto"


async def test_a_function_that_is_being_created_is_left_alone(api):
    await api.create()
    put = api(PUT, FunctionName="echo", UpdateRuntimeOn="FunctionUpdate")
    await refused(put, "ResourceConflictException")


async def test_with_manual_neither_runtime_nor_architecture_can_change(api):
    api.plane = replace(api.plane, emulated_architectures=frozenset({"arm64"}))
    await api.active(Runtime="provided.al2023")
    arn = VERSION.format(1).replace("python3.12", "provided.al2023")
    await api(PUT, FunctionName="echo", UpdateRuntimeOn="Manual", RuntimeVersionArn=arn)
    message = await refused(
        api("UpdateFunctionConfiguration", FunctionName="echo", Runtime="python3.13")
    )
    assert "The runtime of a function cannot be changed" in message
    message = await refused(
        api("UpdateFunctionCode", FunctionName="echo", ZipFile=b"", Architectures=["arm64"])
    )
    assert "The architecture of a function cannot be changed" in message


async def test_a_version_that_is_gone_is_told(api):
    await api.active()
    await api(
        PUT, FunctionName="echo", UpdateRuntimeOn="Manual", RuntimeVersionArn=VERSION.format(1)
    )
    installed(api, 3)
    answer = await api("GetFunctionConfiguration", FunctionName="echo")
    assert answer["RuntimeVersionConfig"]["Error"]["ErrorCode"] == "RuntimeVersionNotFound"


@pytest.mark.parametrize("operation", [PUT, GET])
async def test_there_must_be_a_function(api, operation):
    call = api(operation, FunctionName="nobody", UpdateRuntimeOn="Auto")
    await refused(call, "ResourceNotFoundException")
