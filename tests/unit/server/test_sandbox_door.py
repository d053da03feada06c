from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import (
    HmacV1QueryAuth,
    S3SigV4Auth,
    S3SigV4QueryAuth,
    SigV4Auth,
    SigV4QueryAuth,
)
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.support.versions import function_version

from lambent.aws.credentials import IssuedCredentials
from lambent.domain.identity_policy import IdentityPolicies, identity_statements
from lambent.protocol.body_source import BodyCutShort, BodyStream
from lambent.protocol.http import HttpRequest, HttpResponse
from lambent.server.connection_bounds import Places
from lambent.server.sandbox_door import SandboxDoor, held_of

VERSION = function_version(
    account_id="123456789012", name="orders", role="arn:aws:iam::123456789012:role/worker"
)
FORM = {"content-type": "application/x-www-form-urlencoded"}


class Gateway:
    def __init__(self):
        self.asked = []
        self.operators = set()

    def is_operators(self, service):
        return service in self.operators

    async def answer_signed(self, request, caller, signed_for):
        self.asked.append((request, caller, signed_for))
        return HttpResponse(status=200, headers=[], body=b"answered")

    async def answer_function_url(self, request, sandbox_keys):
        self.asked.append((request, sandbox_keys))
        return HttpResponse(status=200, headers=[], body=b"function")

    def held_of_function_url(self, request):
        return 6


NOBODY: Any = None  # asks a gateway


class Policies:
    statements = None

    async def of(self, account_id, region, role_arn):
        if self.statements is None:
            return None
        return IdentityPolicies(statements=identity_statements({"Statement": self.statements}))


@pytest.fixture
def gateway():
    return Gateway()


@pytest.fixture
def issued():
    return IssuedCredentials()


@pytest.fixture
def policies():
    return Policies()


@pytest.fixture
def door(gateway, issued, policies, credentials):
    return SandboxDoor(gateway, issued, policies, [credentials], Places(limit=1))


@pytest.fixture
def credentials(issued):
    return issued.issue(VERSION)


@pytest.fixture
def sign(credentials):
    return signing_with(credentials)


def signing_with(credentials):
    def signed(service, path="/", *, body=b"", headers=None, by=SigV4Auth, region="eu-west-1"):
        url = f"http://127.0.0.1:9000{path}"
        request = AWSRequest(method="POST", url=url, headers=headers or {}, data=body)
        request.context["payload_signing_enabled"] = True
        own = Credentials(
            credentials.access_key_id, credentials.secret_access_key, credentials.session_token
        )
        by(own, service, region).add_auth(request)
        parts = urlsplit(request.url)
        fields = {name.lower(): str(value) for name, value in request.headers.items()}
        return HttpRequest(
            method="POST",
            path=parts.path,
            query=parts.query,
            headers={"host": parts.netloc, **fields},
            body=body,
        )

    return signed


async def test_who_signs_with_what_was_issued_is_answered_as_the_function(door, gateway, sign):
    request = sign("lambda", "/2015-03-31/functions/", headers={"X-Amzn-Trace-Id": "Root=1"})
    assert (await door(request)).body == b"answered"
    [(_, caller, service)] = gateway.asked
    assert service == "lambda"
    assert (caller.account_id, caller.region) == ("123456789012", "eu-west-1")
    assert caller.trace_header == "Root=1"
    assert caller.principal.arn == "arn:aws:sts::123456789012:assumed-role/worker/orders"
    assert caller.principal.role_arn == VERSION.role


@pytest.mark.parametrize(
    "path",
    [
        "/health",
        "/metrics",
        "/_lambent/environments",
        "/_lambent/queue",
        "/_lambent/service-invocations",
    ],
)
async def test_nothing_is_answered_without_a_signature(door, gateway, path):
    request = HttpRequest(
        method="GET", path=path, query="", headers={"host": "localhost"}, body=b""
    )
    response = await door(request)
    assert response.status == 403
    assert b"MissingAuthenticationTokenException" in response.body
    assert gateway.asked == []


async def test_credentials_of_an_environment_that_ended_are_expired(
    door, gateway, issued, credentials, sign
):
    request = sign("lambda")
    issued.revoke(credentials)
    response = await door(request)
    assert b"ExpiredTokenException" in response.body
    assert gateway.asked == []


@pytest.mark.parametrize("service", ["lambda", "sqs", "s3"])
async def test_what_was_issued_to_others_is_refused(door, gateway, issued, service):
    request = signing_with(issued.issue(VERSION))(service, "/bucket/key", by=S3SigV4Auth)
    response = await door(request)
    assert response.status == 403
    assert b"UnrecognizedClient" in response.body or b"InvalidAccessKeyId" in response.body
    assert gateway.asked == []


