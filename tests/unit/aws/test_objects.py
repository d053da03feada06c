from __future__ import annotations

import io
from typing import Any

import pytest
from tests.unit.aws.stand_ins import FakeAws, FakeBucket

from lambent.aws.clients import CallRefused, Scope
from lambent.aws.objects import ObjectReference, ObjectTooLarge, read_object

SCOPE = Scope(account_id="123456789012", region="eu-central-1")


async def read(objects, key="key", version=None, *, bucket="bucket", most_bytes=10):
    clients: Any = FakeAws({"s3": objects})
    reference = ObjectReference(bucket=bucket, key=key, version=version)
    return await read_object(clients, SCOPE, reference, most_bytes=most_bytes)


async def test_an_object_is_read_whole_in_the_version_that_is_named():
    objects = FakeBucket({("key", None): b"new", ("key", "1"): b"old", ("full", None): b"x" * 10})
    assert await read(objects) == b"new"
    assert await read(objects, version="1") == b"old"
    assert await read(objects, "full") == b"x" * 10


async def test_what_is_not_there_is_refused_in_the_services_words():
    with pytest.raises(CallRefused) as caught:
        await read(FakeBucket({}))
    assert caught.value.code == "NoSuchKey"


async def test_one_that_is_too_large_is_not_read_whatever_it_says_of_its_length():
    with pytest.raises(ObjectTooLarge):
        await read(FakeBucket({("key", None): b"x" * 11}))

    class Liar(FakeBucket):
        def get_object(self, **request: Any) -> Any:
            return {"Body": io.BytesIO(b"x" * 1000), "ContentLength": 1}

    with pytest.raises(ObjectTooLarge):
        await read(Liar({}))
