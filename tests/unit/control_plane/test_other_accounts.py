"""What belongs to an account, no other one reads or changes without the permission of a policy."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest

from lambent.control_plane.operations import OPERATIONS
from lambent.domain.errors import ServiceError
from lambent.protocol.model import load_model

STRANGER = "999999999999"
ARN = "arn:aws:lambda:eu-central-1:123456789012:function:echo"
LAYER = "arn:aws:lambda:eu-central-1:123456789012:layer:tools"
QUEUE = "arn:aws:sqs:eu-central-1:999999999999:queue"
# Those that are about the caller's account, and name nothing that another could own.
OF_THE_CALLER = {
    "CreateCodeSigningConfig",
    "GetAccountSettings",
    "ListCodeSigningConfigs",
    "ListFunctions",
    "ListLayers",
}
# How a request names what it is about; of those it has, the first.
SUBJECTS = (
    "UUID",
    "FunctionName",
    "Resource",
    "ResourceArn",
    "CodeSigningConfigArn",
    "LayerName",
    "Arn",
)
POLICY = {
    "Statement": {"Effect": "Allow", "Principal": "*", "Action": "lambda:*", "Resource": f"{ARN}*"}
}
# What else a request needs, or what would make it a success.
MORE: dict[str, dict[str, Any]] = {
    "AddLayerVersionPermission": {
        "VersionNumber": 1,
        "StatementId": "all",
        "Action": "lambda:GetLayerVersion",
        "Principal": "*",
    },
    "AddPermission": {"StatementId": "s", "Action": "lambda:*", "Principal": STRANGER},
    "CreateAlias": {"Name": "new", "FunctionVersion": "1"},
    "CreateEventSourceMapping": {"EventSourceArn": QUEUE},
    "CreateFunctionUrlConfig": {"AuthType": "NONE", "Qualifier": "next"},
    "DeleteAlias": {"Name": "live"},
    "DeleteFunctionEventInvokeConfig": {"Qualifier": "live"},
    "DeleteFunctionUrlConfig": {"Qualifier": "live"},
    "DeleteLayerVersion": {"VersionNumber": 1},
    "DeleteProvisionedConcurrencyConfig": {"Qualifier": "live"},
    "GetAlias": {"Name": "live"},
    "GetFunctionEventInvokeConfig": {"Qualifier": "live"},
    "GetFunctionUrlConfig": {"Qualifier": "live"},
    "GetLayerVersion": {"VersionNumber": 1},
    "GetLayerVersionPolicy": {"VersionNumber": 1},
    "GetPolicy": {"Qualifier": "live"},
    "GetProvisionedConcurrencyConfig": {"Qualifier": "live"},
    "PutFunctionConcurrency": {"ReservedConcurrentExecutions": 0},
    "PutFunctionEventInvokeConfig": {"MaximumRetryAttempts": 1},
    "PutFunctionRecursionConfig": {"RecursiveLoop": "Allow"},
    "PutProvisionedConcurrencyConfig": {"Qualifier": "1", "ProvisionedConcurrentExecutions": 2},
    "PutResourcePolicy": {"Policy": json.dumps(POLICY)},
    "PutRuntimeManagementConfig": {"UpdateRuntimeOn": "FunctionUpdate"},
    "RemoveLayerVersionPermission": {"VersionNumber": 1, "StatementId": "s"},
    "RemovePermission": {"StatementId": "s", "Qualifier": "live"},
    "TagResource": {"Tags": {"a": "b"}},
    "UntagResource": {"TagKeys": ["team"]},
    "UpdateAlias": {"Name": "live", "FunctionVersion": "$LATEST"},
    "UpdateCodeSigningConfig": {"Description": "new"},
    "UpdateEventSourceMapping": {"Enabled": False},
    "UpdateFunctionConfiguration": {"Description": "new"},
    "UpdateFunctionEventInvokeConfig": {"Qualifier": "live", "MaximumRetryAttempts": 0},
    "UpdateFunctionUrlConfig": {"Qualifier": "live", "AuthType": "AWS_IAM"},
}


def subject_of(operation):
    members = load_model("lambda").operation_model(operation).input_shape.members
    return next((each for each in SUBJECTS if each in members), None)


async def refusal(call):
    with pytest.raises(ServiceError) as caught:
        await call
    return caught.value.code, caught.value.message


@pytest.fixture
async def owned(api, archive_of):
    """All that an account can have; answers how it is named, by the member that names it."""
    await api.active(Publish=True, Tags={"team": "a"})
    for alias in ("live", "next"):
        await api("CreateAlias", FunctionName="echo", Name=alias, FunctionVersion="1")
    live = {"FunctionName": "echo", "Qualifier": "live"}
    await api("CreateFunctionUrlConfig", **live, AuthType="NONE")
    await api("PutFunctionEventInvokeConfig", **live, MaximumRetryAttempts=1)
    await api("PutProvisionedConcurrencyConfig", **live, ProvisionedConcurrentExecutions=1)
    await api("PutFunctionConcurrency", FunctionName="echo", ReservedConcurrentExecutions=5)
    permission = {"StatementId": "s", "Action": "lambda:InvokeFunction"}
    await api("AddPermission", **live, **permission, Principal="s3.amazonaws.com")
    publishers = {"SigningProfileVersionArns": ["arn:aws:signer:::/signing-profiles/p"]}
    signing = await api("CreateCodeSigningConfig", AllowedPublishers=publishers)
    config = {"CodeSigningConfigArn": signing["CodeSigningConfig"]["CodeSigningConfigArn"]}
    await api("PutFunctionCodeSigningConfig", FunctionName="echo", **config)
    mapping = await api("CreateEventSourceMapping", FunctionName="echo", EventSourceArn=QUEUE)
    await api("PublishLayerVersion", LayerName="tools", Content={"ZipFile": archive_of()})
    return {
        "FunctionName": ARN,
        "Resource": ARN,
        "ResourceArn": ARN,
        **config,
        "UUID": mapping["UUID"],
        "LayerName": LAYER,
        "Arn": f"{LAYER}:1",
        "EventSourceMappingArn": mapping["EventSourceMappingArn"],
    }


@pytest.fixture
def stored(tmp_path):
    def stored():
        with sqlite3.connect(tmp_path / "lambent.sqlite3") as connection:
            content = list(connection.iterdump())
        connection.close()
        return content

    return stored


@pytest.fixture
def stranger(api, archive_of):
    other = api.of(account_id=STRANGER)

    async def call(operation, **request):
        code = {"ZipFile": archive_of("x = 1")}
        creation = {"Runtime": "python3.12", "Handler": "a.b", "Role": "arn:aws:iam::1:role/r"}
        more: dict[str, dict[str, Any]] = {
            "CreateFunction": {"Code": code, **creation},
            "PublishLayerVersion": {"Content": code},
            "UpdateFunctionCode": code,
        }
        return await other(
            operation, **{**more.get(operation, {}), **MORE.get(operation, {}), **request}
        )

    return call


def test_every_operation_is_about_something_or_about_the_caller():
    assert {each for each in OPERATIONS if subject_of(each) is None} == OF_THE_CALLER


@pytest.mark.parametrize("operation", sorted(OPERATIONS.keys() - OF_THE_CALLER))
async def test_what_is_another_accounts_is_neither_read_nor_changed(
    stranger, owned, stored, operation
):
    before = stored()
    subject = subject_of(operation)
    more = (
        {"CodeSigningConfigArn": owned["CodeSigningConfigArn"]}
        if operation == "PutFunctionCodeSigningConfig"
        else {}
    )
    code, message = await refusal(stranger(operation, **more, **{subject: owned[subject]}))
    assert stored() == before
    if subject in ("CodeSigningConfigArn", "UUID"):
        assert code == "ResourceNotFoundException"
    elif operation == "CreateEventSourceMapping":
        assert (code, message) == ("InvalidParameterValueException", "Function does not exist")
    else:
        assert code == "AccessDeniedException"
    if subject in ("FunctionName", "Resource", "ResourceArn") and " on resource: " in message:
        assert f" lambda:{operation} on resource: {ARN}" in message
    # And nobody is told what there is.
    absent = str(owned[subject]).replace("echo", "none").replace("tools", "none")
    assert await refusal(stranger(operation, **more, **{subject: absent})) == (
        code,
        message.replace("echo", "none").replace("tools", "none"),
    )


@pytest.mark.parametrize("operation", ["ListTags", "TagResource", "UntagResource"])
@pytest.mark.parametrize("named", ["CodeSigningConfigArn", "EventSourceMappingArn"])
async def test_other_resources_have_no_tags_for_another_account(
    stranger, owned, stored, operation, named
):
    before = stored()
    code, _ = await refusal(stranger(operation, Resource=owned[named]))
    assert code == "ResourceNotFoundException"
    assert stored() == before


async def test_a_mapping_is_not_led_to_another_accounts_function(api, stranger, owned):
    await api.of(account_id=STRANGER).create("own")
    mapping = await stranger("CreateEventSourceMapping", FunctionName="own")
    code, message = await refusal(
        stranger("UpdateEventSourceMapping", UUID=mapping["UUID"], FunctionName=ARN)
    )
    assert (code, message) == ("InvalidParameterValueException", "Function does not exist")


async def allow(api, *actions, qualifier=None):
    for number, action in enumerate(actions):
        request = {"Qualifier": qualifier} if qualifier else {}
        await api(
            "AddPermission",
            FunctionName="echo",
            StatementId=f"allowed-{number}",
            Action=f"lambda:{action}",
            Principal=STRANGER,
            **request,
        )


async def test_another_account_may_do_what_the_functions_policy_allows(api, stranger, owned):
    await allow(api, "GetFunction", "CreateAlias", "ListTags")
    answer = await stranger("GetFunction", FunctionName=ARN)
    assert answer["Configuration"]["FunctionArn"] == ARN
    assert await stranger("ListTags", Resource=ARN) == {"Tags": {"team": "a"}}
    assert (await stranger("CreateAlias", FunctionName=ARN))["AliasArn"] == f"{ARN}:new"
    for operation in ("GetFunctionConfiguration", "DeleteAlias", "DeleteFunction"):
        assert (await refusal(stranger(operation, FunctionName=ARN)))[0] == "AccessDeniedException"
    # That is about the function without a qualifier.
    code, _ = await refusal(stranger("GetFunction", FunctionName=f"{ARN}:live"))
    assert code == "AccessDeniedException"


async def test_a_permission_for_an_alias_is_none_for_the_whole_function(api, stranger, owned):
    await allow(api, "*", qualifier="live")
    answer = await stranger("GetFunction", FunctionName=f"{ARN}:live")
    assert answer["Configuration"]["FunctionArn"] == f"{ARN}:live"
    for operation in (
        "CreateAlias",
        "DeleteFunctionCodeSigningConfig",
        "ListVersionsByFunction",
        "PublishVersion",
        "PutFunctionConcurrency",
        "PutFunctionRecursionConfig",
    ):
        code, message = await refusal(stranger(operation, FunctionName=f"{ARN}:live"))
        assert code == "AccessDeniedException"
        assert f"lambda:{operation} on resource: {ARN} " in message


async def test_a_destination_does_not_tell_whether_another_accounts_function_exists(
    api, stranger, owned
):
    await api.of(account_id=STRANGER).create("own")

    async def put(name):
        on_failure = {"OnFailure": {"Destination": ARN.replace("echo", name)}}
        request = {"FunctionName": "own", "DestinationConfig": on_failure}
        return await stranger("PutFunctionEventInvokeConfig", **request)

    assert await refusal(put("echo")) == (
        "InvalidParameterValueException",
        f"The destination ARN {ARN} is invalid.",
    )
    await allow(api, "InvokeFunction")
    assert (await put("echo"))["DestinationConfig"]["OnFailure"] == {"Destination": ARN}
