"""Responses and errors that are too large, or are streamed and fail midway."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace

import pytest
from tests.unit.execution_environment.fakes import STREAM_LIMITS
from tests.unit.execution_environment.http_client import PREFIX, listening
from tests.unit.execution_environment.runtime_api_driver import (
    ANSWER,
    Conversation,
    RecordingEnvironment,
    error_of,
    listener_of,
)

from lambent.domain.quotas import RESPONSE_PAYLOAD_BYTES
from lambent.execution_environment.apis.answer import Answer
from lambent.execution_environment.apis.runtime_api import RuntimeApi


@pytest.mark.parametrize("over", [1, 2 * RESPONSE_PAYLOAD_BYTES])
async def test_a_response_over_the_limit_is_an_error_of_the_function(runtime, over):
    await runtime.begin()
    response = await runtime.client.post(f"{ANSWER}/response", bytes(RESPONSE_PAYLOAD_BYTES + over))
    assert error_of(response) == (
        413,
        "RequestEntityTooLarge",
        "Exceeded maximum allowed payload size (6291556 bytes).",
    )
    answer = await runtime.answered()
    assert answer.error_type == "Function.ResponseSizeTooLarge"
    assert json.loads(answer.payload) == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": (
            "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
        ),
    }
    await runtime.poll()


async def test_an_error_over_the_limit_is_one_too(runtime):
    await runtime.begin()
    response = await runtime.client.post(f"{ANSWER}/error", bytes(RESPONSE_PAYLOAD_BYTES + 1))
    assert response.status == 413
    assert (await runtime.answered()).error_type == "Function.ResponseSizeTooLarge"


async def test_an_error_that_only_says_so_is_not_too_large(runtime):
    await runtime.begin()
    body = b'{"errorType":"Function.ResponseSizeTooLarge"}'
    assert (await runtime.client.post(f"{ANSWER}/error", body)).status == 202
    assert (await runtime.answered()).payload == body


async def test_a_response_of_exactly_the_limit_is_taken(runtime):
    await runtime.begin()
    response = await runtime.client.post(f"{ANSWER}/response", bytes(RESPONSE_PAYLOAD_BYTES))
    assert response.status == 202
    assert len((await runtime.answered()).payload) == RESPONSE_PAYLOAD_BYTES


async def test_the_limit_of_whole_responses_can_be_another():
    environment = RecordingEnvironment()
    api = RuntimeApi(environment, replace(STREAM_LIMITS, whole_bytes=100_000))
    listener = listener_of(api)
    async with listening(listener.connect) as address:
        client = await address.connect()
        runtime = Conversation(api, environment, address, client, asyncio.Queue())
        await runtime.begin()
        response = await client.post(f"{ANSWER}/response", bytes(100_001))
        listener.close()

    assert error_of(response)[2] == "Exceeded maximum allowed payload size (100000 bytes)."
    assert b"(100000 bytes)" in (await runtime.answered()).payload


def streamed(*trailers):
    return (
        f"POST {PREFIX}{ANSWER}/response HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
        "Lambda-Runtime-Function-Response-Mode: streaming\r\n\r\n4\r\nhalf\r\n0\r\n"
        + "".join(f"{trailer}\r\n" for trailer in trailers)
        + "\r\n"
    ).encode()


async def test_a_streamed_response_is_taken_whole(runtime):
    await runtime.begin()
    runtime.client.send(streamed())
    assert (await runtime.client.receive()).status == 202
    assert await runtime.answered() == Answer(payload=b"half")


@pytest.mark.parametrize(
    ("encoded", "payload"),
    [
        (base64.b64encode(b'{"errorMessage":"midway"}').decode(), b'{"errorMessage":"midway"}'),
        ("no base64!", b"{}"),
        ("\u00e9", b"{}"),
    ],
)
async def test_a_function_that_fails_midway_says_so_in_trailers(runtime, encoded, payload):
    await runtime.begin()
    runtime.client.send(
        streamed(
            "Lambda-Runtime-Function-Error-Type: Runtime.Midway",
            f"Lambda-Runtime-Function-Error-Body: {encoded}",
        )
    )
    assert (await runtime.client.receive()).status == 202
    assert await runtime.answered() == Answer(payload=payload, error_type="Runtime.Midway")


async def test_an_error_type_without_chunks_does_not_make_a_response_an_error(runtime):
    await runtime.begin()
    await runtime.client.post(
        f"{ANSWER}/response", b"1", {"Lambda-Runtime-Function-Error-Type": "Mine"}
    )
    assert not (await runtime.answered()).is_error
