from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from lambent.control_plane.deployment_packages import code_location
from lambent.domain.errors import ServiceError

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:echo"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def present(answer):
    return {name: value for name, value in answer.items() if value is not None}


async def refused(call, code):
    with pytest.raises(ServiceError) as caught:
        await call
    assert caught.value.code == code
    return caught.value.message


async def test_create_answers_a_pending_function_with_its_defaults(api, archive_of):
    answer = present(await api.create())
    assert UUID.fullmatch(answer.pop("RevisionId"))
    archive = archive_of()
    assert answer == {
        "FunctionName": "echo",
        "FunctionArn": ARN,
        "Runtime": "python3.12",
        "Role": "arn:aws:iam::123456789012:role/lambda",
        "Handler": "index.handler",
        "CodeSize": len(archive),
        "CodeSha256": base64.b64encode(hashlib.sha256(archive).digest()).decode(),
        "Description": "",
        "Timeout": 3,
        "MemorySize": 128,
        "LastModified": "2026-01-31T12:00:00.000+0000",
        "Version": "$LATEST",
        "TracingConfig": {"Mode": "PassThrough"},
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/echo"},
        "RuntimeVersionConfig": {
            "RuntimeVersionArn": "arn:aws:lambda:eu-central-1::runtime:python3.12-2"
        },
        "State": "Pending",
        "StateReason": "The function is being created.",
        "StateReasonCode": "Creating",
    }


async def test_a_function_becomes_active_with_a_new_revision(api):
    created = await api.create()
    await api.settle()
    active = present(await api("GetFunctionConfiguration", FunctionName="echo"))
    assert active["State"] == "Active"
    assert active["LastUpdateStatus"] == "Successful"
    assert active["RevisionId"] != created["RevisionId"]
    assert active["LastModified"] == created["LastModified"]
    assert not {"StateReason", "StateReasonCode", "LastUpdateStatusReason"} & active.keys()


async def test_create_keeps_all_that_is_said(api):
    answer = await api.active(
        Description="says it again",
        Timeout=900,
        MemorySize=10240,
        EphemeralStorage={"Size": 10240},
        Environment={"Variables": {"GREETING": "hëllo"}},
        Architectures=["x86_64"],
    )
    assert answer["Description"] == "says it again"
    assert answer["Timeout"] == 900
    assert answer["MemorySize"] == 10240
    assert answer["EphemeralStorage"] == {"Size": 10240}
    assert answer["Environment"] == {"Variables": {"GREETING": "hëllo"}}


async def test_an_empty_environment_is_not_the_same_as_none(api):
    assert (await api.active("with", Environment={"Variables": {}}))["Environment"] == {
        "Variables": {}
    }
    assert (await api.active("without"))["Environment"] is None


async def test_create_and_publish_answers_version_1_without_a_qualified_arn(api):
    created = await api.create(Publish=True)
    assert (created["Version"], created["FunctionArn"]) == ("1", ARN)
    assert created["State"] == "Pending"
    await api.settle()
    latest = await api("GetFunctionConfiguration", FunctionName="echo")
    version = await api("GetFunctionConfiguration", FunctionName="echo", Qualifier="1")
    assert latest["State"] == version["State"] == "Active"
    assert version["FunctionArn"] == f"{ARN}:1"
    assert len({created["RevisionId"], latest["RevisionId"], version["RevisionId"]}) == 3


@pytest.mark.parametrize(
    "name",
    [
        "echo",
        "function:echo",
        "123456789012:function:echo",
        "123456789012:echo",
        "eu-central-1:123456789012:function:echo",
        ARN,
    ],
)
async def test_every_form_of_a_name_creates_and_finds_the_same_function(api, name):
    assert (await api.create(name))["FunctionArn"] == ARN
    assert (await api("GetFunction", FunctionName=name))["Configuration"]["FunctionArn"] == ARN


async def test_a_name_is_taken_once(api):
    await api.create()
    message = await refused(api.create(), "ResourceConflictException")
    assert message == "Function already exist: echo"


async def test_of_two_creators_at_once_one_wins(api):
    results = await asyncio.gather(api.create(), api.create(), return_exceptions=True)
    failures = [result for result in results if isinstance(result, ServiceError)]
    assert [failure.code for failure in failures] == ["ResourceConflictException"]


async def test_the_same_name_lives_in_every_account_and_region(api):
    elsewhere = [api.of(region="us-east-1"), api.of(account_id="000000000000")]
    for each in (api, *elsewhere):
        await each.create()
    arns = {
        (await each("GetFunctionConfiguration", FunctionName="echo"))["FunctionArn"]
        for each in (api, *elsewhere)
    }
    assert len(arns) == 3


