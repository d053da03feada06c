from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from lambent.execution_environment.telemetry_api.subscription import (
    Destination,
    HttpTarget,
    InvalidSubscription,
    parse_subscription,
)

HTTP = {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080/logs?x=1"}
REQUEST: dict[str, Any] = {
    "schemaVersion": "2022-12-13",
    "types": ["platform", "function"],
    "destination": HTTP,
}


def parse(api="Telemetry", **members):
    return parse_subscription("mine", api, json.dumps({**REQUEST, **members}).encode())


def problem(api="Telemetry", **members):
    with pytest.raises(InvalidSubscription) as caught:
        parse(api, **members)
    return str(caught.value)


def test_a_subscription_is_read_and_has_defaults():
    subscription = parse()
    assert (subscription.agent_name, subscription.api) == ("mine", "Telemetry")
    assert (subscription.schema, subscription.types) == ("2022-12-13", ("platform", "function"))
    assert subscription.destination == Destination(
        port=8080,
        http=HttpTarget(method="POST", host="sandbox.localdomain:8080", path="/logs?x=1"),
    )
    assert (subscription.max_items, subscription.max_bytes, subscription.timeout_ms) == (
        10_000,
        262_144,
        1000,
    )


@pytest.mark.parametrize("schema", ["2022-07-01", "2022-12-13", "2025-01-29"])
def test_the_telemetry_api_s_schemas(schema):
    assert parse(schemaVersion=schema).schema == schema
    assert problem("Logs", schemaVersion=schema).startswith("schemaVersion should be one of")


@pytest.mark.parametrize("schema", ["2020-08-15", "2021-03-18"])
def test_the_logs_api_s_schemas(schema):
    assert parse("Logs", schemaVersion=schema).schema == schema
    assert problem(schemaVersion=schema) == (
        "schemaVersion should be one of 2022-07-01, 2022-12-13, 2025-01-29"
    )


def test_the_logs_api_has_a_default_schema():
    request = {name: value for name, value in REQUEST.items() if name != "schemaVersion"}
    body = json.dumps(request).encode()
    assert parse_subscription("mine", "Logs", body).schema == "2020-08-15"
    with pytest.raises(InvalidSubscription):
        parse_subscription("mine", "Telemetry", body)


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        ({"protocol": "TCP", "port": 8080}, Destination(port=8080)),
        (
            {"protocol": "HTTP", "URI": "http://sandbox:1"},
            Destination(port=1, http=HttpTarget(method="POST", host="sandbox:1", path="/")),
        ),
        (
            {**HTTP, "method": "PUT", "encoding": "JSON"},
            Destination(
                port=8080,
                http=HttpTarget(method="PUT", host="sandbox.localdomain:8080", path="/logs?x=1"),
            ),
        ),
    ],
)
def test_destinations(destination, expected):
    assert parse(destination=destination).destination == expected


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"types": []}, "types should not be empty"),
        ({"types": None}, "types should not be empty"),
        ({"types": ["platform", "x"]}, "types should be among platform, function, extension"),
        ({"types": [["platform"]]}, "types should be among platform, function, extension"),
        ({"destination": None}, "destination should not be empty"),
        ({"destination": {}}, "protocol should be one of HTTP, TCP"),
        ({"destination": {"protocol": "UDP"}}, "protocol should be one of HTTP, TCP"),
        ({"destination": {"protocol": "TCP"}}, "port should be between 1 and 65535"),
        ({"destination": {"protocol": "TCP", "port": True}}, "port should be between 1 and 65535"),
        ({"destination": {"protocol": "TCP", "port": 65536}}, "port should be between 1 and 65535"),
        ({"destination": {"protocol": "TCP", "port": 9001}}, "port 9001 is reserved"),
        ({"destination": {**HTTP, "URI": "http://sandbox:9001/"}}, "port 9001 is reserved"),
        (
            {"destination": {**HTTP, "URI": "http://sandbox.localdomain"}},
            "URI port is not provided",
        ),
        ({"destination": {**HTTP, "URI": "http://sandbox:99999/"}}, "URI should be valid"),
        ({"destination": {**HTTP, "URI": "http://sandbox:8080/ä"}}, "URI should be valid"),
        ({"destination": {**HTTP, "URI": "http://sandbox:8080/a b"}}, "URI should be valid"),
        ({"destination": {**HTTP, "URI": "http://[::1"}}, "URI should be valid"),
        ({"destination": {**HTTP, "method": "GET"}}, "method should be one of POST, PUT"),
        ({"destination": {**HTTP, "encoding": "XML"}}, "encoding should be JSON"),
        ({"buffering": {"maxItems": 999}}, "maxItems should be between 1000 and 10000"),
        ({"buffering": {"maxBytes": 1048577}}, "maxBytes should be between 262144 and 1048576"),
        ({"buffering": {"timeoutMs": 24}}, "timeoutMs should be between 25 and 30000"),
        ({"buffering": {"timeoutMs": "25"}}, "timeoutMs should be between 25 and 30000"),
        ({"buffering": {"timeoutMs": True}}, "timeoutMs should be between 25 and 30000"),
    ],
)
def test_what_is_wrong_is_said(members, expected):
    assert problem(**members) == expected


@pytest.mark.parametrize(
    "uri",
    [
        "http://169.254.169.254:80/latest",
        "http://127.0.0.1:8080/",
        "http://sandbox.localdomain.evil:8080/",
        "https://sandbox.localdomain:8080/",
        "//sandbox.localdomain:8080/",
        "",
        7,
    ],
)
def test_nothing_but_the_environment_itself_can_be_reached(uri):
    assert problem(destination={**HTTP, "URI": uri}) == (
        "URI should be http://sandbox.localdomain:<port>/<path>"
    )


def test_all_that_is_wrong_is_said_at_once():
    assert problem(types=[], destination={"protocol": "HTTP", "URI": "http://sandbox/"}) == (
        "URI port is not provided; types should not be empty"
    )


@pytest.mark.parametrize("buffering", [None, {}, {"maxItems": None}])
def test_no_buffering_means_the_defaults(buffering):
    assert parse(buffering=buffering).max_items == 10_000


def test_the_limits_themselves_are_taken():
    least = parse(buffering={"maxItems": 1000, "maxBytes": 262_144, "timeoutMs": 25})
    most = parse(buffering={"maxItems": 10_000, "maxBytes": 1_048_576, "timeoutMs": 30_000})
    assert (least.max_items, least.max_bytes, least.timeout_ms) == (1000, 262_144, 25)
    assert (most.max_items, most.max_bytes, most.timeout_ms) == (10_000, 1_048_576, 30_000)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "request should be valid JSON"),
        (b"\xff", "request should be valid JSON"),
        (b"[" * 60_000, "request should be valid JSON"),
        (b"[]", "request should be a JSON object"),
        (b" " * 70_000, "request should have at most 65536 bytes"),
    ],
)
def test_what_is_no_request_is_refused(body, expected):
    with pytest.raises(InvalidSubscription, match=expected):
        parse_subscription("mine", "Telemetry", body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["types", "destination", "buffering"]), JSON))
def test_no_request_is_too_odd(members):
    with contextlib.suppress(InvalidSubscription):
        parse(**members)
