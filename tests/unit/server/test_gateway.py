from __future__ import annotations

import asyncio
import base64
import io
import json
import time
from types import SimpleNamespace
from typing import Any

import pytest

from lambent.aws.clients import Endpoints
from lambent.control_plane.deployment_packages import code_location
from lambent.domain.caller import Caller, Principal
from lambent.domain.errors import ServiceError
from lambent.protocol.http import HttpRequest, HttpResponse
from lambent.server.gateway import MAX_REQUEST_BYTES, Api, Gateway
from lambent.server.misdirected import other_service_message
from lambent.server.neighbours import Neighbours

KEY = b"k" * 32
SHA256 = base64.b64encode(b"s" * 32).decode()


def signed_for(service, account="123456789012", region="eu-central-1"):
    return {
        "authorization": "AWS4-HMAC-SHA256 "
        f"Credential={account}/20260131/{region}/{service}/aws4_request, "
        "SignedHeaders=host, Signature=00"
    }


class FakeService:
    """A wire protocol of the test's: the path's last part is the operation, the body its input."""

    def __init__(self, name):
        self.name = self.signing_name = name

    def operation_of(self, request):
        return request.path.rpartition("/")[2]

    def parse(self, request):
        operation = self.operation_of(request)
        if operation == "unknown":
            raise ServiceError("UnknownOperationException", "No such operation")
        return operation, {"Body": request.body}

    def serialize(self, operation, output, request_id):
        document = {"api": self.name, "operation": operation, **output}
        headers = [("x-amzn-requestid", request_id)]
        return HttpResponse(status=201, headers=headers, body=json.dumps(document).encode())

    def serialize_error(self, error, request_id):
        document = {"api": self.name, "code": error.code, "message": error.message}
        status = 500 if error.code == "ServiceException" else 400
        return HttpResponse(status=status, headers=[], body=json.dumps(document).encode())


class Packages:
    def __init__(self):
        self.archives = {}

    async def open(self, sha256):
        if sha256 not in self.archives:
            raise ServiceError("InvalidParameterValueException", "not here")
        return io.BytesIO(self.archives[sha256])


class Queue:
    """Answers what is below a path of its own."""

    def serves(self, path):
        return path.startswith("/_lambent/queue")

    async def __call__(self, request):
        return HttpResponse(status=200, headers=[], body=b'{"queue": true}')


class Response:
    def __init__(self, response, body):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.headers}
        self.body = body

    @property
    def document(self):
        return json.loads(self.body)


class Client:
    """Calls the gateway as the listener does."""

    def __init__(self):
        self.callers = []
        self.packages = Packages()
        operations = {
            "echo": self.echo,
            "invocations": self.echo,
            "response-streaming-invocations": self.echo,
            "refuse": self.refuse,
            "fail": self.fail,
            "unserializable": self.unserializable,
        }
        services: Any = {name: FakeService(name) for name in ("lambda", "logs")}
        packages: Any = self.packages
        nobody: Any = None
        queue: Any = Queue()
        function_urls: Any = SimpleNamespace(urls={})
        self.gateway = Gateway(
            functions=Api(service=services["lambda"], operations=operations),
            logs=Api(service=services["logs"], operations=operations),
            packages=packages,
            code_location_key=KEY,
            account_id="000000000000",
            region="us-east-1",
            health=lambda: {"status": "ok"},
            environments=lambda function: {"environments": [], "of": function},
            cloudwatch=nobody,
            metrics=nobody,
            queue=queue,
            services=nobody,
            custom_resources=nobody,
            authorize=self.authorize,
            function_urls=function_urls,
            neighbours=Neighbours(endpoints=Endpoints(), companion=None),
        )

    async def echo(self, caller, request):
        self.callers.append(caller)
        return {"bytes": len(request["Body"]), "text": request["Body"][:40].decode()}

    async def authorize(self, caller, service, operation, parameters):
        if parameters["Body"] == b"no":
            raise ServiceError("AccessDeniedException", f"{caller.arn}: {service}:{operation}")

    async def refuse(self, caller, request):
        raise ServiceError("ResourceNotFoundException", "Function not found")

    async def fail(self, caller, request):
        raise RuntimeError("secret detail")

    async def unserializable(self, caller, request):
        return {"object": object()}

    async def send(self, path, body=b"", *, method="POST", query="", headers=None, **more):
        request = HttpRequest(
            method=method, path=path, query=query, headers=headers or {}, body=body, **more
        )
        response = await self.gateway(request)
        body = response.body if response.source is None else await response.source.read()
        return Response(response, body)


@pytest.fixture
def client():
    return Client()


async def test_a_request_reaches_its_operation_and_its_answer_the_client(client):
    response = await client.send("/a/echo", b"hello")
    assert response.status == 201
    assert response.document == {
        "api": "lambda",
        "operation": "echo",
        "bytes": 5,
        "text": "hello",
    }
    [caller] = client.callers
    assert response.headers["x-amzn-requestid"] == caller.request_id