async def test_a_name_may_not_be_longer_than_64_characters(api):
    await api.create("a" * 64)
    message = await refused(api.create("a" * 65), "InvalidParameterValueException")
    assert message == (
        f"1 validation error detected: Value '{'a' * 65}' at 'functionName' failed to satisfy "
        "constraint: Member must have length less than or equal to 64"
    )


async def test_nobody_creates_functions_in_another_account(api):
    arn = "arn:aws:lambda:eu-central-1:000000000000:function:echo"
    await refused(api.create(arn), "AccessDeniedException")


async def test_nobody_creates_functions_in_another_region(api):
    arn = "arn:aws:lambda:us-east-1:123456789012:function:echo"
    message = await refused(api.create(arn), "ResourceNotFoundException")
    assert message == (
        "Functions from 'us-east-1' are not reachable in this region ('eu-central-1')"
    )


@pytest.mark.parametrize("missing", ["Runtime", "Handler"])
async def test_runtime_and_handler_are_needed(api, archive_of, missing):
    request = {
        "FunctionName": "echo",
        "Role": "arn:aws:iam::123456789012:role/lambda",
        "Runtime": "python3.12",
        "Handler": "index.handler",
        "Code": {"ZipFile": archive_of()},
    }
    del request[missing]
    message = await refused(api("CreateFunction", **request), "InvalidParameterValueException")
    assert message == (
        "Runtime and Handler are mandatory parameters for functions created with deployment "
        "packages."
    )


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"Code": {}}, "Please provide a source for function code."),
        ({"Code": {"S3Bucket": "b", "S3Key": "k"}}, "Code cannot be read from S3: "),
        ({"Code": {"ImageUri": "image"}}, "Code.ImageUri is not available"),
        ({"PackageType": "Image"}, "PackageType is not available"),
        ({"Code": {"ZipFile": b"not a zip"}}, "Could not unzip uploaded file."),
    ],
)
async def test_only_a_zip_file_makes_a_function(api, request_, said):
    message = await refused(api.create(**request_), "InvalidParameterValueException")
    assert message.startswith(said)
    assert (await api("ListFunctions"))["Functions"] == []


async def test_a_function_can_have_its_code_signing_configuration_from_the_start(api):
    signers = {"SigningProfileVersionArns": ["arn:aws:signer:eu-central-1:1:/signing-profiles/a"]}
    config = await api("CreateCodeSigningConfig", AllowedPublishers=signers)
    arn = config["CodeSigningConfig"]["CodeSigningConfigArn"]
    await api.create(CodeSigningConfigArn=arn)
    found = await api("GetFunctionCodeSigningConfig", FunctionName="echo")
    assert found["CodeSigningConfigArn"] == arn
    await refused(
        api.create("other", CodeSigningConfigArn=f"{arn[:-1]}x"),
        "CodeSigningConfigNotFoundException",
    )
    assert len((await api("ListFunctions"))["Functions"]) == 1


async def test_too_large_a_package_is_refused(api):
    message = await refused(
        api.create(Code={"ZipFile": bytes(52428801)}), "RequestEntityTooLargeException"
    )
    assert message == "Zipped size must be smaller than 52428800 bytes"


async def test_too_many_tags_make_no_function(api):
    message = await refused(
        api.create(Tags={str(number): "" for number in range(51)}),
        "InvalidParameterValueException",
    )
    assert message == "Number of tags exceeds resource tag limit."


async def test_get_answers_configuration_code_and_tags(api):
    await api.active(Tags={"team": "blue"})
    answer = await api("GetFunction", FunctionName="echo")
    assert answer["Tags"] == {"team": "blue"}
    assert answer["Code"]["RepositoryType"] == "S3"
    assert answer["Configuration"] == await api("GetFunctionConfiguration", FunctionName="echo")


async def test_get_answers_no_tags_when_there_are_none(api):
    await api.active()
    assert present(await api("GetFunction", FunctionName="echo")).keys() == {
        "Configuration",
        "Code",
    }


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("", "http://127.0.0.1:9000"),
        ("lambda.example:8080", "http://lambda.example:8080"),
        ("[::1]:9000", "http://[::1]:9000"),
        ("evil.example/?x=", "http://127.0.0.1:9000"),
    ],
)
async def test_the_code_is_linked_where_the_caller_reaches_us(api, host, base):
    created = await api.create()
    api.caller = replace(api.caller, host=host)
    location = (await api("GetFunction", FunctionName="echo"))["Code"]["Location"]
    assert location.startswith(f"{base}/_lambent/code/")
    parts = urlsplit(location)
    key, now = api.plane.code_location_key, api.clock().timestamp()
    assert code_location.verify(key, parts.path, parts.query, now) == created["CodeSha256"]


