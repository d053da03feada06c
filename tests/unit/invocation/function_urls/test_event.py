from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest

from lambent.invocation.function_urls.access import UrlCaller
from lambent.invocation.function_urls.event import EventContext, UrlRequest, build_event, host_name
from lambent.protocol.http import HttpRequest

HOST = "abc.lambda-url.us-east-1.localhost:9000"
ROOT = "1-5e9963aa-0123456789abcdef01234567"
CALLER = UrlCaller(
    access_key="AKIA", account_id="111122223333", caller_id="c", user_arn="a", user_id="u"
)


def made(path="/", *, caller=None, **request):
    """The event of a request, as the function reads it."""
    headers = {"host": HOST, **request.pop("headers", {})}
    http = HttpRequest(
        **{
            "method": "GET",
            "path": "/as-sent",
            "query": "",
            "body": b"",
            "peer": "192.0.2.7",
            **request,
        },
        headers=headers,
    )
    context = EventContext(
        request_id="an-id",
        trace_header=f"Root={ROOT};Parent=0123456789abcdef;Sampled=0;Lineage=1:00000000:0",
        now=datetime(2020, 3, 12, 19, 3, 58, 390_000, tzinfo=UTC),
        caller=caller,
    )
    of = UrlRequest(request=http, url_id="abc", region="us-east-1", path=path)
    return json.loads(build_event(of, context))


def test_an_event_of_a_plain_request_has_what_aws_sends_and_no_nulls():
    assert made("/my/path", headers={"user-agent": "agent"}) == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/my/path",
        "rawQueryString": "",
        "headers": {
            "host": HOST,
            "user-agent": "agent",
            "x-forwarded-for": "192.0.2.7",
            "x-forwarded-proto": "http",
            "x-forwarded-port": "9000",
            "x-amzn-trace-id": f"Root={ROOT}",
        },
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "abc",
            "domainName": "abc.lambda-url.us-east-1.localhost",
            "domainPrefix": "abc",
            "http": {
                "method": "GET",
                "path": "/my/path",
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.7",
                "userAgent": "agent",
            },
            "requestId": "an-id",
            "routeKey": "$default",
            "stage": "$default",
            "time": "12/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1584039838390,
        },
        "isBase64Encoded": False,
    }


def test_who_signed_is_in_the_event():
    context = made(caller=CALLER)["requestContext"]
    assert context["accountId"] == "111122223333"
    assert context["authentication"] is None
    assert context["authorizer"] == {
        "iam": {
            "accessKey": "AKIA",
            "accountId": "111122223333",
            "callerId": "c",
            "cognitoIdentity": None,
            "principalOrgId": None,
            "userArn": "a",
            "userId": "u",
        }
    }


def test_the_raw_path_stays_encoded_and_the_other_one_is_decoded():
    event = made("/pa2%25Fth/a%2Fb/Gr%C3%BC%C3%9Fe")
    assert event["rawPath"] == "/pa2%25Fth/a%2Fb/Gr%C3%BC%C3%9Fe"
    assert event["requestContext"]["http"]["path"] == "/pa2%Fth/a/b/Grüße"


def test_parameters_are_decoded_and_those_of_one_name_joined():
    query = "q=a+b&multi=foo&multi=%2Fbar&empty=&bare&&%C3%A9=1"
    event = made(query=query)
    assert event["rawQueryString"] == query
    assert event["queryStringParameters"] == {
        "q": "a b",
        "multi": "foo,/bar",
        "empty": "",
        "bare": "",
        "é": "1",
    }


def test_cookies_are_listed_and_stay_in_their_header():
    event = made(headers={"cookie": "a=1; b=2;; c=x=y "})
    assert event["cookies"] == ["a=1", "b=2", "c=x=y"]
    assert event["headers"]["cookie"] == "a=1; b=2;; c=x=y "


def test_headers_of_the_connection_are_not_the_function_s():
    headers = {"connection": "keep-alive", "transfer-encoding": "chunked", "x-mine": "1"}
    assert (
        made(headers=headers)["headers"].keys() == made(headers={"x-mine": "1"})["headers"].keys()
    )


def test_a_proxy_s_word_on_the_client_is_kept_and_the_rest_is_ours():
    headers = made(
        headers={
            "x-forwarded-for": "198.51.100.1",
            "x-forwarded-proto": "gopher",
            "x-forwarded-port": "70",
            "x-amzn-trace-id": "Root=1-2-3",
        },
        is_tls=True,
    )["headers"]
    assert headers["x-forwarded-for"] == "198.51.100.1, 192.0.2.7"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-port"] == "9000"
    assert headers["x-amzn-trace-id"] == "Root=1-2-3"


@pytest.mark.parametrize(("is_tls", "port"), [(False, "80"), (True, "443")])
def test_a_host_without_a_port_means_the_usual_one(is_tls, port):
    headers = made(headers={"host": "abc.lambda-url.us-east-1.localhost"}, is_tls=is_tls)["headers"]
    assert headers["x-forwarded-port"] == port


@pytest.mark.parametrize(
    ("host", "name"),
    [("a.b:1", "a.b"), ("a.b", "a.b"), ("[::1]:9000", "[::1]"), ("[::1]", "[::1]"), ("", "")],
)
def test_a_host_header_is_a_name_and_perhaps_a_port(host, name):
    assert host_name(host) == name


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "TEXT/HTML; charset=utf-8",
        "application/json",
        "application/xml;v=1",
        "application/javascript",
        "application/problem+json",
        "image/svg+xml",
    ],
)
def test_text_is_text_in_the_event(content_type):
    event = made(method="POST", body="schön".encode(), headers={"content-type": content_type})
    assert (event["body"], event["isBase64Encoded"]) == ("schön", False)


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "image/png",
    ],
)
def test_any_other_body_is_base64(content_type):
    event = made(method="POST", body=b"a=b", headers={"content-type": content_type})
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == b"a=b"


def test_text_that_is_no_utf8_is_base64():
    event = made(method="POST", body=b"\xff", headers={"content-type": "text/plain"})
    assert (event["body"], event["isBase64Encoded"]) == ("/w==", True)


def test_no_header_breaks_the_event():
    headers = {"x-odd": 'a"b\\c\x85\xff', "user-agent": "é"}
    event = made("/%FF%00", query="%FF=%ED%A0%80", headers=headers)
    assert event["headers"]["x-odd"] == headers["x-odd"]
    assert event["requestContext"]["http"]["path"] == "/\ufffd\0"