@pytest.mark.parametrize(
    "signature", [lambda key: S3SigV4QueryAuth(key, "s3", "eu-west-1"), HmacV1QueryAuth]
)
async def test_a_link_of_somebody_else_s_is_used_as_the_function_itself(
    door, gateway, credentials, signature
):
    others = Credentials("test", "test")
    request = link(signature(others))
    assert held_of(NOBODY, request) == 0
    assert (await door(request)).body == b"answered"
    [(passed, caller, service)] = gateway.asked
    assert (service, caller.account_id) == ("s3", "123456789012")
    assert caller.principal.role_arn == VERSION.role
    assert f"Credential={credentials.access_key_id}/" in passed.headers["authorization"]
    assert "/s3/aws4_request," in passed.headers["authorization"]


def link(signer):
    request = AWSRequest(method="GET", url="http://127.0.0.1:9000/bucket/key")
    signer.add_auth(request)
    parts = urlsplit(request.url)
    return HttpRequest(
        method="GET", path=parts.path, query=parts.query, headers={"host": parts.netloc}, body=b""
    )


@pytest.mark.parametrize(
    "query",
    [
        "AWSAccessKeyId=a&Signature=b&Expires=1",
        "AWSAccessKeyId=a&Signature=b&Expires=99999999999",
        "AWSAccessKeyId=a&Signature=b&Expires=tomorrow",
        f"X-Amz-Credential=a/20200101/eu-west-1/s3/aws4_request&X-Amz-Signature={'0' * 64}"
        "&X-Amz-Date=20200101T000000Z&X-Amz-Expires=900",
        f"X-Amz-Credential=a/20200101/eu-west-1/s3/aws4_request&X-Amz-Signature={'0' * 64}",
    ],
)
async def test_a_link_is_good_for_a_while(door, gateway, query):
    request = HttpRequest(method="GET", path="/b/k", query=query, headers={"host": "a"}, body=b"")
    response = await door(request)
    assert (response.status, b"<Code>AccessDenied</Code>" in response.body) == (403, True)
    assert gateway.asked == []


@pytest.mark.parametrize(
    ("path", "service"),
    [("/cloudformation-custom-resource-response-useast1/a", "s3"), ("/", "sqs"), ("/", "iam")],
)
async def test_only_links_to_objects_are_used_unverified(door, gateway, path, service):
    request = link(SigV4QueryAuth(Credentials("A" * 20, "test"), service, "eu-west-1"))
    request.path = path
    assert (await door(request)).status == 403
    assert gateway.asked == []


async def test_the_url_of_a_custom_resource_s_response_is_whoever_s_has_it(door, gateway, issued):
    opened = issued.issue(VERSION)
    path = "/cloudformation-custom-resource-response-useast1/a"
    request = signing_with(opened)("s3", path, by=S3SigV4QueryAuth)
    assert (await door(request)).status == 200
    other = signing_with(opened)("s3", "/bucket/a", by=S3SigV4Auth)
    assert (await door(other)).status == 403
    assert len(gateway.asked) == 1


async def test_a_secret_that_is_wrong_is_refused(door, gateway, sign):
    request = sign("s3", "/bucket/key", by=S3SigV4Auth)
    signature = request.headers["authorization"]
    request.headers["authorization"] = signature[:-1] + ("0" if signature[-1] != "0" else "1")
    response = await door(request)
    assert (response.status, b"SignatureDoesNotMatch" in response.body) == (403, True)
    assert gateway.asked == []


async def test_a_body_is_the_one_that_was_signed(door, gateway, sign):
    for service, by in (("lambda", SigV4Auth), ("s3", S3SigV4Auth)):
        request = sign(service, body=b"body", by=by)
        request.body = b"other"
        assert (await door(request)).status == 403
    assert gateway.asked == []


async def test_a_body_that_still_comes_is_checked_at_its_end(door, gateway, sign):
    for body in (b"all of it", b"all of IT"):
        request = sign("s3", "/bucket/key", body=b"all of it", by=S3SigV4Auth)
        assert held_of(NOBODY, request) == 0
        request.stream, request.body = BodyStream(len(body), lambda: None), b""
        await door(request)
        assert gateway.asked[-1][0] is request
        request.stream.feed(body[:3])
        assert await request.stream.read() == b"all"
        request.stream.feed(body[3:])
        request.stream.end({})
        if body == b"all of it":
            assert await request.stream.read() == b" of it"
        else:
            with pytest.raises(BodyCutShort):
                await request.stream.read()


async def test_so_many_bodies_come_at_once_and_no_more(door, gateway, sign):
    def upload():
        request = sign("s3", "/bucket/key", body=b"all of it", by=S3SigV4Auth)
        request.stream, request.body = BodyStream(9, lambda: None), b""
        return request

    refused = []
    answer = gateway.answer_signed

    async def ask_meanwhile(*asked):
        refused.append(await door(upload()))
        return await answer(*asked)

    gateway.answer_signed = ask_meanwhile
    assert (await door(upload())).status == 200
    assert (refused[0].status, b"<Code>SlowDown</Code>" in refused[0].body) == (503, True)
    gateway.answer_signed = answer
    assert (await door(upload())).status == 200


