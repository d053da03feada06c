from __future__ import annotations

import pytest

from lambent.control_plane.function_settings.unavailable_settings import refuse_unavailable
from lambent.domain.errors import ServiceError

UNAVAILABLE = {
    "CapacityProviderConfig": {
        "LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn": "arn"}
    },
    "DurableConfig": {"ExecutionTimeout": 1},
    "ImageConfig": {"Command": ["app.handler"]},
    "PublishTo": "LATEST_PUBLISHED",
    "SomethingOfNextYear": {"On": True},
}


async def refused(call):
    with pytest.raises(ServiceError) as caught:
        await call
    assert caught.value.code == "InvalidParameterValueException"
    return caught.value.message


@pytest.mark.parametrize("member", UNAVAILABLE)
async def test_what_would_not_be_enforced_is_not_stored(api, member):
    said = f"{member} is not available in this release of Lambent: "
    message = await refused(api.create(**{member: UNAVAILABLE[member]}))
    assert message.startswith(said)
    assert len(message) > len(said)
    assert (await api("ListFunctions"))["Functions"] == []


@pytest.mark.parametrize("member", UNAVAILABLE)
async def test_an_update_is_as_strict(api, member):
    before = await api.active()
    await refused(
        api("UpdateFunctionConfiguration", FunctionName="echo", **{member: UNAVAILABLE[member]})
    )
    assert await api("GetFunctionConfiguration", FunctionName="echo") == before


@pytest.mark.parametrize(
    "empty",
    [
        {"CodeSigningConfigArn": ""},
        {"DeadLetterConfig": {}},
        {"DeadLetterConfig": {"TargetArn": ""}},
        {"FileSystemConfigs": []},
        {"ImageConfig": {}},
        {"ImageConfig": {"EntryPoint": [], "Command": [], "WorkingDirectory": ""}},
        {"KMSKeyArn": ""},
        {"Layers": []},
        {"LoggingConfig": {}},
        {"PackageType": "Zip"},
        {"SnapStart": {}},
        {"SnapStart": {"ApplyOn": "None"}},
        {"TracingConfig": {}},
        {"TracingConfig": {"Mode": "PassThrough"}},
        {"VpcConfig": {}},
        {"VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []}},
        {"VpcConfig": {"SubnetIds": [], "SecurityGroupIds": [], "Ipv6AllowedForDualStack": False}},
    ],
)
async def test_the_forms_that_mean_nothing_are_taken(api, empty):
    await api.create(**empty)


def test_a_member_inside_another_is_named_in_full():
    with pytest.raises(ServiceError, match=r"Code\.ImageUri is not available"):
        refuse_unavailable({"ZipFile": b"", "ImageUri": "b"}, {"ZipFile"}, inside="Code.")