async def test_every_request_has_an_id_of_its_own(client):
    for _ in range(2):
        await client.send("/echo")
    first, second = client.callers
    assert first.request_id != second.request_id


async def test_the_caller_is_whom_the_signature_names(client):
    headers = {**signed_for("lambda"), "host": "here:9000", "x-amzn-trace-id": "Root=1-a-b"}
    await client.send("/echo", headers=headers)
    [caller] = client.callers
    assert (caller.account_id, caller.region) == ("123456789012", "eu-central-1")
    assert (caller.host, caller.trace_header) == ("here:9000", "Root=1-a-b")


async def test_an_unsigned_caller_is_the_server_s_own(client):
    await client.send("/echo")
    [caller] = client.callers
    assert (caller.account_id, caller.region) == ("000000000000", "us-east-1")
    assert caller.trace_header is None


async def test_the_logs_api_is_known_by_its_target(client):
    headers = {"x-amz-target": "Logs_20140328.DescribeLogGroups", **signed_for("logs")}
    assert (await client.send("/echo", headers=headers)).document["api"] == "logs"
    headers = {"x-amz-target": "Logs_19990101.X"}
    assert (await client.send("/echo", headers=headers)).document["api"] == "lambda"


async def test_a_function_is_asked_whether_it_may_and_an_account_is_not(client):
    async def answered(body, principal):
        request = HttpRequest(method="POST", path="/echo", query="", headers={}, body=body)
        caller = Caller(account_id="1", region="eu-west-1", request_id="i", principal=principal)
        return json.loads((await client.gateway.answer_signed(request, caller, "lambda")).body)

    function = Principal(arn="arn:session", role_arn="arn:role")
    assert (await answered(b"yes", function))["operation"] == "echo"
    assert (await answered(b"no", None))["operation"] == "echo"
    refused = await answered(b"no", function)
    assert (refused["code"], refused["message"]) == (
        "AccessDeniedException",
        "arn:session: lambda:echo",
    )
    assert len(client.callers) == 2


async def test_an_unknown_path_is_the_protocol_s_refusal(client):
    response = await client.send("/unknown", method="GET")
    assert (response.status, response.document["code"]) == (400, "UnknownOperationException")


@pytest.mark.parametrize(
    ("service", "headers", "like"),
    [("sqs", {"x-amz-target": "AmazonSQS.ListQueues"}, "logs"), ("apigateway", {}, "lambda")],
)
async def test_what_is_signed_for_another_service_is_refused(client, service, headers, like):
    response = await client.send("/echo", headers={**headers, **signed_for(service)})
    assert response.document == {
        "api": like,
        "code": "UnknownOperationException",
        "message": other_service_message(service),
    }
    assert client.callers == []


async def test_services_with_xml_are_refused_in_xml(client):
    response = await client.send("/echo", bytes(MAX_REQUEST_BYTES + 1), headers=signed_for("s3"))
    assert (response.status, response.headers["content-type"]) == (400, "text/xml")
    assert b"the request is for s3." in response.body
    assert client.callers == []


# A browser's for a page elsewhere, one that is signed for an API, or both.
@pytest.mark.parametrize("headers", [{"origin": "https://a.example"}, signed_for("lambda")])
@pytest.mark.parametrize("path", ["/echo", "/health", "/2015-03-31/functions"])
async def test_a_request_for_a_function_url_reaches_no_api(client, path, headers):
    host = {"host": "abcdefgh.lambda-url.us-east-1.localhost:9000"}
    response = await client.send(path, headers={**host, **headers})
    assert (response.status, response.document) == (403, {"Message": None})
    assert client.callers == []


async def test_nothing_is_held_of_a_body_for_a_function_that_nobody_has(client):
    host = {"host": "a.lambda-url.us-east-1.localhost", "transfer-encoding": "chunked"}
    headers = {**host, **signed_for("s3")}
    request = HttpRequest(method="PUT", path="/", query="", headers=headers, body=b"")
    assert client.gateway.held_of(request) == 0


async def test_a_page_of_a_function_url_is_another_page_to_an_api(client):
    page = "http://abcdefgh.lambda-url.us-east-1.localhost:9000"
    response = await client.send("/echo", headers={"host": "localhost:9000", "origin": page})
    assert response.status == 403
    assert client.callers == []


async def test_a_refusal_is_answered_in_the_protocol_of_its_api(client):
    response = await client.send("/refuse")
    assert response.document == {
        "api": "lambda",
        "code": "ResourceNotFoundException",
        "message": "Function not found",
    }


@pytest.mark.parametrize("operation", ["fail", "unserializable", "missing"])
async def test_a_mistake_of_ours_is_logged_and_answered_without_details(client, caplog, operation):
    response = await client.send(f"/{operation}")
    assert response.status == 500
    assert response.document["code"] == "ServiceException"
    assert "secret" not in response.body.decode()
    [record] = [each for each in caplog.records if each.levelname == "ERROR"]
    assert record.exc_info is not None
    assert operation in record.getMessage()


