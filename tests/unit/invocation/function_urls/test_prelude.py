from __future__ import annotations

import pytest

from lambent.invocation.function_urls.prelude import MAX_BYTES, is_prelude_type, read_prelude
from lambent.invocation.function_urls.response import MalformedResponse

PRELUDE = b'{"statusCode":201,"headers":{"Content-Type":"text/html"},"cookies":["a=b"]}'
HEADERS = [("content-type", "text/html"), ("set-cookie", "a=b")]


def reading(*pieces):
    """What reads these, and then the end."""
    left = list(pieces)

    async def read():
        return left.pop(0) if left else b""

    return read


@pytest.mark.parametrize("at", range(1, len(PRELUDE) + 12))
async def test_a_prelude_may_be_split_anywhere(at):
    whole = PRELUDE + bytes(8) + b"body"
    read = reading(whole[:at], whole[at:])
    status, headers, first = await read_prelude(await read(), read)
    rest = await read()
    assert (status, headers, first + rest) == (201, HEADERS, b"body")


async def test_a_prelude_may_come_byte_by_byte():
    whole = PRELUDE + bytes(8)
    read = reading(*[whole[at : at + 1] for at in range(len(whole))])
    assert await read_prelude(await read(), read) == (201, HEADERS, b"")


async def test_nulls_of_the_body_are_the_body_s():
    read = reading(b"{}" + bytes(20))
    assert await read_prelude(await read(), read) == (
        200,
        [("content-type", "application/octet-stream")],
        bytes(12),
    )


@pytest.mark.parametrize(
    "pieces",
    [
        [PRELUDE],
        [PRELUDE + bytes(7)],
        [b"no JSON" + bytes(8)],
        [b"[1]" + bytes(8)],
        [b"\xff" + bytes(8)],
        [bytes(8)],
        [b'{"statusCode":1}' + bytes(8)],
        [b'{"headers":{"a":"b\\r\\nc: d"}}' + bytes(8)],
        [b"[" * 50_000 + bytes(8)],
        [b'{"a":"' + b"b" * MAX_BYTES + b'"}' + bytes(8)],
    ],
)
async def test_what_is_no_prelude_is_refused(pieces):
    with pytest.raises(MalformedResponse):
        await read_prelude(pieces[0], reading(*pieces[1:]))


async def test_a_prelude_without_an_end_is_not_read_for_ever():
    async def read():
        return b"a" * 1000

    with pytest.raises(MalformedResponse, match="too long"):
        await read_prelude(await read(), read)


def test_the_type_of_a_prelude_may_have_parameters():
    assert is_prelude_type("application/vnd.awslambda.http-integration-response")
    assert is_prelude_type("Application/vnd.awslambda.HTTP-integration-response; a=b")
    assert not is_prelude_type("application/json")
