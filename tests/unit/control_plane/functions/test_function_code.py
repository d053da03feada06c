from __future__ import annotations

import asyncio

import pytest

from lambent.aws.clients import REMEDY
from lambent.domain.errors import ServiceError

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:echo"


async def refused(call, code):
    with pytest.raises(ServiceError) as caught:
        await call
    assert caught.value.code == code
    return caught.value.message


async def test_an_update_is_in_progress_until_it_is_deployed(api, archive_of):
    before = await api.active()
    api.clock.advance(seconds=5)
    answer = await api("UpdateFunctionCode", FunctionName="echo", ZipFile=archive_of("pass"))
    assert answer["FunctionArn"] == ARN
    assert answer["CodeSha256"] != before["CodeSha256"]
    assert answer["CodeSize"] == len(archive_of("pass"))
    assert answer["LastModified"] == "2026-01-31T12:00:05.000+0000"
    assert answer["State"] == "Active"
    assert answer["LastUpdateStatus"] == "InProgress"
    assert answer["LastUpdateStatusReason"] == "The function is being created."
    assert answer["LastUpdateStatusReasonCode"] == "Creating"
    await api.settle()
    after = await api("GetFunctionConfiguration", FunctionName="echo")
    assert after["LastUpdateStatus"] == "Successful"
    assert after["LastUpdateStatusReason"] is after["LastUpdateStatusReasonCode"] is None
    revisions = {each["RevisionId"] for each in (before, answer, after)}
    assert len(revisions) == 3


async def test_new_code_is_for_new_environments_only(api, archive_of):
    await api.active()
    function = ("123456789012", "eu-central-1", "echo")
    before = api.plane.functions.version(*function)
    await api.updated("UpdateFunctionCode", FunctionName="echo", ZipFile=archive_of())
    same_code = api.plane.functions.version(*function)
    assert same_code.configuration_id == before.configuration_id
    await api.updated("UpdateFunctionCode", FunctionName="echo", ZipFile=archive_of("pass"))
    assert api.plane.functions.version(*function).configuration_id != before.configuration_id


async def test_a_dry_run_shows_the_hash_and_changes_nothing(api, archive_of):
    before = await api.active()
    answer = await api(
        "UpdateFunctionCode",
        FunctionName="echo",
        ZipFile=archive_of("pass"),
        DryRun=True,
        Publish=True,
    )
    assert answer["CodeSha256"] != before["CodeSha256"]
    assert answer["RevisionId"] == before["RevisionId"]
    assert await api("GetFunctionConfiguration", FunctionName="echo") == before
    assert len((await api("ListVersionsByFunction", FunctionName="echo"))["Versions"]) == 1


async def test_a_dry_run_finds_faults(api):
    await api.active()
    message = await refused(
        api("UpdateFunctionCode", FunctionName="echo", ZipFile=b"no zip", DryRun=True),
        "InvalidParameterValueException",
    )
    assert message.startswith("Could not unzip uploaded file.")


async def test_update_and_publish_answers_the_pending_version(api, archive_of):
    await api.active()
    answer = await api(
        "UpdateFunctionCode", FunctionName="echo", ZipFile=archive_of("pass"), Publish=True
    )
    assert (answer["Version"], answer["FunctionArn"]) == ("1", f"{ARN}:1")
    assert (answer["State"], answer["LastUpdateStatus"]) == ("Pending", None)
    version = await api("GetFunctionConfiguration", FunctionName="echo", Qualifier="1")
    assert version["RevisionId"] == answer["RevisionId"]
    latest = await api("GetFunctionConfiguration", FunctionName="echo")
    assert latest["LastUpdateStatus"] == "InProgress"
    assert latest["CodeSha256"] == version["CodeSha256"]
    await api.settle()
    version = await api("GetFunctionConfiguration", FunctionName="echo", Qualifier="1")
    assert (version["State"], version["LastUpdateStatus"]) == ("Active", "Successful")


async def test_publishing_the_same_code_again_answers_the_version_there_is(api, archive_of):
    await api.active(Publish=True)
    answer = await api(
        "UpdateFunctionCode", FunctionName="echo", ZipFile=archive_of(), Publish=True
    )
    assert (answer["Version"], answer["State"]) == ("1", "Active")


async def test_an_update_for_another_revision_is_refused(api, archive_of):
    active = await api.active()
    request = {"FunctionName": "echo", "ZipFile": archive_of("pass")}
    message = await refused(
        api("UpdateFunctionCode", **request, RevisionId="wrong"), "PreconditionFailedException"
    )
    assert message == (
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
    )
    await api("UpdateFunctionCode", **request, RevisionId=active["RevisionId"])


async def test_no_update_while_the_function_is_being_created(api, archive_of):
    await api.create()
    message = await refused(
        api("UpdateFunctionCode", FunctionName="echo", ZipFile=archive_of("pass")),
        "ResourceConflictException",
    )
    assert message == (
        f"The operation cannot be performed at this time. The resource {ARN} is currently in the "
        "following state: 'Pending'. StateReasonCode: 'Creating'"
    )


async def test_no_update_while_another_is_in_progress(api, archive_of):
    await api.active()
    request = {"FunctionName": "echo", "ZipFile": archive_of("pass")}
    await api("UpdateFunctionCode", **request)
    message = await refused(api("UpdateFunctionCode", **request), "ResourceConflictException")
    assert message == (
        "The operation cannot be performed at this time. "
        f"An update is in progress for resource: {ARN}"
    )


async def test_of_two_updates_at_once_one_wins(api, archive_of):
    await api.active()
    results = await asyncio.gather(
        *(
            api("UpdateFunctionCode", FunctionName="echo", ZipFile=archive_of(text))
            for text in ("1", "2")
        ),
        return_exceptions=True,
    )
    (failure,) = [result for result in results if isinstance(result, ServiceError)]
    assert failure.code == "ResourceConflictException"
    (won,) = [result for result in results if isinstance(result, dict)]
    stored = await api("GetFunctionConfiguration", FunctionName="echo")
    assert stored["CodeSha256"] == won["CodeSha256"]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({}, "Please provide a source for function code."),
        (
            {"ImageUri": "image"},
            "Please don't provide ImageUri when updating a function with packageType Zip.",
        ),
        (
            {"S3Bucket": "b", "S3Key": "k"},
            f"Code cannot be read from S3: no endpoint of s3 is configured: {REMEDY}. "
            "Or send it as ZipFile.",
        ),
        (
            {"Architectures": ["arm64"]},
            "Architecture arm64 is not available: this host runs x86_64. Functions with an OS-only "
            "runtime can have another where the kernel has an emulator for it (binfmt_misc).",
        ),
    ],
)
async def test_an_update_brings_a_zip_file_for_this_host(api, request_, said):
    await api.active()
    message = await refused(
        api("UpdateFunctionCode", FunctionName="echo", **request_),
        "InvalidParameterValueException",
    )
    assert message == said


async def test_the_code_of_a_version_never_changes(api, archive_of):
    await api.active(Publish=True)
    await refused(
        api("UpdateFunctionCode", FunctionName="echo:1", ZipFile=archive_of("pass")),
        "InvalidParameterValueException",
    )


async def test_the_code_of_nothing_cannot_be_updated(api, archive_of):
    message = await refused(
        api("UpdateFunctionCode", FunctionName="echo", ZipFile=archive_of()),
        "ResourceNotFoundException",
    )
    assert message == f"Function not found: {ARN}"
