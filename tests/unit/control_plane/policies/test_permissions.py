from __future__ import annotations

import asyncio
import json

import pytest

from lambent.domain.errors import ServiceError
from lambent.domain.quotas import FUNCTION_POLICY_BYTES

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:echo"
BUCKET = "arn:aws:s3:::bucket"
NOT_THERE = ("ResourceNotFoundException", "The resource you requested does not exist.")
NO_POLICY = ("ResourceNotFoundException", "No policy is associated with the given resource.")
WRONG_REVISION = (
    "PreconditionFailedException",
    "The Revision Id provided does not match the latest Revision Id. "
    "Call the GetPolicy API to retrieve the latest Revision Id",
)


async def refused(call):
    with pytest.raises(ServiceError) as caught:
        await call
    return caught.value.code, caught.value.message


@pytest.fixture
async def published(api):
    """A function with version 1 and the alias live."""
    await api.active(Publish=True)
    await api("CreateAlias", FunctionName="echo", Name="live", FunctionVersion="1")


@pytest.fixture
def add(api, published):
    async def add(sid="s3", **request):
        request = {
            "FunctionName": "echo",
            "StatementId": sid,
            "Action": "lambda:InvokeFunction",
            "Principal": "s3.amazonaws.com",
            **request,
        }
        return json.loads((await api("AddPermission", **request))["Statement"])

    return add


@pytest.fixture
def remove(api):
    async def remove(sid="s3", **request):
        return await api(
            "RemovePermission", **{"FunctionName": "echo", "StatementId": sid, **request}
        )

    return remove


@pytest.fixture
def policy(api):
    async def policy(**request):
        return await api("GetPolicy", **{"FunctionName": "echo", **request})

    return policy


async def names(answer):
    return [each["Sid"] for each in json.loads((await answer)["Policy"])["Statement"]]


async def revision(api, **request):
    answer = await api("GetFunctionConfiguration", **{"FunctionName": "echo", **request})
    return answer["RevisionId"]


@pytest.mark.parametrize(
    ("principal", "is_told"),
    [
        ("arn:aws:iam::999999999999:user/a", True),
        ("arn:aws:sts::999999999999:assumed-role/a/b", True),
        ("arn:aws:iam::999999999999:root", False),
        ("999999999999", False),
        ("s3.amazonaws.com", False),
        ("*", False),
    ],
)
async def test_the_log_says_that_an_identity_stands_for_its_account(
    add, caplog, principal, is_told
):
    await add(Principal=principal)
    assert (f"AddPermission.Principal of {ARN} " in caplog.text) is is_told


async def test_a_permission_is_a_statement_of_the_policy(api, add, policy):
    added = await add(SourceArn=BUCKET)
    assert list(added) == ["Sid", "Effect", "Principal", "Action", "Resource", "Condition"]
    assert added == {
        "Sid": "s3",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": ARN,
        "Condition": {"ArnLike": {"AWS:SourceArn": BUCKET}},
    }
    answer = await policy()
    assert " " not in answer["Policy"]
    assert json.loads(answer["Policy"]) == {
        "Version": "2012-10-17",
        "Id": "default",
        "Statement": [added],
    }


async def test_every_condition_member_has_an_operator_and_a_key(add):
    added = await add(
        "url",
        Action="lambda:InvokeFunctionUrl",
        Principal="*",
        SourceArn=BUCKET,
        SourceAccount="123456789012",
        PrincipalOrgID="o-1234567890",
        FunctionUrlAuthType="NONE",
    )
    assert added["Principal"] == "*"
    assert json.dumps(added["Condition"]) == json.dumps(
        {
            "StringEquals": {
                "AWS:SourceAccount": "123456789012",
                "lambda:FunctionUrlAuthType": "NONE",
                "aws:PrincipalOrgID": "o-1234567890",
            },
            "ArnLike": {"AWS:SourceArn": BUCKET},
        }
    )
    alexa = await add("alexa", Principal="alexa-appkit.amazon.com", EventSourceToken="amzn1.ask")
    assert alexa["Condition"] == {"StringEquals": {"lambda:EventSourceToken": "amzn1.ask"}}
    for is_via_url, text in ((True, "true"), (False, "false")):
        via_url = await add(text, Principal="*", InvokedViaFunctionUrl=is_via_url)
        assert via_url["Condition"] == {"Bool": {"lambda:InvokedViaFunctionUrl": text}}


