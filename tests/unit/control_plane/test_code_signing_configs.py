from __future__ import annotations

import logging

import pytest

from lambent.domain.errors import ServiceError

PROFILE = "arn:aws:signer:eu-central-1:123456789012:/signing-profiles/mine/1"
ABSENT = "arn:aws:lambda:eu-central-1:123456789012:code-signing-config:csc-0123456789abcdefx"


async def refused(call):
    with pytest.raises(ServiceError) as caught:
        await call
    return caught.value


async def created(api, **request):
    answer = await api(
        "CreateCodeSigningConfig",
        **{"AllowedPublishers": {"SigningProfileVersionArns": [PROFILE]}, **request},
    )
    return answer["CodeSigningConfig"]


async def test_what_is_created_is_answered_and_found(api):
    config = await created(
        api,
        Description="mine",
        CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Enforce"},
    )
    identifier = config["CodeSigningConfigId"]
    assert identifier.startswith("csc-")
    assert len(identifier) == 21
    assert config == {
        "CodeSigningConfigId": identifier,
        "CodeSigningConfigArn": (
            f"arn:aws:lambda:eu-central-1:123456789012:code-signing-config:{identifier}"
        ),
        "Description": "mine",
        "AllowedPublishers": {"SigningProfileVersionArns": [PROFILE]},
        "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": "Enforce"},
        "LastModified": "2026-01-31T12:00:00.000+0000",
    }
    arn = config["CodeSigningConfigArn"]
    found = await api("GetCodeSigningConfig", CodeSigningConfigArn=arn)
    assert found == {"CodeSigningConfig": config}


async def test_an_untrusted_artifact_is_warned_of_unless_said_otherwise(api):
    policies = (await created(api))["CodeSigningPolicies"]
    assert policies == {"UntrustedArtifactOnDeployment": "Warn"}


async def test_the_log_says_that_signatures_are_not_checked(api, caplog):
    with caplog.at_level(logging.WARNING):
        arn = (await created(api))["CodeSigningConfigArn"]
    assert arn in caplog.text
    assert "Signatures of deployment packages are not checked yet" in caplog.text


async def test_an_update_changes_what_it_names(api):
    config = await created(api, Description="mine")
    api.clock.advance(seconds=1)
    updated = await api(
        "UpdateCodeSigningConfig",
        CodeSigningConfigArn=config["CodeSigningConfigArn"],
        CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Enforce"},
    )
    assert updated["CodeSigningConfig"] == {
        **config,
        "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": "Enforce"},
        "LastModified": "2026-01-31T12:00:01.000+0000",
    }


async def test_an_update_of_nothing_changes_nothing(api):
    config = await created(api)
    api.clock.advance(seconds=1)
    updated = await api(
        "UpdateCodeSigningConfig", CodeSigningConfigArn=config["CodeSigningConfigArn"]
    )
    assert updated["CodeSigningConfig"] == config


@pytest.mark.parametrize(
    "operation",
    [
        "DeleteCodeSigningConfig",
        "GetCodeSigningConfig",
        "ListFunctionsByCodeSigningConfig",
        "UpdateCodeSigningConfig",
    ],
)
async def test_one_that_is_not_there_is_not_found(api, operation):
    elsewhere = await created(api.of(region="us-east-1"))
    foreign = await created(api.of(account_id="000000000000"))
    for arn in (ABSENT, elsewhere["CodeSigningConfigArn"], foreign["CodeSigningConfigArn"]):
        error = await refused(api(operation, CodeSigningConfigArn=arn))
        assert error.code == "ResourceNotFoundException"
        assert error.message == f"The Lambda code signing configuration {arn} can not be found."
        assert error.members == {"Type": None}


async def test_the_oldest_are_listed_first_in_pages(api):
    arns = []
    for _ in range(5):
        arns.append((await created(api))["CodeSigningConfigArn"])
        api.clock.advance(milliseconds=1)
    await created(api.of(region="us-east-1"))
    first = await api("ListCodeSigningConfigs", MaxItems=3)
    second = await api("ListCodeSigningConfigs", MaxItems=3, Marker=first["NextMarker"])
    assert second["NextMarker"] is None
    listed = [*first["CodeSigningConfigs"], *second["CodeSigningConfigs"]]
    assert [config["CodeSigningConfigArn"] for config in listed] == arns


