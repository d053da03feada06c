"""Functions answer at their URLs as AWS's do: real functions, any HTTP client."""

from __future__ import annotations

import base64
import http.client
import json
from urllib.parse import quote, urlsplit

import pytest
from tests.support.functions import WHOLE_CPU, deploy
from tests.support.http_requests import scope_header
from tests.support.server import running_server

JSON = {"content-type": "application/json"}
# Answers the event; or what the query says: a value of JSON, an error, or what another URL answers.
ECHO = """
import json
import os
import urllib.error
import urllib.request

VERSION = 1


def call(path):
    try:
        with urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + path) as answer:
            return [answer.status, answer.read().decode()]
    except urllib.error.HTTPError as error:
        return [error.code, error.read().decode()]


def handler(event, context):
    asked = event.get("queryStringParameters", {})
    if "fail" in asked:
        raise ValueError("intentional")
    if "exit" in asked:
        os._exit(1)
    if "sleep" in asked:
        import time
        time.sleep(60)
    if "answer" in asked:
        return json.loads(asked["answer"])
    if "call" in asked:
        return call(asked["call"])
    return {**event, "VERSION": VERSION, "arn": context.invoked_function_arn,
            "id": context.aws_request_id}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running_server(tmp_path_factory.mktemp("urls") / "data") as running:
        yield running


def opened(deployed, *, qualifier=None, **settings):
    """The id of a new URL of a function's, for everybody."""
    whose = {"FunctionName": deployed.name, **({"Qualifier": qualifier} if qualifier else {})}
    answer = deployed.client.create_function_url_config(**whose, AuthType="NONE", **settings)
    deployed.client.add_permission(
        **whose,
        StatementId="everybody",
        Action="lambda:InvokeFunctionUrl",
        Principal="*",
        FunctionUrlAuthType="NONE",
    )
    return url_id(answer)


def url_id(answer):
    return urlsplit(answer["FunctionUrl"]).netloc.partition(".")[0]


class Answer:
    def __init__(self, response, body):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.cookies = [value for name, value in response.getheaders() if name == "set-cookie"]
        self.body = body

    @property
    def document(self):
        return json.loads(self.body)


