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


async def listed(api):
    answer = await api("ListVersionsByFunction", FunctionName="echo")
    return [version["Version"] for version in answer["Versions"]]


async def test_a_version_is_active_at_once_and_keeps_its_revision(api):
    latest = await api.active()
    answer = await api("PublishVersion", FunctionName="echo")
    assert (answer["Version"], answer["FunctionArn"]) == ("1", f"{ARN}:1")
    assert (answer["State"], answer["LastUpdateStatus"]) == ("Active", "Successful")
    assert answer["RevisionId"] != latest["RevisionId"]
    assert await api("GetFunctionConfiguration", FunctionName="echo:1") == answer


async def test_publishing_gives_latest_a_new_revision(api):
    before = await api.active()
    await api("PublishVersion", FunctionName="echo")
    after = await api("GetFunctionConfiguration", FunctionName="echo")
    assert after.pop("RevisionId") != before.pop("RevisionId")
    assert after == before


async def test_an_unchanged_function_is_not_published_twice(api):
    await api.active()
    first = await api("PublishVersion", FunctionName="echo", Description="of the version")
    latest = await api("GetFunctionConfiguration", FunctionName="echo")
    again = await api("PublishVersion", FunctionName="echo", Description="another")
    assert again == first
    assert await api("GetFunctionConfiguration", FunctionName="echo") == latest
    assert await listed(api) == ["$LATEST", "1"]


async def test_an_update_that_changes_nothing_makes_no_version(api):
    await api.active(Publish=True)
    await api.updated("UpdateFunctionConfiguration", FunctionName="echo", Timeout=3)
    assert (await api("PublishVersion", FunctionName="echo"))["Version"] == "1"


async def test_every_change_makes_a_version(api, archive_of):
    await api.active(Publish=True)
    changes: list[tuple[str, dict[str, object]]] = [
        ("UpdateFunctionConfiguration", {"Description": "new"}),
        ("UpdateFunctionConfiguration", {"Environment": {"Variables": {}}}),
        ("UpdateFunctionCode", {"ZipFile": archive_of("pass")}),
    ]
    for operation, change in changes:
        await api.updated(operation, FunctionName="echo", **change)
        await api("PublishVersion", FunctionName="echo")
    assert await listed(api) == ["$LATEST", "1", "2", "3", "4"]


async def test_a_version_has_the_description_given_or_that_of_latest(api):
    await api.active(Description="of the function")
    first = await api("PublishVersion", FunctionName="echo", Description="of the version")
    assert first["Description"] == "of the version"
    await api.updated("UpdateFunctionConfiguration", FunctionName="echo", Timeout=9)
    second = await api("PublishVersion", FunctionName="echo")
    assert second["Description"] == "of the function"


async def test_a_version_does_not_change_with_latest(api, archive_of):
    await api.active(Publish=True)
    version = await api("GetFunctionConfiguration", FunctionName="echo:1")
    await api.updated("UpdateFunctionCode", FunctionName="echo", ZipFile=archive_of("pass"))
    await api.updated("UpdateFunctionConfiguration", FunctionName="echo", Timeout=9)
    assert await api("GetFunctionConfiguration", FunctionName="echo:1") == version


async def test_no_environment_of_latest_serves_a_version(api):
    await api.active(Publish=True)
    versions = api.plane.functions.versions("123456789012", "eu-central-1", "echo")
    assert len({version.configuration_id for version in versions}) == 2


async def test_numbers_are_never_used_again(api):
    await api.active(Publish=True)
    await api("DeleteFunction", FunctionName="echo:1")
    assert (await api("PublishVersion", FunctionName="echo"))["Version"] == "2"


async def test_a_function_made_again_counts_on(api):
    for number in ("1", "2"):
        assert (await api.create(Publish=True))["Version"] == number
        await api.settle()
        await api("DeleteFunction", FunctionName="echo")
    await api.active()
    assert await listed(api) == ["$LATEST"]


async def test_what_was_deleted_is_published_again_under_a_new_number(api):
    await api.active(Publish=True)
    await api.updated("UpdateFunctionConfiguration", FunctionName="echo", Timeout=9)
    await api("PublishVersion", FunctionName="echo")
    await api("DeleteFunction", FunctionName="echo:2")
    assert (await api("PublishVersion", FunctionName="echo"))["Version"] == "3"


