from __future__ import annotations

import pytest

from lambent.domain.errors import ServiceError

ARN = "arn:aws:logs:us-east-1:000000000000:log-group:g"


async def names(client, **request):
    answer = await client("DescribeLogGroups", **request)
    return [group["logGroupName"] for group in answer["logGroups"]]


async def test_a_new_group_is_described_as_aws_does(client):
    await client("CreateLogGroup", logGroupName="g", kmsKeyId="key")
    [group] = (await client("DescribeLogGroups"))["logGroups"]
    assert group.pop("creationTime") > 1_700_000_000_000
    assert group == {
        "logGroupName": "g",
        "retentionInDays": None,
        "metricFilterCount": 0,
        "arn": f"{ARN}:*",
        "storedBytes": 0,
        "kmsKeyId": "key",
        "logGroupClass": "STANDARD",
        "logGroupArn": ARN,
        "deletionProtectionEnabled": False,
    }


async def test_a_second_group_of_the_name_is_refused(client):
    await client.make("g")
    with pytest.raises(ServiceError, match="The specified log group already exists") as failure:
        await client("CreateLogGroup", logGroupName="g")
    assert failure.value.code == "ResourceAlreadyExistsException"


async def test_names_of_aws_are_reserved(client):
    with pytest.raises(ServiceError, match="reserved for AWS"):
        await client("CreateLogGroup", logGroupName="aws/lambda")


async def test_a_deleted_group_is_gone_and_its_name_free(client):
    await client.make("g", "s")
    await client.put("g", "s", "old")
    await client("DeleteLogGroup", logGroupName="g")
    assert await names(client) == []
    await client.make("g", "s")
    answer = await client("FilterLogEvents", logGroupName="g")
    assert answer["events"] == []


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("DeleteLogGroup", {}),
        ("PutRetentionPolicy", {"retentionInDays": 7}),
        ("DeleteRetentionPolicy", {}),
        ("ListTagsLogGroup", {}),
        ("TagLogGroup", {"tags": {"a": "b"}}),
        ("UntagLogGroup", {"tags": ["a"]}),
        ("CreateLogStream", {"logStreamName": "s"}),
        ("DeleteLogStream", {"logStreamName": "s"}),
        ("DescribeLogStreams", {}),
        ("GetLogEvents", {"logStreamName": "s"}),
        ("FilterLogEvents", {}),
        ("PutLogEvents", {"logStreamName": "s", "logEvents": [{"timestamp": 1, "message": "m"}]}),
    ],
)
async def test_an_unknown_group_is_not_found(client, client_of, operation, members):
    await client_of(region="eu-west-1").make("g")
    await client_of(account_id="1" * 12).make("g")
    with pytest.raises(ServiceError) as failure:
        await client(operation, logGroupName="g", **members)
    assert failure.value.code == "ResourceNotFoundException"
    assert failure.value.message == "The specified log group does not exist."


async def test_deletion_protection_holds_until_it_is_lifted(client):
    await client("CreateLogGroup", logGroupName="g", deletionProtectionEnabled=True)
    with pytest.raises(ServiceError) as failure:
        await client("DeleteLogGroup", logGroupName="g")
    assert failure.value.code == "ValidationException"
    await client(
        "PutLogGroupDeletionProtection", logGroupIdentifier=ARN, deletionProtectionEnabled=False
    )
    await client("DeleteLogGroup", logGroupName="g")
    assert await names(client) == []


async def test_groups_are_listed_by_name_and_filtered(client):
    for name in ("/b/Data", "/a/data", "/b/x", "/B"):
        await client.make(name)
    assert await names(client) == ["/B", "/a/data", "/b/Data", "/b/x"]
    assert await names(client, logGroupNamePrefix="/b") == ["/b/Data", "/b/x"]
    assert await names(client, logGroupNamePattern="Data") == ["/b/Data"]
    assert await names(client, logGroupClass="DELIVERY") == []
    identifiers = ["/B", ARN.removesuffix("g") + "/b/x"]
    assert await names(client, logGroupIdentifiers=identifiers) == ["/B", "/b/x"]