@pytest.mark.parametrize(
    ("principal", "written"),
    [
        ("*", "*"),
        ("lambda.amazonaws.com", {"Service": "lambda.amazonaws.com"}),
        ("999999999999", {"AWS": "arn:aws:iam::999999999999:root"}),
        ("arn:aws:iam::999999999999:user/a", {"AWS": "arn:aws:iam::999999999999:user/a"}),
    ],
)
async def test_a_principal_is_written_as_what_it_is(add, principal, written):
    added = await add(Principal=principal)
    assert added["Principal"] == written
    assert "Condition" not in added


async def test_an_account_of_another_partition_has_its_root_there(api, archive_of):
    china = api.of(region="cn-north-1")
    await china.create()
    answer = await china(
        "AddPermission",
        FunctionName="echo",
        StatementId="s",
        Action="lambda:*",
        Principal="999999999999",
    )
    root = {"AWS": "arn:aws-cn:iam::999999999999:root"}
    assert json.loads(answer["Statement"])["Principal"] == root


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            {"Principal": "invalid.nonaws.com"},
            "The provided principal was invalid. Please check the principal and try again.",
        ),
        ({"Action": "lambda:Fly"}, "The action lambda:Fly is none of Lambda's."),
        (
            {"FunctionUrlAuthType": "NONE"},
            "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action",
        ),
        (
            {"InvokedViaFunctionUrl": True, "Action": "lambda:InvokeFunctionUrl"},
            "InvokedViaFunctionUrl is only supported for lambda:InvokeFunction action",
        ),
        (
            {"EventSourceToken": "t", "SourceArn": BUCKET},
            "EventSourceToken cannot be used together with SourceArn or SourceAccount.",
        ),
        (
            {"FunctionName": "echo:live", "Qualifier": "42"},
            "The derived qualifier from the function name does not match the specified qualifier.",
        ),
        (
            {"FunctionName": "echo:$LATEST", "Qualifier": "$LATEST"},
            "We currently do not support adding policies for $LATEST.",
        ),
    ],
)
async def test_what_makes_no_permission_is_refused(add, policy, request_, message):
    assert await refused(add(**request_)) == ("InvalidParameterValueException", message)
    assert await refused(policy()) == NOT_THERE


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"FunctionName": "x"}, f"Function not found: {ARN[:-4]}x"),
        ({"Qualifier": "42"}, f"Function not found: {ARN}:42"),
        ({"FunctionName": "echo:old"}, f"Cannot find alias arn: {ARN}:old"),
        ({"Qualifier": "with-$-in-it"}, f"Function not found: {ARN}:with-$-in-it"),
    ],
)
async def test_what_does_not_exist_has_no_permissions(add, policy, request_, message):
    assert await refused(add(**request_)) == ("ResourceNotFoundException", message)
    assert await refused(policy(**request_)) == NOT_THERE


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        ({}, NO_POLICY),
        ({"Qualifier": "1"}, NO_POLICY),
        ({"Qualifier": "$LATEST"}, NO_POLICY),
        (
            {"FunctionName": "x"},
            ("ResourceNotFoundException", f"No policy found for: {ARN[:-4]}x"),
        ),
        (
            {"Qualifier": "old"},
            ("ResourceNotFoundException", f"Cannot find alias arn: {ARN}:old"),
        ),
    ],
)
async def test_without_a_policy_nothing_is_removed(published, remove, request_, answer):
    assert await refused(remove(**request_)) == answer


async def test_a_statement_is_added_once(add, policy):
    await add()
    assert await refused(add(Principal="sns.amazonaws.com")) == (
        "ResourceConflictException",
        "The statement id (s3) provided already exists. "
        "Please provide a new statement id, or remove the existing statement.",
    )
    assert await names(policy()) == ["s3"]


async def test_statements_are_removed_one_by_one_and_the_policy_with_the_last(add, remove, policy):
    for sid in ("a", "b", "c"):
        await add(sid)
    assert await remove("b") == {}
    assert await names(policy()) == ["a", "c"]
    assert await refused(remove("b")) == (
        "ResourceNotFoundException",
        "Statement b is not found in resource policy.",
    )
    await remove("a")
    await remove("c")
    assert await refused(policy()) == NOT_THERE
    assert await refused(remove("c")) == NO_POLICY