@pytest.mark.parametrize("operation", ["GetFunction", "GetFunctionConfiguration"])
@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ({"FunctionName": "nobody"}, "nobody"),
        ({"FunctionName": "nobody", "Qualifier": "$LATEST"}, "nobody:$LATEST"),
        ({"FunctionName": "a" * 65}, "a" * 65),
        ({"FunctionName": "echo", "Qualifier": "1221"}, "echo:1221"),
        ({"FunctionName": "echo:1221"}, "echo:1221"),
        ({"FunctionName": "echo", "Qualifier": "live"}, "echo:live"),
        ({"FunctionName": "echo", "Qualifier": "$latest"}, "echo:$latest"),
    ],
)
async def test_what_does_not_exist_is_not_found(api, operation, request_, named):
    await api.create()
    message = await refused(api(operation, **request_), "ResourceNotFoundException")
    assert message == (
        f"Function not found: arn:aws:lambda:eu-central-1:123456789012:function:{named}"
    )


async def test_the_arn_is_qualified_exactly_when_the_caller_asked_so(api):
    await api.active(Publish=True)
    for request, arn in [
        ({}, ARN),
        ({"Qualifier": "$LATEST"}, f"{ARN}:$LATEST"),
        ({"Qualifier": "1"}, f"{ARN}:1"),
    ]:
        answer = await api("GetFunctionConfiguration", FunctionName="echo", **request)
        assert answer["FunctionArn"] == arn


async def test_no_function_has_a_code_signing_config(api):
    await api.create()
    assert await api("GetFunctionCodeSigningConfig", FunctionName="echo") == {}
    await refused(
        api("GetFunctionCodeSigningConfig", FunctionName="nobody"), "ResourceNotFoundException"
    )


async def test_delete_removes_all_versions(api):
    await api.active(Publish=True)
    assert await api("DeleteFunction", FunctionName="echo") == {"StatusCode": 204}
    for request in ({}, {"Qualifier": "1"}):
        await refused(
            api("GetFunction", FunctionName="echo", **request), "ResourceNotFoundException"
        )
    assert (await api("ListFunctions", FunctionVersion="ALL"))["Functions"] == []


async def test_delete_of_a_version_leaves_the_others(api):
    await api.active(Publish=True)
    await api("DeleteFunction", FunctionName="echo", Qualifier="1")
    versions = (await api("ListVersionsByFunction", FunctionName="echo"))["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST"]


async def test_delete_of_a_version_that_is_not_there_is_done_already(api):
    await api.create()
    assert await api("DeleteFunction", FunctionName="echo:7") == {"StatusCode": 204}
    assert await api("DeleteFunction", FunctionName="echo", Qualifier="$latest") == {
        "StatusCode": 204
    }


@pytest.mark.parametrize(
    ("request_", "code", "said"),
    [
        (
            {"FunctionName": "echo", "Qualifier": "$LATEST"},
            "InvalidParameterValueException",
            "$LATEST version cannot be deleted without deleting the function.",
        ),
        (
            {"FunctionName": "echo", "Qualifier": "live"},
            "InvalidParameterValueException",
            "Deletion of aliases is not currently supported.",
        ),
        (
            {"FunctionName": "echo:1", "Qualifier": "2"},
            "InvalidParameterValueException",
            "The derived qualifier from the function name does not match the specified qualifier.",
        ),
        (
            {"FunctionName": "nobody", "Qualifier": "1"},
            "ResourceNotFoundException",
            "Function not found: arn:aws:lambda:eu-central-1:123456789012:function:nobody",
        ),
    ],
)
async def test_delete_refuses_as_aws_does(api, request_, code, said):
    await api.create()
    assert await refused(api("DeleteFunction", **request_), code) == said


async def test_of_two_deletions_at_once_one_finds_nothing(api):
    await api.create()
    results = await asyncio.gather(
        *(api("DeleteFunction", FunctionName="echo") for _ in range(2)), return_exceptions=True
    )
    failures = [result for result in results if isinstance(result, ServiceError)]
    assert [failure.code for failure in failures] == ["ResourceNotFoundException"]