async def test_only_s3_takes_a_body_that_still_comes(door, gateway, sign):
    for service in ("iam", "sqs", "lambda"):
        request = sign(service, headers=FORM | {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
        request.stream = BodyStream(None, lambda: None)
        assert (await door(request)).status == 400
    assert gateway.asked == []


async def test_a_query_that_is_too_long_is_not_looked_at(door, gateway):
    for query in ("a&" * 500_000, "a=" + "b" * 20_000):
        request = HttpRequest(method="GET", path="/", query=query, headers={"host": "a"}, body=b"")
        assert held_of(NOBODY, request) is None
        response = await door(request)
        assert (response.status, b"ValidationException" in response.body) == (400, True)
    assert gateway.asked == []


@pytest.mark.parametrize("service", ["batch", "codebuild", "lambda2", "iam-roles"])
async def test_what_nobody_named_is_not_called(door, gateway, policies, sign, service):
    policies.statements = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    response = await door(sign(service, body=b"{}"))
    assert (response.status, b"setting aws_endpoints" in response.body) == (403, True)
    assert gateway.asked == []
    gateway.operators.add(service)
    assert (await door(sign(service, body=b"{}"))).status == 200


def test_only_bodies_whose_signature_needs_no_body_are_streamed(sign):
    assert held_of(NOBODY, sign("lambda", body=b"{}")) is None
    assert (
        held_of(NOBODY, HttpRequest(method="PUT", path="/b/k", query="", headers={}, body=b""))
        is None
    )
    headers = {"X-Amz-Content-SHA256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}
    assert held_of(NOBODY, sign("s3", headers=headers)) == 0


async def test_a_presigned_request_is_passed_on_so_that_nobody_takes_it_for_another(
    door, gateway, sign
):
    request = sign("s3", "/bucket/key", by=S3SigV4QueryAuth)
    assert (await door(request)).status == 200
    [(passed, _, service)] = gateway.asked
    assert service == "s3"
    assert "/eu-west-1/s3/aws4_request," in passed.headers["authorization"]


async def test_nobody_says_for_which_account_they_call(door, gateway, sign):
    request = sign("sqs", headers={"X-Moto-Account-Id": "210987654321"})
    await door(request)
    [(passed, caller, _)] = gateway.asked
    assert "x-moto-account-id" not in passed.headers
    assert caller.account_id == "123456789012"


async def test_sts_says_who_calls(door, sign):
    response = await door(sign("sts", body=b"Action=GetCallerIdentity", headers=FORM))
    assert b"<Arn>arn:aws:sts::123456789012:assumed-role/worker/orders</Arn>" in response.body
    assert b"<Account>123456789012</Account>" in response.body


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("/", b"Action=PutRolePolicy", FORM),
        ("/?Action=GetRole", b"Action=PutRolePolicy", FORM),
        ("/", b"Action=GetRole&Action=PutRolePolicy", FORM),
        ("/", b"\xff", FORM),
        ("/", b"Action=GetRole", {"content-type": "multipart/form-data"}),
        ("/", b"Action=GetRole", FORM | {"x-amz-target": "IAM.PutRolePolicy"}),
        ("/service/IAM", b"Action=GetRole", FORM),
    ],
)
async def test_a_role_cannot_give_itself_more(door, gateway, policies, sign, path, body, headers):
    policies.statements = [{"Effect": "Allow", "Action": "iam:Get*", "Resource": "*"}]
    for service in ("iam", "cloudformation"):
        response = await door(sign(service, path, body=body, headers=headers))
        assert response.status == 403
        assert b"AccessDenied" in response.body
    assert gateway.asked == []


async def test_a_role_whose_policies_say_so_manages_roles(door, gateway, policies, sign):
    policies.statements = [{"Effect": "Allow", "Action": "iam:Get*", "Resource": "*"}]
    assert (await door(sign("iam", body=b"Action=GetRole", headers=FORM))).status == 200
    assert gateway.asked[0][2] == "iam"


async def test_a_long_body_is_hashed_all_the_same(door, sign):
    body = b"x" * 300_000
    request = sign("lambda", body=body)
    assert (await door(request)).status == 200


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("abc.lambda-url.us-east-1.localhost:9000", "/_moto"),
        ("127.0.0.1:9000", "/_lambent/function-urls/abc/x"),
    ],
)
async def test_function_urls_are_called_without_a_signature_or_with_one_s_own(
    door, gateway, credentials, host, path
):
    headers = {"host": host, "transfer-encoding": "chunked"}
    request = HttpRequest(method="POST", path=path, query="", headers=headers, body=b"")
    assert held_of(gateway, request) == 6
    assert (await door(request)).body == b"function"
    [(asked, keys)] = gateway.asked
    assert (asked.url_id, asked.request) == ("abc", request)
    assert keys == {credentials.access_key_id}