async def test_a_function_gets_and_loses_one(api):
    await api.create()
    arn = (await created(api))["CodeSigningConfigArn"]
    attached = {"CodeSigningConfigArn": arn, "FunctionName": "echo"}
    answer = await api(
        "PutFunctionCodeSigningConfig", FunctionName="echo", CodeSigningConfigArn=arn
    )
    assert answer == attached
    assert await api("GetFunctionCodeSigningConfig", FunctionName="echo") == attached
    assert await api("DeleteFunctionCodeSigningConfig", FunctionName="echo") == {}
    assert await api("GetFunctionCodeSigningConfig", FunctionName="echo") == {}
    assert await api("DeleteFunctionCodeSigningConfig", FunctionName="echo") == {}


async def test_functions_with_one_are_listed_in_pages(api):
    arn = (await created(api))["CodeSigningConfigArn"]
    for name in ("one", "two", "three"):
        await api.create(name)
        await api("PutFunctionCodeSigningConfig", FunctionName=name, CodeSigningConfigArn=arn)
    await api.create("other")
    found, request = [], {"CodeSigningConfigArn": arn, "MaxItems": 2}
    while True:
        page = await api("ListFunctionsByCodeSigningConfig", **request)
        found += [function.rpartition(":")[2] for function in page["FunctionArns"]]
        if page["NextMarker"] is None:
            break
        request["Marker"] = page["NextMarker"]
    assert found == ["one", "three", "two"]


async def test_one_that_a_function_has_is_not_deleted(api):
    await api.create()
    arn = (await created(api))["CodeSigningConfigArn"]
    await api("PutFunctionCodeSigningConfig", FunctionName="echo", CodeSigningConfigArn=arn)
    error = await refused(api("DeleteCodeSigningConfig", CodeSigningConfigArn=arn))
    assert error.code == "ResourceConflictException"
    await api("DeleteFunction", FunctionName="echo")
    assert await api("DeleteCodeSigningConfig", CodeSigningConfigArn=arn) == {}


async def test_the_configuration_is_looked_for_before_the_function(api):
    arn = (await created(api))["CodeSigningConfigArn"]
    put = "PutFunctionCodeSigningConfig"
    error = await refused(api(put, FunctionName="nobody", CodeSigningConfigArn=ABSENT))
    assert error.code == "CodeSigningConfigNotFoundException"
    assert error.message == (
        "The code signing configuration cannot be found. Check that the provided configuration "
        f"is not deleted: {ABSENT}."
    )
    error = await refused(api(put, FunctionName="nobody", CodeSigningConfigArn=arn))
    assert error.code == "ResourceNotFoundException"
    for operation in ("GetFunctionCodeSigningConfig", "DeleteFunctionCodeSigningConfig"):
        error = await refused(api(operation, FunctionName="nobody"))
        assert error.code == "ResourceNotFoundException"


async def test_a_function_has_those_of_its_own_account_only(api):
    await api.create()
    foreign = (await created(api.of(account_id="000000000000")))["CodeSigningConfigArn"]
    error = await refused(
        api("PutFunctionCodeSigningConfig", FunctionName="echo", CodeSigningConfigArn=foreign)
    )
    assert error.code == "CodeSigningConfigNotFoundException"


async def test_a_function_is_created_with_one(api):
    arn = (await created(api))["CodeSigningConfigArn"]
    await api.create(CodeSigningConfigArn=arn)
    found = await api("GetFunctionCodeSigningConfig", FunctionName="echo")
    assert found["CodeSigningConfigArn"] == arn


async def test_a_function_is_not_created_without_the_one_it_is_to_have(api):
    missing = "arn:aws:lambda:eu-central-1:123456789012:code-signing-config:csc-" + "0" * 17
    with pytest.raises(ServiceError) as refused:
        await api.create(CodeSigningConfigArn=missing)
    assert refused.value.code == "CodeSigningConfigNotFoundException"
    assert (await api("ListFunctions"))["Functions"] == []


async def test_all_of_it_outlives_a_restart(opened_api, tmp_path):
    async with opened_api(tmp_path) as api:
        await api.create()
        config = await created(api, Tags={"a": "1"})
        arn = config["CodeSigningConfigArn"]
        await api("PutFunctionCodeSigningConfig", FunctionName="echo", CodeSigningConfigArn=arn)
    async with opened_api(tmp_path) as api:
        found = await api("GetCodeSigningConfig", CodeSigningConfigArn=arn)
        assert found["CodeSigningConfig"] == config
        assert (await api("ListTags", Resource=arn))["Tags"] == {"a": "1"}
        listed = await api("ListFunctionsByCodeSigningConfig", CodeSigningConfigArn=arn)
        assert len(listed["FunctionArns"]) == 1