MIB = bytes(1024 * 1024)


@pytest.mark.parametrize("path", ["/invocations", "/response-streaming-invocations"])
async def test_an_event_over_the_quota_is_refused(client, path):
    assert (await client.send(path, MIB * 6)).status == 201
    response = await client.send(path, MIB * 6 + b"x")
    assert response.document["code"] == "RequestTooLargeException"
    assert response.document["message"] == (
        "Request must be smaller than 6291456 bytes for the InvokeFunction operation"
    )
    assert len(client.callers) == 1


async def test_any_request_over_the_limit_is_refused(client):
    assert (await client.send("/echo", MIB * 50)).status == 201
    response = await client.send("/echo", is_too_large=True)
    assert response.document["code"] == "RequestEntityTooLargeException"
    response = await client.send("/echo", bytes(MAX_REQUEST_BYTES + 1))
    assert response.document["message"] == (
        f"Request must be smaller than {MAX_REQUEST_BYTES} bytes for the echo operation"
    )


async def test_a_long_body_is_parsed_beside_the_event_loop(client, monkeypatch):
    calls = []

    async def to_thread(function, *arguments):
        calls.append(function)
        return function(*arguments)

    monkeypatch.setattr(asyncio, "to_thread", to_thread)
    await client.send("/echo", MIB * 5)
    assert len(calls) == 1
    await client.send("/invocations", MIB * 5)
    await client.send("/echo", b"short")
    assert len(calls) == 1


async def test_health_is_told_to_everybody(client):
    response = await client.send("/health", method="GET")
    assert (response.status, response.document) == (200, {"status": "ok"})
    assert response.headers["content-type"] == "application/json"


async def test_what_is_signed_is_for_an_api_whatever_its_path(client):
    response = await client.send("/health", method="GET", headers=signed_for("s3"))
    assert (response.status, response.headers["content-type"]) == (400, "text/xml")


def link(age_seconds=0.0, key=KEY, sha256=SHA256):
    path, _, query = code_location.sign(key, sha256, time.time() - age_seconds).partition("?")
    return path, query


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_package_can_be_downloaded_with_its_link(client, method):
    client.packages.archives[SHA256] = b"PK zip"
    path, query = link()
    response = await client.send(path, method=method, query=query)
    assert (response.status, response.headers["content-type"]) == (200, "application/zip")
    assert response.body == b"PK zip"


@pytest.mark.parametrize(
    ("path", "query"),
    [
        link(age_seconds=code_location.LIFETIME_SECONDS + 1),
        link(key=b"another key"),
        (link()[0], ""),
        (link()[0], "expires=9999999999&signature=" + "A" * 43),
        (code_location.PATH_PREFIX + "..%2f..%2fkey", link()[1]),
        (code_location.PATH_PREFIX, ""),
        (link(sha256=base64.b64encode(b"t" * 32).decode())[0], link()[1]),
        ("/_lambent/code/\xff", "\xff"),
    ],
    ids=["expired", "other key", "unsigned", "forged", "path", "empty", "other package", "bytes"],
)
async def test_without_a_valid_link_nothing_is_downloaded(client, path, query):
    client.packages.archives[SHA256] = b"PK zip"
    response = await client.send(path, method="GET", query=query)
    assert response.status == 403
    assert b"PK" not in response.body


async def test_a_link_is_only_for_reading(client):
    client.packages.archives[SHA256] = b"PK zip"
    path, query = link()
    assert (await client.send(path, method="POST", query=query)).status == 403


async def test_a_package_that_is_gone_is_not_found(client):
    path, query = link()
    assert (await client.send(path, method="GET", query=query)).status == 404


def test_the_key_of_links_is_not_shown(client):
    assert "kkkk" not in repr(client.gateway)


@pytest.mark.parametrize(
    ("query", "function"),
    [("", None), ("function=greet", "greet"), ("other=1&function=a%20b", "a b")],
)
async def test_environments_can_be_looked_at(client, query, function):
    response = await client.send("/_lambent/environments", method="GET", query=query)
    assert (response.status, response.document) == (200, {"environments": [], "of": function})


async def test_environments_cannot_be_changed(client):
    assert (await client.send("/_lambent/environments", method="DELETE")).status == 405


async def test_the_queue_is_for_whoever_does_not_sign(client):
    assert (await client.send("/_lambent/queue/1", method="GET")).document == {"queue": True}
    signed = await client.send("/_lambent/queue", headers=signed_for("lambda"))
    assert "queue" not in signed.document


async def test_a_page_of_another_site_changes_nothing_in_the_queue(client):
    headers = {"host": "127.0.0.1:9000", "origin": "https://example.com"}
    response = await client.send("/_lambent/queue/purge", b'{"all": true}', headers=headers)
    assert response.status == 403
