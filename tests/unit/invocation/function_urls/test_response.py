from __future__ import annotations

import json

import pytest

from lambent.invocation.function_urls.response import MalformedResponse, read_head, read_response

JSON = ("content-type", "application/json")


def read(document):
    return read_response(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("payload", "body"),
    [
        (b'{"hello": "wor ld"}', b'{"hello":"wor ld"}'),
        (b'["hello", 3, true]', b'["hello",3,true]'),
        (b'"hello"', b"hello"),
        (b'"Gr\\u00fc\\u00dfe \\ud800"', "Grüße ?".encode()),
        (b"3", b"3"),
        (b"3.1", b"3.1"),
        (b"1e400", b"1e400"),
        (b" true ", b"true"),
        (b"null", b"null"),
        (b'{"a\\" b": " \\\\" , "c": 1}', b'{"a\\" b":" \\\\","c":1}'),
        (b"no JSON at all", b"no JSON at all"),
        (b"", b""),
    ],
)
def test_without_a_status_code_the_answer_is_the_body(payload, body):
    response = read_response(payload)
    assert (response.status, response.headers, response.body) == (200, [JSON], body)


def test_a_response_has_its_status_headers_and_body():
    response = read(
        {
            "statusCode": 201,
            "headers": {"Content-Type": "text/plain", "My-Header": "Custom Value", "n": 1},
            "body": "hällo",
            "isBase64Encoded": False,
        }
    )
    assert response.status == 201
    assert response.headers == [
        ("content-type", "text/plain"),
        ("my-header", "Custom Value"),
        ("n", "1"),
    ]
    assert response.body == "hällo".encode()


def test_a_status_code_may_be_a_string():
    response = read({"statusCode": "418", "body": "i'm a teapot"})
    assert (response.status, response.headers) == (418, [JSON])


@pytest.mark.parametrize(
    ("body", "sent"),
    [({"a": [1, "é"]}, b'{"a":[1,"\\u00e9"]}'), ([1, 2], b"[1,2]"), (None, b""), ("", b"")],
)
def test_a_body_that_is_no_text_is_sent_as_json(body, sent):
    assert read({"statusCode": 200, "body": body}).body == sent


def test_a_body_in_base64_is_decoded():
    response = read({"statusCode": 200, "body": "iVBO\r\nRw==\n", "isBase64Encoded": True})
    assert response.body == b"\x89PNG"


def test_each_cookie_has_a_header_of_its_own():
    response = read(
        {"statusCode": 200, "cookies": ["a=1; HttpOnly", "b=2"], "headers": {"set-cookie": "c=3"}}
    )
    assert response.headers == [
        ("set-cookie", "c=3"),
        ("set-cookie", "a=1; HttpOnly"),
        ("set-cookie", "b=2"),
        JSON,
    ]


def test_what_is_the_connection_s_is_moved_out_of_the_way():
    names = ["Connection", "Content-Length", "Date", "Server", "WWW-Authenticate"]
    response = read({"statusCode": 401, "headers": dict.fromkeys(names, "x")})
    assert response.headers == [(f"x-amzn-remapped-{name.lower()}", "x") for name in names] + [JSON]


def test_the_request_s_id_and_framing_are_not_the_function_s_to_say():
    headers = {"X-Amzn-RequestId": "x", "Transfer-Encoding": "chunked", "X-Amzn-Trace-Id": "y"}
    assert read({"statusCode": 200, "headers": headers}).headers == [JSON]


def test_a_header_that_is_null_is_none():
    assert read({"statusCode": 200, "headers": {"a": None}, "cookies": None}).headers == [JSON]


@pytest.mark.parametrize(
    "document",
    [
        {"statusCode": "abc"},
        {"statusCode": "20"},
        {"statusCode": 99},
        {"statusCode": 101},
        {"statusCode": 600},
        {"statusCode": 200.5},
        {"statusCode": True},
        {"statusCode": None},
        {"statusCode": [200]},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"a": ["b"]}},
        {"statusCode": 200, "headers": {"a": {"b": "c"}}},
        {"statusCode": 200, "headers": {"a b": "c"}},
        {"statusCode": 200, "headers": {"": "c"}},
        {"statusCode": 200, "headers": {"a": "b\r\nset-cookie: c=d"}},
        {"statusCode": 200, "headers": {"a\r\nb": "c"}},
        {"statusCode": 200, "headers": {"a": "\0"}},
        {"statusCode": 200, "cookies": "a=b"},
        {"statusCode": 200, "cookies": [1]},
        {"statusCode": 200, "cookies": ["a=b\r\nlocation: //c"]},
        {"statusCode": 200, "body": "not base64!", "isBase64Encoded": True},
        {"statusCode": 200, "body": "é", "isBase64Encoded": True},
        {"statusCode": 200, "body": "?", "isBase64Encoded": True},
    ],
)
def test_what_is_no_http_response_is_refused(document):
    with pytest.raises(MalformedResponse):
        read(document)


def test_deep_nesting_is_sent_as_it_is():
    payload = b"[" * 200_000
    assert read_response(payload).body == payload


def test_a_head_without_a_status_is_a_success():
    assert read_head({}, default_type="text/x") == (200, [("content-type", "text/x")])
