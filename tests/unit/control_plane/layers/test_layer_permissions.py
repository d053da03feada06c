from __future__ import annotations

import asyncio
import json

import pytest

from lambent.domain.errors import ServiceError
from lambent.domain.quotas import LAYER_POLICY_BYTES

LAYER = "arn:aws:lambda:eu-central-1:123456789012:layer:tools"
VERSION = {"LayerName": "tools", "VersionNumber": 1}
NO_POLICY = ("ResourceNotFoundException", "No policy is associated with the given resource.")
WRONG_REVISION = (
    "PreconditionFailedException",
    "The Revision Id provided does not match the latest Revision Id. "
    "Call the GetLayerPolicy API to retrieve the latest Revision Id",
)


async def refused(call):
    with pytest.raises(ServiceError) as caught:
        await call
    return caught.value.code, caught.value.message


@pytest.fixture
async def published(api, archive_of):
    return await api(
        "PublishLayerVersion", LayerName="tools", Content={"ZipFile": archive_of("tools")}
    )


@pytest.fixture
def add(api, published):
    async def add(statement_id="s1", principal="*", **request):
        return await api(
            "AddLayerVersionPermission",
            **VERSION,
            StatementId=statement_id,
            Action="lambda:GetLayerVersion",
            Principal=principal,
            **request,
        )

    return add


@pytest.fixture
def statements(api, published):
    async def statements():
        answer = await api("GetLayerVersionPolicy", **VERSION)
        return [each["Sid"] for each in json.loads(answer["Policy"])["Statement"]]

    return statements


async def test_a_version_has_no_policy_at_first(api, published):
    assert await refused(api("GetLayerVersionPolicy", **VERSION)) == NO_POLICY
    call = api("RemoveLayerVersionPermission", **VERSION, StatementId="s1")
    assert (await refused(call))[0] == "ResourceNotFoundException"


async def test_a_permission_is_a_statement_of_the_policy(api, add):
    added = await add()
    statement = {
        "Sid": "s1",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "lambda:GetLayerVersion",
        "Resource": f"{LAYER}:1",
    }
    assert json.loads(added["Statement"]) == statement
    answer = await api("GetLayerVersionPolicy", **VERSION)
    assert answer["RevisionId"] == added["RevisionId"]
    assert json.loads(answer["Policy"]) == {
        "Version": "2012-10-17",
        "Id": "default",
        "Statement": [statement],
    }


@pytest.mark.parametrize("principal", ["999999999999", "arn:aws:iam::999999999999:root"])
async def test_an_account_is_named_by_its_root(add, principal):
    added = await add(principal=principal)
    root = {"AWS": "arn:aws:iam::999999999999:root"}
    assert json.loads(added["Statement"])["Principal"] == root


async def test_statements_are_added_and_removed_each_with_a_new_revision(api, add, statements):
    revisions = {(await add("s1"))["RevisionId"], (await add("s2"))["RevisionId"]}
    assert await statements() == ["s1", "s2"]
    assert await api("RemoveLayerVersionPermission", **VERSION, StatementId="s1") == {}
    assert await statements() == ["s2"]
    revisions.add((await api("GetLayerVersionPolicy", **VERSION))["RevisionId"])
    assert len(revisions) == 3
    await api("RemoveLayerVersionPermission", **VERSION, StatementId="s2")
    assert await refused(api("GetLayerVersionPolicy", **VERSION)) == NO_POLICY


async def test_a_statement_is_added_once(add, statements):
    await add()
    assert await refused(add(principal="999999999999")) == (
        "ResourceConflictException",
        "The statement id (s1) provided already exists. "
        "Please provide a new statement id, or remove the existing statement.",
    )
    assert await statements() == ["s1"]


async def test_a_statement_that_is_not_there_is_not_removed(api, add):
    await add()
    assert await refused(api("RemoveLayerVersionPermission", **VERSION, StatementId="s9")) == (
        "ResourceNotFoundException",
        "Statement s9 is not found in resource policy.",
    )


async def test_a_change_may_be_meant_for_one_revision_only(api, add, statements):
    assert await refused(add(RevisionId="wrong")) == WRONG_REVISION
    first = (await add())["RevisionId"]
    assert await refused(add("s2", RevisionId="wrong")) == WRONG_REVISION
    second = (await add("s2", RevisionId=first))["RevisionId"]
    remove = {**VERSION, "StatementId": "s1"}
    call = api("RemoveLayerVersionPermission", **remove, RevisionId=first)
    assert await refused(call) == WRONG_REVISION
    await api("RemoveLayerVersionPermission", **remove, RevisionId=second)
    assert await statements() == ["s2"]


async def test_permissions_added_at_once_are_all_there(add, statements):
    await asyncio.gather(*(add(f"s{number}") for number in range(10)))
    assert sorted(await statements()) == [f"s{number}" for number in range(10)]


async def test_of_many_that_mean_one_revision_one_succeeds(add, statements):
    revision = (await add())["RevisionId"]
    calls = [add(f"t{number}", RevisionId=revision) for number in range(5)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(each, ServiceError) for each in outcomes) == 4
    assert len(await statements()) == 2


@pytest.mark.parametrize(
    "version", [{**VERSION, "VersionNumber": 2}, {**VERSION, "LayerName": "x"}]
)
async def test_a_version_that_does_not_exist_has_no_permissions(api, published, version):
    arn = f"{LAYER.replace('tools', version['LayerName'])}:{version['VersionNumber']}"
    missing = ("ResourceNotFoundException", f"Layer version {arn} does not exist.")
    statement = {"StatementId": "s", "Action": "lambda:GetLayerVersion", "Principal": "*"}
    assert await refused(api("GetLayerVersionPolicy", **version)) == missing
    assert await refused(api("AddLayerVersionPermission", **version, **statement)) == missing
    call = api("RemoveLayerVersionPermission", **version, StatementId="s")
    assert await refused(call) == missing


async def test_an_organization_is_refused(add):
    code, message = await refused(add(OrganizationId="o-0123456789"))
    assert code == "InvalidParameterValueException"
    assert message.startswith("OrganizationId is not available in this release of Lambent: ")


async def test_a_policy_has_a_largest_size(api, add, statements):
    overhead = len((await add("s"))["Statement"])
    fitting = LAYER_POLICY_BYTES // (overhead + 100)
    for number in range(fitting - 1):
        await add(f"{number:0100}")
    code, message = await refused(add(f"{fitting:0100}"))
    assert code == "PolicyLengthExceededException"
    assert f"({LAYER_POLICY_BYTES})" in message
    assert len(await statements()) == fitting
    policy = (await api("GetLayerVersionPolicy", **VERSION))["Policy"]
    assert len(policy) <= LAYER_POLICY_BYTES


async def test_another_accounts_policy_is_out_of_reach(api, add):
    await add()
    stranger = api.of(account_id="999999999999")
    for operation, request in (
        ("GetLayerVersionPolicy", {}),
        ("RemoveLayerVersionPermission", {"StatementId": "s1"}),
        ("AddLayerVersionPermission", {"StatementId": "s2", "Principal": "*", "Action": "a"}),
    ):
        call = stranger(operation, LayerName=LAYER, VersionNumber=1, **request)
        code, message = await refused(call)
        assert code == "AccessDeniedException"
        assert f"lambda:{operation} on resource: {LAYER}:1" in message
