from __future__ import annotations

import asyncio
import io
import threading
from typing import Any

import pytest
from tests.unit.aws.stand_ins import FakeAws, FakeBucket

from lambent.aws import objects as objects_module
from lambent.aws.clients import AwsClients, CallRefused, Endpoints, Scope, Unreachable
from lambent.aws.objects import ObjectReference, ObjectTooLarge, read_object

SCOPE = Scope(account_id="123456789012", region="eu-central-1")


class Odd(FakeBucket):
    """Answers whatever it is asked the same."""

    def __init__(self, body: io.BytesIO, said: dict[str, Any]):
        super().__init__({})
        self.answer = {"Body": body, **said}

    def get_object(self, **request: Any) -> Any:
        return self.answer


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

    for length in ({"ContentLength": 1}, {}):
        with pytest.raises(ObjectTooLarge):
            await read(Odd(io.BytesIO(b"x" * 1000), length))


async def test_an_answer_need_not_say_its_length():
    assert await read(Odd(io.BytesIO(b"abc"), {})) == b"abc"


async def test_an_object_that_ends_early_is_none():
    with pytest.raises(Unreachable, match="ended after 3 of 9 bytes"):
        await read(Odd(io.BytesIO(b"abc"), {"ContentLength": 9}))


class Drips(io.BytesIO):
    """A body without an end, which tells when somebody has stopped reading it."""

    def __init__(self):
        super().__init__()
        self.is_read = threading.Event()
        self.is_left = threading.Event()

    def read1(self, size: int | None = -1, /) -> bytes:
        self.is_read.set()
        return b"x"

    def close(self) -> None:
        self.is_left.set()
        super().close()


async def test_nobody_reads_on_for_a_caller_that_has_left(monkeypatch):
    body = Drips()
    with AwsClients.open(Endpoints(default="http://objects.test")) as clients:
        monkeypatch.setattr(clients, "_client", lambda service, scope: Odd(body, {}))
        reference = ObjectReference(bucket="bucket", key="key")
        reading = asyncio.create_task(read_object(clients, SCOPE, reference, most_bytes=10**12))
        await asyncio.to_thread(body.is_read.wait)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await asyncio.to_thread(body.is_left.wait)


async def test_an_object_that_never_ends_is_given_up(monkeypatch):
    monkeypatch.setattr(objects_module, "_WITHIN_SECONDS", 0.2)
    body = Drips()
    with AwsClients.open(Endpoints(default="http://objects.test")) as clients:
        monkeypatch.setattr(clients, "_client", lambda service, scope: Odd(body, {}))
        reference = ObjectReference(bucket="bucket", key="key")
        with pytest.raises(Unreachable, match=r"s3 gave no answer in 0\.2 seconds"):
            await read_object(clients, SCOPE, reference, most_bytes=10**12)
        await asyncio.to_thread(body.is_left.wait)
