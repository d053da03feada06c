from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic
from pamqp.header import ContentHeader
from tests.support.versions import function_version

from lambent.domain.errors import ServiceError
from lambent.domain.invocation import InvocationResult
from lambent.emulator.amqp import message as messages

VERSION = function_version(name="greet")


def delivered(
    body: bytes = b"{}", *, is_redelivered: bool = False, **properties: Any
) -> DeliveredMessage:
    return DeliveredMessage(
        delivery=Basic.Deliver(redelivered=is_redelivered),
        header=ContentHeader(properties=Basic.Properties(**properties)),
        body=body,
        channel=cast("Any", SimpleNamespace()),
    )


@pytest.mark.parametrize("sent", [None, "", "two words", "a/b", ".", "..", "x" * 129, "ü"])
def test_gives_a_number_to_what_has_none_that_the_runtime_api_can_have(sent: str | None) -> None:
    invocation = messages.read_invocation(delivered(correlation_id=sent), VERSION)
    assert len(invocation.request_id) == 36


def test_an_empty_body_is_an_empty_event() -> None:
    assert messages.read_invocation(delivered(b""), VERSION).payload == b"{}"


def test_a_qualifier_that_is_none_is_left_out() -> None:
    headers = {"X-Amz-Qualifier": "a b"}
    assert messages.read_invocation(delivered(headers=headers), VERSION).invoked_arn == VERSION.arn


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Amz-Client-Context": b"\xff"},
        {"X-Amz-Client-Context": "bm8="},
        {"X-Amz-Tenant-Id": "x" * 257},
        {"X-AMZN-TRACE-ID": ["Root=1"]},
    ],
)
def test_refuses_headers_that_mean_nothing(headers: dict[str, Any]) -> None:
    with pytest.raises(ServiceError) as raised:
        messages.read_invocation(delivered(headers=headers), VERSION)
    assert raised.value.code == "InvalidRequestContentException"


def test_nobody_gets_a_reply_who_asked_for_none() -> None:
    result = InvocationResult(payload=b"1")
    assert messages.result_reply(delivered(), result, "$LATEST") is None


def test_a_reply_says_what_the_request_says_of_itself_only() -> None:
    request = delivered(
        reply_to="mine",
        correlation_id="7",
        content_type="text/plain",
        content_encoding="gzip",
        delivery_mode=2,
        expiration="1",
        message_id="one",
        message_type="kind",
        user_id="me",
        app_id="app",
        priority=4,
        headers={"x-death": [{}], "BCC": ["other"], "nested": {}, "kept": True, "x-amz-log": "a"},
    )
    reply = messages.result_reply(request, InvocationResult(payload=b"1"), "3")
    assert reply is not None
    assert reply.queue == "mine"
    assert not reply.is_direct
    assert reply.properties == Basic.Properties(
        app_id="app",
        content_type="text/plain",
        correlation_id="7",
        delivery_mode=2,
        headers={"kept": True, "x-amz-log": "a", "X-Amz-Executed-Version": "3"},
        message_type="kind",
        priority=4,
    )


def test_counts_what_the_broker_does_not() -> None:
    first = delivered(is_redelivered=True, headers={"a": "b"}, user_id="me", reply_to="mine")
    assert messages.times_lost(first, is_quorum=False) == 1
    again = messages.counted_again(first)
    assert again.headers == {"a": "b", "x-lambent-redeliveries": 1}
    assert again.user_id is None  # only its own sender may say so
    assert again.reply_to == "mine"
    assert messages.times_lost(delivered(headers=again.headers), is_quorum=False) == 1
    second = delivered(is_redelivered=True, headers=again.headers)
    assert messages.times_lost(second, is_quorum=False) == 2
    assert not messages.is_counted_by_broker(second, is_quorum=True)


def test_believes_the_brokers_count_only_where_the_broker_counts() -> None:
    request = delivered(is_redelivered=True, headers={"x-delivery-count": 4})
    assert messages.times_lost(request, is_quorum=True) == 4
    assert messages.is_counted_by_broker(request, is_quorum=True)
    assert messages.times_lost(request, is_quorum=False) == 1
    assert not messages.is_counted_by_broker(request, is_quorum=False)


def test_headers_that_cannot_be_sent_are_left_out_of_what_is_sent_again() -> None:
    headers = {"raw": b"\xff", "large": 1e300, "x" * 129: 1, "nested": {"a": [1, None]}, "a": "b"}
    again = messages.counted_again(delivered(headers=headers)).headers
    assert again == {
        "raw": bytearray(b"\xff"),
        "nested": {"a": [1, None]},
        "a": "b",
        "x-lambent-redeliveries": 0,
    }


def test_headers_that_are_too_many_are_left_out_from_the_largest_on() -> None:
    headers = {"largest": "x" * 12_000, "small": "y" * 4_000, "large": "z" * 10_000}
    request = delivered(reply_to="mine", headers=headers)
    reply = messages.result_reply(request, InvocationResult(payload=b"1"), "3")
    assert reply is not None
    assert set(reply.properties.headers or {}) == {"small", "large", "X-Amz-Executed-Version"}
    kept = messages.counted_again(request).headers
    assert set(kept or {}) == {"small", "large", "x-lambent-redeliveries"}


def test_a_failure_says_nothing_of_the_requests_headers() -> None:
    reply = messages.failure_reply(delivered(reply_to="mine", headers={"a": "b"}), "E", "it failed")
    assert reply is not None
    assert reply.properties.headers == {"X-Amz-Function-Error": "Unhandled"}


@pytest.mark.parametrize("count", ["many", -1, True, None])
def test_a_count_that_is_none_counts_nothing(count: object) -> None:
    request = delivered(headers={"x-lambent-redeliveries": count})
    assert messages.times_lost(request, is_quorum=False) == 0


def test_a_request_is_known_again_by_what_it_is() -> None:
    one = delivered(correlation_id="7", reply_to="mine")
    assert messages.identity(one) == messages.identity(
        delivered(correlation_id="7", reply_to="mine")
    )
    assert messages.identity(one) != messages.identity(
        delivered(b"1", correlation_id="7", reply_to="mine")
    )
    assert messages.identity(delivered()) is None