@pytest.fixture(scope="module")
def ask(server):
    """Sends a request to the URL with this id, over one connection for all."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
    port = urlsplit(server.url).port

    def ask(url_id, path="/", method="GET", body=None, headers=()):
        host = f"{url_id}.lambda-url.us-east-1.localhost:{port}"
        connection.request(method, path, body, {"Host": host, **dict(headers)})
        response = connection.getresponse()
        return Answer(response, response.read())

    yield ask
    connection.close()


@pytest.fixture(scope="module")
def echo(server):
    return deploy(server, ECHO, Timeout=1, **WHOLE_CPU)


@pytest.fixture(scope="module")
def url(echo):
    return opened(echo)


@pytest.fixture(scope="module")
def stream_url(server):
    return opened(deploy(server, ECHO, Timeout=1, **WHOLE_CPU), InvokeMode="RESPONSE_STREAM")


def test_a_request_becomes_the_event_that_aws_makes_of_it(ask, echo, url):
    answer = ask(
        url,
        "/pa2%25Fth/1?q=query&multiQuery=foo&multiQuery=%2Fbar",
        "POST",
        b'{"foo": "bar"}',
        {**JSON, "ExTrA-HeadErs": "With WeiRd CapS", "Cookie": "a=b; c=d", "User-Agent": "test"},
    )
    event = answer.document
    assert event["version"] == "2.0"
    assert event["rawPath"] == "/pa2%25Fth/1"
    assert event["requestContext"]["http"]["path"] == "/pa2%Fth/1"
    assert event["requestContext"]["http"]["sourceIp"] == "127.0.0.1"
    assert event["requestContext"]["http"]["userAgent"] == "test"
    assert event["requestContext"]["apiId"] == url
    assert event["requestContext"]["accountId"] == "anonymous"
    assert event["queryStringParameters"] == {"q": "query", "multiQuery": "foo,/bar"}
    assert event["headers"]["extra-headers"] == "With WeiRd CapS"
    assert event["cookies"] == ["a=b", "c=d"]
    assert (event["body"], event["isBase64Encoded"]) == ('{"foo": "bar"}', False)
    assert event["arn"].endswith(f":function:{echo.name}")
    assert answer.headers["x-amzn-requestid"] == event["id"] == event["requestContext"]["requestId"]
    assert answer.headers["x-amzn-trace-id"].startswith("Root=1-")
    assert "connection" not in event["headers"]


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_reaches_the_function(ask, url, method):
    event = ask(url, "/x", method, b"\x00\xff").document
    assert event["requestContext"]["http"]["method"] == method
    assert (base64.b64decode(event["body"]), event["isBase64Encoded"]) == (b"\x00\xff", True)


def answered(ask, url, value, method="GET"):
    return ask(url, f"/?answer={quote(json.dumps(value))}", method)


@pytest.mark.parametrize(
    ("value", "body"),
    [
        ({"hello": "world"}, b'{"hello":"world"}'),
        (["hello", 3, True], b'["hello",3,true]'),
        ("hello", b"hello"),
        (3.1, b"3.1"),
        (None, b"null"),
        ({"statusCode": 200, "body": "body123"}, b"body123"),
        ({"statusCode": 200, "body": {"a": 1}}, b'{"a":1}'),
    ],
)
def test_a_value_is_answered_as_aws_infers_it(ask, url, value, body):
    answer = answered(ask, url, value)
    assert (answer.status, answer.body) == (200, body)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-length"] == str(len(body))


def test_a_response_has_status_headers_cookies_and_binary(ask, url):
    answer = answered(
        ask,
        url,
        {
            "statusCode": "201",
            "headers": {"Content-Type": "image/png", "X-Mine": "é", "Server": "mine"},
            "cookies": ["a=1; HttpOnly", "b=2"],
            "body": base64.b64encode(b"\x89PNG").decode(),
            "isBase64Encoded": True,
        },
    )
    assert (answer.status, answer.body) == (201, b"\x89PNG")
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-mine"].encode("latin-1").decode() == "é"
    assert answer.headers["x-amzn-remapped-server"] == "mine"
    assert answer.cookies == ["a=1; HttpOnly", "b=2"]


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_leaves_the_connection_usable(ask, url, status):
    answer = answered(ask, url, {"statusCode": status, "body": "not to be sent"})
    assert (answer.status, answer.body) == (status, b"")
    assert ask(url).status == 200


def test_the_head_of_an_answer_is_the_answer_s_without_its_body(ask, url, stream_url):
    answer = answered(ask, url, {"statusCode": 200, "body": "12345"}, "HEAD")
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "5")
    assert answered(ask, stream_url, "x", "HEAD").body == b""
    assert ask(url).document["requestContext"]["http"]["method"] == "GET"


@pytest.mark.parametrize(
    "value",
    [
        {"statusCode": 1000},
        {"statusCode": 200, "headers": {"a": "b\r\nset-cookie: stolen=1"}},
        {"statusCode": 200, "headers": {"a\r\n\r\n<script>": "b"}},
        {"statusCode": 200, "cookies": ["a=b\r\n\r\nHTTP/1.1 200 OK"]},
        {"statusCode": 200, "body": "?", "isBase64Encoded": True},
    ],
)
def test_an_answer_that_is_no_http_is_a_bad_gateway(ask, url, value):
    answer = answered(ask, url, value)
    assert (answer.status, answer.body) == (502, b"Internal Server Error")
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(("how", "status"), [("fail", 502), ("exit", 502), ("sleep", 504)])
@pytest.mark.parametrize("mode", ["url", "stream_url"])
def test_a_function_that_fails_dies_or_times_out_is_a_bad_gateway(ask, request, mode, how, status):
    answer = ask(request.getfixturevalue(mode), f"/?{how}=1")
    assert (answer.status, answer.body) == (status, b"Internal Server Error")


def test_more_than_six_megabytes_are_too_large(ask, url):
    text = {"content-type": "text/plain"}
    answer = ask(url, "/", "POST", b"a" * 6 * 1024 * 1024, text)
    assert answer.status == 413
    assert answer.headers["x-amzn-errortype"] == "RequestTooLargeException"
    assert ask(url, "/", "POST", bytes(7 * 1024 * 1024)).status == 413
    # The function may answer as much, and here gets and answers nearly that.
    assert len(ask(url, "/", "POST", b"a" * 6_280_000, text).document["body"]) == 6_280_000


def test_a_function_without_concurrency_left_is_throttled(ask, server):
    deployed = deploy(server, ECHO)
    url = opened(deployed)
    deployed.client.put_function_concurrency(
        FunctionName=deployed.name, ReservedConcurrentExecutions=0
    )
    assert ask(url).status == 429
    deployed.client.delete_function_concurrency(FunctionName=deployed.name)
    assert ask(url).status == 200


def test_a_buffered_function_is_streamed_as_it_answers(ask, stream_url):
    answer = answered(ask, stream_url, {"statusCode": 418, "body": "tea"})
    assert (answer.status, answer.document) == (200, {"statusCode": 418, "body": "tea"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["transfer-encoding"] == "chunked"


def test_an_alias_has_a_url_of_its_own(ask, server):
    deployed = deploy(server, ECHO, **WHOLE_CPU)
    client, name = deployed.client, deployed.name
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    of_function, of_alias = opened(deployed), opened(deployed, qualifier="live")
    assert ask(of_function).document["arn"].endswith(f":function:{name}")
    assert ask(of_alias).document["arn"].endswith(f":function:{name}:live")
    client.delete_alias(FunctionName=name, Name="live")
    gone = ask(of_alias)
    assert (gone.status, gone.headers["x-amzn-errortype"]) == (403, "AccessDeniedException")
    assert ask(of_function).status == 200


def test_an_address_that_nobody_has_is_forbidden(ask):
    answer = ask("0123456789abcdefghijklmnopqrstuv", headers=scope_header("lambda"))
    assert (answer.status, answer.body) == (403, b'{"Message":null}')
    assert answer.headers["content-type"] == "application/json"


def test_a_function_calls_another_at_the_path_of_its_url(ask, server, url):
    closed = deploy(server, ECHO, **WHOLE_CPU)
    of_closed = url_id(
        closed.client.create_function_url_config(FunctionName=closed.name, AuthType="AWS_IAM")
    )
    status, body = ask(url, f"/?call=/_lambent/function-urls/{of_closed}/x").document
    assert (status, "Forbidden" in body) == (403, True)
    path = quote(f"/_lambent/function-urls/{url}/deep%2Fer")
    status, body = ask(url, f"/?call={path}").document
    assert (status, json.loads(body)["rawPath"]) == (200, "/deep%2Fer")


def test_a_url_is_the_same_after_a_restart_and_another_when_made_anew(tmp_path):
    data_dir = tmp_path / "data"
    with running_server(data_dir) as running:
        deployed = deploy(running, ECHO, FunctionName="kept", **WHOLE_CPU)
        url = opened(deployed)
        running.kill()
    with running_server(data_dir) as running:
        connection = http.client.HTTPConnection(urlsplit(running.url).netloc, timeout=60)
        connection.request("GET", f"/_lambent/function-urls/{url}/still/there")
        response = connection.getresponse()
        assert json.loads(response.read())["rawPath"] == "/still/there"
        assert response.getheader("content-security-policy", "").startswith("sandbox")
        client = running.client()
        client.delete_function_url_config(FunctionName="kept")
        again = client.create_function_url_config(FunctionName="kept", AuthType="NONE")
        assert url_id(again) != url
        connection.request("GET", f"/_lambent/function-urls/{url}/")
        assert connection.getresponse().status == 403
        connection.close()
