"""Code and layers from the neighbour's S3."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.aws.stand_ins import FakeAws, FakeBucket

from lambent.aws.clients import CallRefused, Scope, Unreachable
from lambent.control_plane.deployment_packages import code_source
from lambent.domain.errors import ServiceError

INVALID = "InvalidParameterValueException"
IN_S3 = {"S3Bucket": "bucket", "S3Key": "code.zip"}


async def refused(call, code=INVALID):
    with pytest.raises(ServiceError) as caught:
        await call
    assert caught.value.code == code
    return caught.value.message


@pytest.fixture
def bucket(archive_of):
    return FakeBucket({("code.zip", None): archive_of("new"), ("code.zip", "v1"): archive_of("v1")})


@pytest.fixture
def aws(bucket):
    return FakeAws({"s3": bucket})


@pytest.fixture
def near(api, aws):
    """A server with a neighbour."""
    plane = replace(api.plane, aws=aws)
    return replace(api, plane=plane)


def sha256(archive):
    return base64.b64encode(hashlib.sha256(archive).digest()).decode()


async def test_a_function_is_made_of_an_object_in_its_own_region(near, aws, archive_of):
    answer = await near.create(Code=IN_S3)
    assert answer["CodeSha256"] == sha256(archive_of("new"))
    assert aws.scopes == [Scope(account_id="123456789012", region="eu-central-1")]


async def test_an_update_takes_the_version_of_the_object_that_is_named(near, archive_of):
    await near.active()
    answer = await near("UpdateFunctionCode", FunctionName="echo", **IN_S3, S3ObjectVersion="v1")
    assert answer["CodeSha256"] == sha256(archive_of("v1"))


async def test_few_archives_at_a_time_are_in_memory(near, aws):
    for _ in range(2):
        await aws.whole_objects.acquire()
    creating = asyncio.create_task(near.create(Code=IN_S3))
    await asyncio.to_thread(lambda: None)
    assert aws.scopes == []
    aws.whole_objects.release()
    await creating
    assert not aws.whole_objects.locked()


async def test_a_layer_too_can_be_in_s3(near, archive_of):
    answer = await near("PublishLayerVersion", LayerName="tools", Content=IN_S3)
    assert answer["Content"]["CodeSha256"] == sha256(archive_of("new"))


@pytest.mark.parametrize(
    ("source", "code", "told"),
    [
        (IN_S3 | {"S3Bucket": "other"}, "NoSuchBucket", "The specified bucket does not exist"),
        (IN_S3 | {"S3Key": "other"}, "NoSuchKey", "The specified key does not exist."),
        (IN_S3 | {"S3ObjectVersion": "v2"}, "NoSuchKey", "The specified key does not exist."),
    ],
)
async def test_what_s3_does_not_have_is_told_in_its_words(near, source, code, told):
    said = f"Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {told}"
    assert await refused(near.create(Code=source)) == said
    assert await refused(near("PublishLayerVersion", LayerName="tools", Content=source)) == said
    await near.active()
    assert await refused(near("UpdateFunctionCode", FunctionName="echo", **source)) == said


async def test_what_s3_does_not_give_is_an_error_of_access(near, bucket):
    bucket.problem = CallRefused("AccessDenied", "Access Denied")
    assert await refused(near.create(Code=IN_S3), "AccessDeniedException") == (
        "Your access has been denied by S3, please make sure your request credentials have "
        "permission to GetObject for bucket/key. S3 Error Code: AccessDenied. S3 Error Message: "
        "Access Denied"
    )


async def test_an_object_may_be_larger_than_what_a_request_can_bring(
    near, bucket, monkeypatch, archive_of
):
    large = archive_of("#" * 5000)
    bucket.objects["code.zip", None] = large
    monkeypatch.setattr(code_source, "UNZIPPED_BYTES", len(large) + 1)
    assert (await near.create(Code=IN_S3))["CodeSize"] == len(large)
    monkeypatch.setattr(code_source, "UNZIPPED_BYTES", len(large) - 1)
    assert await refused(near.create("other", Code=IN_S3)) == (
        f"Unzipped size must be smaller than {len(large) - 1} bytes"
    )


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({}, "Please provide a source for function code."),
        ({"S3Bucket": "bucket"}, "Please provide a source for function code."),
        ({"S3Key": "code.zip"}, "Please provide a source for function code."),
        (
            IN_S3 | {"ZipFile": b"zip"},
            "Please do not provide other FunctionCode parameters when providing a ZipFile.",
        ),
        (
            IN_S3 | {"S3ObjectStorageMode": "REFERENCE"},
            "Code.S3ObjectStorageMode is not available in this release of Lambent: an object in "
            "S3 is copied when it is named; the mode is COPY.",
        ),
    ],
)
async def test_a_source_is_one_and_whole(near, source, said):
    assert await refused(near.create(Code=source)) == said


async def test_the_one_mode_there_is_can_be_named(near):
    await near.create(Code=IN_S3 | {"S3ObjectStorageMode": "COPY"})


async def test_without_a_neighbour_the_settings_that_name_one_are_told(api):
    message = await refused(api.create(Code=IN_S3))
    assert "no endpoint of s3 is configured" in message
    assert "aws_endpoint_url" in message


async def test_a_neighbour_that_does_not_answer_is_not_the_callers_fault(near):
    class Silent(FakeAws):
        async def run(self, service: str, scope: Scope, use: Any, **limits: Any) -> Any:
            raise Unreachable("Could not connect to http://objects.test")

    silent: Any = Silent()
    away = replace(near, plane=replace(near.plane, aws=silent))
    message = await refused(away.create(Code=IN_S3), "ServiceException")
    assert message == "S3 cannot be asked: Could not connect to http://objects.test"