async def test_there_is_nothing_but_numbers_to_publish_to(api):
    await api.active()
    call = api("PublishVersion", FunctionName="echo", PublishTo="LATEST_PUBLISHED")
    message = await refused(call, "InvalidParameterValueException")
    assert message.startswith("PublishTo is not available in this release of Lambent")
    for operation in ("GetFunction", "GetFunctionConfiguration"):
        call = api(operation, FunctionName="echo", Qualifier="$LATEST.PUBLISHED")
        message = await refused(call, "ResourceNotFoundException")
        assert message == f"Function not found: {ARN}:$LATEST.PUBLISHED"


async def test_only_the_code_the_caller_knows_is_published(api):
    active = await api.active()
    message = await refused(
        api("PublishVersion", FunctionName="echo", CodeSha256="other"),
        "InvalidParameterValueException",
    )
    assert message == (
        f"CodeSHA256 (other) is different from current CodeSHA256 in $LATEST "
        f"({active['CodeSha256']}). Please try again with the CodeSHA256 in $LATEST."
    )
    answer = await api("PublishVersion", FunctionName="echo", CodeSha256=active["CodeSha256"])
    assert answer["Version"] == "1"


async def test_only_the_revision_the_caller_knows_is_published(api):
    active = await api.active()
    await refused(
        api("PublishVersion", FunctionName="echo", RevisionId="wrong"),
        "PreconditionFailedException",
    )
    answer = await api("PublishVersion", FunctionName="echo", RevisionId=active["RevisionId"])
    assert answer["Version"] == "1"


async def test_nothing_is_published_while_it_changes(api):
    await api.create()
    await refused(api("PublishVersion", FunctionName="echo"), "ResourceConflictException")
    await api.settle()
    await api("UpdateFunctionConfiguration", FunctionName="echo", Timeout=9)
    message = await refused(api("PublishVersion", FunctionName="echo"), "ResourceConflictException")
    assert message.endswith(f"An update is in progress for resource: {ARN}")


async def test_whoever_waits_for_a_function_finds_its_new_version_active_too(api, archive_of):
    """A version is never behind the `$LATEST` it was made from."""
    told = []
    replace_version = api.plane.functions.replace_version

    async def replaced(version, **options):
        await replace_version(version, **options)
        told.append((version.version, version.state, version.last_update_status))

    api.plane.functions.replace_version = replaced
    await api.active(Publish=True)
    await api("UpdateFunctionCode", FunctionName="echo", ZipFile=archive_of("pass"), Publish=True)
    await api.settle()
    deployed = [version for version, *state in told if state == ["Active", "Successful"]]
    assert deployed == ["1", "$LATEST", "2", "$LATEST"]


async def test_many_publishers_at_once_make_one_version(api):
    await api.active()
    answers = await asyncio.gather(*(api("PublishVersion", FunctionName="echo") for _ in range(8)))
    assert {answer["Version"] for answer in answers} == {"1"}
    assert await listed(api) == ["$LATEST", "1"]


async def test_what_is_not_there_is_not_published(api):
    message = await refused(api("PublishVersion", FunctionName="echo"), "ResourceNotFoundException")
    assert message == f"Function not found: {ARN}"


async def test_a_function_deleted_meanwhile_is_not_published(api):
    await api.active()
    results = await asyncio.gather(
        api("DeleteFunction", FunctionName="echo"),
        api("PublishVersion", FunctionName="echo"),
        return_exceptions=True,
    )
    assert results[0] == {"StatusCode": 204}
    assert isinstance(results[1], ServiceError)
    assert results[1].code == "ResourceNotFoundException"


async def test_versions_are_listed_by_number_with_qualified_arns(api):
    await api.active()
    for number in range(12):
        await api.updated(
            "UpdateFunctionConfiguration", FunctionName="echo", Description=str(number)
        )
        await api("PublishVersion", FunctionName="echo")
    assert await listed(api) == ["$LATEST", *(str(number) for number in range(1, 13))]
    first = await api("ListVersionsByFunction", FunctionName="echo", MaxItems=10)
    assert [version["FunctionArn"] for version in first["Versions"][:2]] == [
        f"{ARN}:$LATEST",
        f"{ARN}:1",
    ]
    assert "State" not in first["Versions"][0]
    rest = await api("ListVersionsByFunction", FunctionName="echo", Marker=first["NextMarker"])
    assert [version["Version"] for version in rest["Versions"]] == ["10", "11", "12"]
    assert rest["NextMarker"] is None


async def test_versions_of_nothing_are_not_listed(api):
    await refused(api("ListVersionsByFunction", FunctionName="echo"), "ResourceNotFoundException")