async def test_prefix_and_pattern_exclude_each_other(client):
    with pytest.raises(ServiceError, match="mutually exclusive parameters"):
        await client("DescribeLogGroups", logGroupNamePrefix="a", logGroupNamePattern="a")


async def test_pages_hold_every_group_once(client):
    for number in range(7):
        await client.make(f"g{number}")
    seen: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = await client("DescribeLogGroups", limit=3, logGroupNamePrefix="g", **token)
        seen += [group["logGroupName"] for group in page["logGroups"]]
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert seen == [f"g{number}" for number in range(7)]


async def test_a_token_is_good_for_its_own_listing_only(client, client_of):
    for name in ("a1", "a2"):
        await client.make(name)
    token = (await client("DescribeLogGroups", limit=1, logGroupNamePrefix="a"))["nextToken"]
    for other in (client, client_of(region="eu-west-1")):
        with pytest.raises(ServiceError, match="The specified nextToken is invalid"):
            await other("DescribeLogGroups", limit=1, logGroupNamePrefix="a1", nextToken=token)


async def test_retention_is_set_and_removed(client):
    await client.make("g")
    await client("PutRetentionPolicy", logGroupName="g", retentionInDays=7)
    assert (await client("DescribeLogGroups"))["logGroups"][0]["retentionInDays"] == 7
    await client("DeleteRetentionPolicy", logGroupName="g")
    assert (await client("DescribeLogGroups"))["logGroups"][0]["retentionInDays"] is None


async def test_retention_is_one_of_the_allowed_numbers_of_days(client):
    await client.make("g")
    with pytest.raises(ServiceError, match="'2' at 'retentionInDays'") as failure:
        await client("PutRetentionPolicy", logGroupName="g", retentionInDays=2)
    assert failure.value.code == "InvalidParameterException"


async def test_old_and_new_tag_operations_see_the_same_tags(client):
    await client("CreateLogGroup", logGroupName="g", tags={"env": "one"})
    await client("TagResource", resourceArn=ARN, tags={"a": "1", "b": "2"})
    await client("TagLogGroup", logGroupName="g", tags={"c": "3", "env": "two"})
    expected = {"env": "two", "a": "1", "b": "2", "c": "3"}
    assert (await client("ListTagsLogGroup", logGroupName="g"))["tags"] == expected
    assert (await client("ListTagsForResource", resourceArn=f"{ARN}:*"))["tags"] == expected
    await client("UntagLogGroup", logGroupName="g", tags=["c"])
    await client("UntagResource", resourceArn=f"{ARN}:*", tagKeys=["env", "a", "absent"])
    assert (await client("ListTagsLogGroup", logGroupName="g"))["tags"] == {"b": "2"}


async def test_tags_are_limited_and_aws_keeps_its_own(client):
    await client.make("g")
    with pytest.raises(ServiceError) as failure:
        await client("TagResource", resourceArn=ARN, tags={f"k{n}": "" for n in range(51)})
    assert failure.value.code == "TooManyTagsException"
    with pytest.raises(ServiceError, match="reserved"):
        await client("TagLogGroup", logGroupName="g", tags={"aws:x": ""})


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        ("g", "InvalidParameterException"),
        ("arn:aws:logs:us-east-1:000000000000:destination:g", "InvalidParameterException"),
        (ARN.replace("us-east-1", "eu-west-1"), "ResourceNotFoundException"),
        (ARN.replace("0" * 12, "1" * 12), "ResourceNotFoundException"),
        (f"{ARN}x", "ResourceNotFoundException"),
    ],
)
async def test_arns_of_others_lead_nowhere(client, arn, code):
    await client.make("g")
    with pytest.raises(ServiceError) as failure:
        await client("ListTagsForResource", resourceArn=arn)
    assert failure.value.code == code
