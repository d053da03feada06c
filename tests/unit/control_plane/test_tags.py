from __future__ import annotations

import asyncio

import pytest

from lambent.domain.errors import ServiceError

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:echo"


async def refused(call, code):
    with pytest.raises(ServiceError) as caught:
        await call
    assert caught.value.code == code
    return caught.value.message


async def tags_of(api):
    return (await api("ListTags", Resource=ARN))["Tags"]


async def test_tags_are_added_overwritten_and_removed(api):
    await api.create(Tags={"a": "1"})
    assert await tags_of(api) == {"a": "1"}
    await api("TagResource", Resource=ARN, Tags={"a": "2", "b": "3"})
    assert await tags_of(api) == {"a": "2", "b": "3"}
    await api("UntagResource", Resource=ARN, TagKeys=["a", "never there"])
    assert await tags_of(api) == {"b": "3"}
    await api("UntagResource", Resource=ARN, TagKeys=["b"])
    assert await tags_of(api) == {}


async def test_a_change_of_tags_gives_latest_a_new_revision(api):
    before = await api.active(Tags={"a": "1"})
    await api("TagResource", Resource=ARN, Tags={"a": "2"})
    after = await api("GetFunctionConfiguration", FunctionName="echo")
    assert after.pop("RevisionId") != before.pop("RevisionId")
    assert after == before


async def test_no_change_of_tags_changes_no_revision(api):
    before = await api.active(Tags={"a": "1"})
    await api("TagResource", Resource=ARN, Tags={"a": "1"})
    await api("UntagResource", Resource=ARN, TagKeys=["b"])
    assert await api("GetFunctionConfiguration", FunctionName="echo") == before


async def test_a_function_is_deployed_though_its_tags_change_meanwhile(api):
    await api.create()
    await api("TagResource", Resource=ARN, Tags={"a": "1"})
    await api.settle()
    assert (await api("GetFunctionConfiguration", FunctionName="echo"))["State"] == "Active"
    assert await tags_of(api) == {"a": "1"}


async def test_a_function_has_at_most_50_tags(api):
    await api.create(Tags={str(number): "" for number in range(50)})
    message = await refused(
        api("TagResource", Resource=ARN, Tags={"one more": ""}), "InvalidParameterValueException"
    )
    assert message == "Number of tags exceeds resource tag limit."
    await api("TagResource", Resource=ARN, Tags={"7": "changed"})


async def test_tags_given_at_once_are_at_most_50_too(api):
    await api.create()
    calls = (
        api("TagResource", Resource=ARN, Tags={f"{caller}-{number}": "" for number in range(30)})
        for caller in range(3)
    )
    answers = await asyncio.gather(*calls, return_exceptions=True)
    refusals = [each for each in answers if isinstance(each, ServiceError)]
    assert [each.message for each in refusals] == ["Number of tags exceeds resource tag limit."] * 2
    assert len((await api("ListTags", Resource=ARN))["Tags"]) == 30


@pytest.mark.parametrize("tags", [{"": "v"}, {"k" * 129: "v"}, {"k": "v" * 257}, {"aws:mine": "v"}])
async def test_keys_and_values_have_their_limits(api, tags):
    await api.create()
    await refused(api("TagResource", Resource=ARN, Tags=tags), "InvalidParameterValueException")
    assert await tags_of(api) == {}


async def test_adding_no_tags_is_refused(api):
    await api.create()
    message = await refused(
        api("TagResource", Resource=ARN, Tags={}), "InvalidParameterValueException"
    )
    assert message == "An error occurred and the request cannot be processed."


@pytest.mark.parametrize("qualifier", ["$LATEST", "1", "live"])
async def test_versions_and_aliases_have_no_tags(api, qualifier):
    await api.create(Publish=True)
    message = await refused(
        api("TagResource", Resource=f"{ARN}:{qualifier}", Tags={"a": "1"}),
        "InvalidParameterValueException",
    )
    assert message == (
        "Tags on function aliases and versions are not supported. Please specify a function ARN."
    )


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("ListTags", {}),
        ("TagResource", {"Tags": {"a": "1"}}),
        ("UntagResource", {"TagKeys": ["a"]}),
    ],
)
@pytest.mark.parametrize(
    ("resource", "what"),
    [
        ("function:nobody", "Function"),
        ("event-source-mapping:00000000-0000-0000-0000-000000000000", "Event source mapping"),
        ("capacity-provider:mine", "Capacity provider"),
    ],
)
async def test_what_does_not_exist_has_no_tags(api, operation, request_, resource, what):
    arn = f"arn:aws:lambda:eu-central-1:123456789012:{resource}"
    message = await refused(api(operation, Resource=arn, **request_), "ResourceNotFoundException")
    assert message == f"{what} not found: {arn}"


