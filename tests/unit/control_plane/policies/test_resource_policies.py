from __future__ import annotations

import json

import pytest

from lambent.domain.errors import ServiceError

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:echo"
STATEMENT = {
    "Sid": "all",
    "Effect": "Allow",
    "Principal": {"AWS": "999999999999"},
    "Action": ["lambda:InvokeFunction", "lambda:GetFunction"],
    "Resource": f"{ARN}*",
}
DOCUMENT = {"Version": "2012-10-17", "Statement": [STATEMENT]}
NOT_THERE = ("ResourceNotFoundException", "The resource you requested does not exist.")


async def refused(call):
    with pytest.raises(ServiceError) as caught:
        await call
    return caught.value.code, caught.value.message


@pytest.fixture
async def function(api):
    return await api.active(Publish=True)


@pytest.fixture
def put(api, function):
    async def put(document=DOCUMENT, arn=ARN, **request):
        text = document if isinstance(document, str) else json.dumps(document)
        return await api("PutResourcePolicy", ResourceArn=arn, Policy=text, **request)

    return put


@pytest.mark.parametrize("arn", [ARN, f"{ARN}:1"])
async def test_a_policy_is_put_read_and_deleted(api, put, arn):
    answer = await put(arn=arn)
    assert json.loads(answer["Policy"]) == DOCUMENT
    assert await api("GetResourcePolicy", ResourceArn=arn) == answer
    assert await api("GetPolicy", FunctionName=arn) == answer
    assert await api("DeleteResourcePolicy", ResourceArn=arn) == {}
    assert await refused(api("GetResourcePolicy", ResourceArn=arn)) == NOT_THERE
    assert await refused(api("DeleteResourcePolicy", ResourceArn=arn)) == NOT_THERE


async def test_it_takes_the_place_of_what_was_added_and_more_can_be_added(api, put):
    permission = {
        "FunctionName": "echo",
        "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com",
    }
    await api("AddPermission", **permission, StatementId="gone")
    await put({"Statement": STATEMENT})
    await api("AddPermission", **permission, StatementId="more")
    policy = json.loads((await api("GetResourcePolicy", ResourceArn=ARN))["Policy"])
    assert [each["Sid"] for each in policy["Statement"]] == ["all", "more"]
    call = api("AddPermission", **permission, StatementId="all")
    assert (await refused(call))[0] == "ResourceConflictException"
    await api("RemovePermission", FunctionName="echo", StatementId="all")
    await api("RemovePermission", FunctionName="echo", StatementId="more")
    assert await refused(api("GetResourcePolicy", ResourceArn=ARN)) == NOT_THERE


async def test_a_change_may_be_meant_for_one_revision_only(api, put):
    first = (await put())["RevisionId"]
    second = (await put(RevisionId=first))["RevisionId"]
    wrong = (
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetResourcePolicy API to retrieve the latest Revision Id",
    )
    assert await refused(put(RevisionId=first)) == wrong
    delete = api("DeleteResourcePolicy", ResourceArn=ARN, RevisionId=first)
    assert await refused(delete) == wrong
    await api("DeleteResourcePolicy", ResourceArn=ARN, RevisionId=second)


@pytest.mark.parametrize(
    ("arn", "answer"),
    [
        (f"{ARN}x", ("ResourceNotFoundException", f"Function not found: {ARN}x")),
        (f"{ARN}:7", ("ResourceNotFoundException", f"Function not found: {ARN}:7")),
        (f"{ARN}:old", ("ResourceNotFoundException", f"Cannot find alias arn: {ARN}:old")),
        (
            f"{ARN}:$LATEST",
            (
                "InvalidParameterValueException",
                "We currently do not support adding policies for $LATEST.",
            ),
        ),
    ],
)
async def test_what_can_have_no_policy_is_refused(api, put, arn, answer):
    assert await refused(put(arn=arn)) == answer
    assert await refused(api("GetResourcePolicy", ResourceArn=arn)) == NOT_THERE


async def test_runtimes_have_no_policies(api):
    arn = "arn:aws:lambda:eu-central-1:123456789012:runtime/mine"
    code, message = await refused(api("GetResourcePolicy", ResourceArn=arn))
    assert code == "InvalidParameterValueException"
    assert "not available in this release of Lambent" in message


@pytest.mark.parametrize(
    "document",
    [
        "{",
        {"Statement": []},
        {"Statement": [{**STATEMENT, "NotAction": "*"}]},
        {"Statement": [{**STATEMENT, "Condition": {"IpAddress": {"aws:SourceIp": "::"}}}]},
        {"Statement": [{**STATEMENT, "Action": ["lambda:Invoke*", "s3:GetObject"]}]},
        {"Statement": [{**STATEMENT, "Resource": [ARN, f"{ARN}x"]}]},
    ],
)
async def test_a_policy_that_cannot_be_evaluated_is_not_stored(api, put, document):
    assert (await refused(put(document)))[0] == "InvalidParameterValueException"
    assert await refused(api("GetResourcePolicy", ResourceArn=ARN)) == NOT_THERE


async def test_nobody_can_lock_themselves_out(api, put):
    await put({"Statement": {**STATEMENT, "Effect": "Deny", "Principal": "*", "Action": "*"}})
    assert await api("DeleteResourcePolicy", ResourceArn=ARN) == {}


async def test_another_account_needs_permission_for_the_policy_too(api, put):
    await put()
    stranger = api.of(account_id="999999999999")
    for operation, request in (
        ("GetResourcePolicy", {}),
        ("PutResourcePolicy", {"Policy": json.dumps(DOCUMENT)}),
        ("DeleteResourcePolicy", {}),
    ):
        code, message = await refused(stranger(operation, ResourceArn=ARN, **request))
        assert code == "AccessDeniedException"
        assert f"lambda:{operation} on resource: {ARN} because no" in message


@pytest.mark.parametrize("kind", ["root", "role/a"])
async def test_the_log_says_that_an_identity_stands_for_its_account(put, caplog, kind):
    identities = ["999999999999", f"arn:aws:iam::999999999999:{kind}"]
    await put({"Statement": {**STATEMENT, "Principal": {"AWS": identities}}})
    assert ("PutResourcePolicy.Policy of" in caplog.text) is (kind == "role/a")