async def test_each_qualifier_has_a_policy_of_its_own(add, remove, policy):
    await add(Principal="*")
    assert await refused(policy(Qualifier="1")) == NOT_THERE
    for qualifier in ("1", "live"):
        added = await add(FunctionName=f"echo:{qualifier}", Qualifier=qualifier)
        assert added["Resource"] == f"{ARN}:{qualifier}"
        assert json.loads((await policy(Qualifier=qualifier))["Policy"])["Statement"] == [added]
    await remove(Qualifier="1")
    assert await refused(policy(FunctionName="echo:1")) == NOT_THERE
    assert await names(policy()) == ["s3"]
    assert await names(policy(Qualifier="live")) == ["s3"]


async def test_a_policy_has_revisions_of_its_own(api, add, remove, policy):
    function = await revision(api)
    alias = await api("GetAlias", FunctionName="echo", Name="live")
    revisions = []
    for sid in ("a", "b"):
        await add(sid)
        revisions.append((await policy())["RevisionId"])
    await remove("b")
    revisions.append((await policy())["RevisionId"])
    await add(Qualifier="live", RevisionId=alias["RevisionId"])
    assert len({*revisions, function}) == 4
    assert await revision(api) == function
    assert await api("GetAlias", FunctionName="echo", Name="live") == alias


async def test_a_policy_keeps_its_revision_when_the_function_changes(api, add, policy):
    await add()
    before = await policy()
    await api.updated("UpdateFunctionConfiguration", FunctionName="echo", Timeout=9)
    assert await policy() == before
    assert await refused(add("next", RevisionId=await revision(api))) == WRONG_REVISION
    await add("next", RevisionId=before["RevisionId"])


async def test_a_change_may_be_meant_for_one_revision_only(api, add, remove, policy):
    assert await refused(add(RevisionId="wrong")) == WRONG_REVISION
    await add(RevisionId=await revision(api))
    first = (await policy())["RevisionId"]
    await add("other", RevisionId=first)
    assert await refused(remove(RevisionId=first)) == WRONG_REVISION
    await remove(RevisionId=(await policy())["RevisionId"])
    assert await names(policy()) == ["other"]


async def test_permissions_added_at_once_are_all_there(add, policy):
    await asyncio.gather(*(add(f"s{number}") for number in range(10)))
    assert sorted(await names(policy())) == [f"s{number}" for number in range(10)]


async def test_of_many_that_mean_one_revision_one_succeeds(api, add, policy):
    latest = await revision(api)
    calls = [add(f"s{number}", RevisionId=latest) for number in range(5)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(each, ServiceError) for each in outcomes) == 4
    assert len(await names(policy())) == 1


async def test_a_policy_has_a_largest_size(add, policy):
    size = len(json.dumps(await add("0" * 100), separators=(",", ":"))) + 1
    fitting = (FUNCTION_POLICY_BYTES - 60) // size
    for number in range(1, fitting):
        await add(f"{number:0100}")
    code, message = await refused(add(f"{fitting:0100}"))
    assert code == "PolicyLengthExceededException"
    assert message.endswith(f"is bigger than the limit ({FUNCTION_POLICY_BYTES}).")
    assert len(await names(policy())) == fitting


async def test_policies_go_with_what_they_belong_to(api, add, policy):
    for request in ({}, {"Qualifier": "live"}):
        await add(**request)
    await api("DeleteAlias", FunctionName="echo", Name="live")
    await api("CreateAlias", FunctionName="echo", Name="live", FunctionVersion="1")
    assert await refused(policy(Qualifier="live")) == NOT_THERE
    assert await names(policy()) == ["s3"]
    await api("DeleteFunction", FunctionName="echo")
    await api.active()
    assert await refused(policy()) == NOT_THERE


async def test_a_permission_is_not_left_behind_by_what_is_deleted_meanwhile(api, add, policy):
    await asyncio.gather(
        api("DeleteAlias", FunctionName="echo", Name="live"),
        add(Qualifier="live"),
        return_exceptions=True,
    )
    await api("CreateAlias", FunctionName="echo", Name="live", FunctionVersion="1")
    assert await refused(policy(Qualifier="live")) == NOT_THERE


async def test_another_account_needs_permission_for_the_policy_too(api, add, remove, policy):
    await add("theirs", Principal="999999999999", Action="lambda:GetPolicy")
    stranger = api.of(account_id="999999999999")
    assert await names(stranger("GetPolicy", FunctionName=ARN)) == ["theirs"]
    for operation in ("AddPermission", "RemovePermission"):
        call = stranger(
            operation, FunctionName=ARN, StatementId="theirs", Principal="*", Action="*"
        )
        code, message = await refused(call)
        assert code == "AccessDeniedException"
        assert f"perform: lambda:{operation} on resource: {ARN} because no" in message