async def code_signing_config(api):
    publishers = {"SigningProfileVersionArns": ["arn:aws:signer:eu-central-1:123456789012:/mine"]}
    answer = await api(
        "CreateCodeSigningConfig", AllowedPublishers=publishers, Tags={"a": "1", "b": "2"}
    )
    return answer["CodeSigningConfig"]["CodeSigningConfigArn"]


async def event_source_mapping(api):
    await api.create()
    answer = await api(
        "CreateEventSourceMapping",
        FunctionName="echo",
        EventSourceArn="arn:aws:sqs:eu-central-1:123456789012:jobs",
        Tags={"a": "1", "b": "2"},
    )
    return answer["EventSourceMappingArn"]


@pytest.mark.parametrize("create", [code_signing_config, event_source_mapping])
async def test_other_resources_have_tags_too(api, create):
    arn = await create(api)
    assert await api("ListTags", Resource=arn) == {"Tags": {"a": "1", "b": "2"}}
    await api("TagResource", Resource=arn, Tags={"a": "3", "c": "4"})
    await api("UntagResource", Resource=arn, TagKeys=["b", "never there"])
    assert await api("ListTags", Resource=arn) == {"Tags": {"a": "3", "c": "4"}}
    excess = {str(number): "" for number in range(49)}
    message = await refused(
        api("TagResource", Resource=arn, Tags=excess), "InvalidParameterValueException"
    )
    assert message == "Number of tags exceeds resource tag limit."


@pytest.mark.parametrize("create", [code_signing_config, event_source_mapping])
async def test_other_accounts_and_regions_do_not_see_them(api, create):
    arn = await create(api)
    for elsewhere in (api.of(region="us-east-1"), api.of(account_id="000000000000")):
        message = await refused(elsewhere("ListTags", Resource=arn), "ResourceNotFoundException")
        assert message.endswith(f" not found: {arn}")


@pytest.mark.parametrize("create", [code_signing_config, event_source_mapping])
async def test_tags_given_at_once_are_all_there(api, create):
    arn = await create(api)
    async with asyncio.TaskGroup() as group:
        for number in range(10):
            group.create_task(
                api("TagResource", Resource=arn, Tags={str(number): ""}), name=f"tag {number}"
            )
    tags = (await api("ListTags", Resource=arn))["Tags"]
    assert tags.keys() == {"a", "b", *map(str, range(10))}


async def test_a_resource_that_goes_meanwhile_is_not_found(api):
    arn = await event_source_mapping(api)
    async with api.plane.event_source_mappings.changes:
        tagging = asyncio.create_task(
            api("TagResource", Resource=arn, Tags={"c": ""}), name="tagging"
        )
        await asyncio.sleep(0)
        mapping = api.plane.event_source_mappings.get(
            "123456789012", "eu-central-1", arn.rpartition(":")[2]
        )
        await api.plane.event_source_mappings.delete(mapping)
    message = await refused(tagging, "ResourceNotFoundException")
    assert message == f"Event source mapping not found: {arn}"


async def test_what_is_no_arn_at_all_is_invalid(api):
    await refused(api("ListTags", Resource="arn:aws:something"), "ValidationException")


async def test_tags_outlive_a_restart(opened_api, tmp_path):
    async with opened_api(tmp_path) as api:
        await api.create(Tags={"a": "1", "b": "2"})
        await api("TagResource", Resource=ARN, Tags={"a": "3", "c": "4"})
        await api("UntagResource", Resource=ARN, TagKeys=["b"])
        before = await api("GetFunctionConfiguration", FunctionName="echo")
    async with opened_api(tmp_path) as api:
        assert await tags_of(api) == {"a": "3", "c": "4"}
        assert await api("GetFunctionConfiguration", FunctionName="echo") == before
