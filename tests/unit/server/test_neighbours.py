from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from lambent.aws.clients import Endpoints
from lambent.domain.caller import Caller, Principal
from lambent.protocol.http import HttpRequest
from lambent.protocol.http_client import NoAnswer
from lambent.server import neighbours as neighbours_module
from lambent.server.neighbours import Neighbours, bucket_of_host, unsigned_service

COMPANION = "http://127.0.0.1:1"
OTHER = "http://127.0.0.1:2/base"
CALLER = Caller(
    account_id="123456789012", region="eu-central-1", request_id="id", trace_header=None, host=""
)
SCOPE = "AWS4-HMAC-SHA256 Credential=key/20260101/eu-central-1/{}/aws4_request, SignedHeaders=host"


class Answer:
    """Of a neighbour."""

    status = 207
    length = 4

    def __init__(self):
        self.headers = [("x-a", "b"), ("connection", "x-hop"), ("x-hop", "h")]
        self.headers += [("transfer-encoding", "chunked"), ("date", "today")]
        self.is_closed = False

    def close(self):
        self.is_closed = True


class Companion:
    def __init__(self):
        self.is_ready = asyncio.Event()

    async def ready(self):
        await self.is_ready.wait()


class Sent:
    """Neighbours whose requests go no further than here."""

    def __init__(self, endpoints):
        self.companion = Companion()
        self.companion.is_ready.set()
        companion: Any = self.companion
        self.neighbours = Neighbours(endpoints=endpoints, companion=companion)
        self.place = None
        self.outgoing: Any = None
        self.failure: Exception | None = None

    async def exchange(self, place, outgoing):
        self.place, self.outgoing = place, outgoing
        if self.failure is not None:
            raise self.failure
        return Answer()

    async def ask(self, service="sqs", *, path="/", caller=CALLER, **members):
        members.setdefault("headers", {}).setdefault("host", "127.0.0.1:9000")
        request = HttpRequest(method="POST", path=path, **({"query": "", "body": b""} | members))
        return request, await self.neighbours.answer(request, service, caller)

    @property
    def headers(self):
        return dict(self.outgoing.headers)


@pytest.fixture
def make(monkeypatch):
    def make_sent(**endpoints):
        sent = Sent(Endpoints(**endpoints))
        monkeypatch.setattr(neighbours_module, "exchange", sent.exchange)
        return sent

    return make_sent


@pytest.fixture
def companion(make):
    return make(companion=COMPANION)


@pytest.fixture
def other(make):
    return make(default=OTHER)


async def test_the_answer_comes_back_without_what_is_of_one_connection(other):
    request, response = await other.ask()
    assert (response.status, response.headers) == (207, [("x-a", "b"), ("date", "today")])
    request.on_gone()
    assert response.source.is_closed


async def test_a_request_arrives_as_it_was_signed(other):
    signed = {"authorization": SCOPE.format("sqs"), "host": "example:1", "x-amz-date": "d"}
    await other.ask(path="//a/%2F", query="b=c", headers=dict(signed), body=b"{}")
    assert (other.place.port, other.place.base_path) == (2, "/base")
    assert (other.outgoing.target, other.outgoing.body) == ("//a/%2F?b=c", b"{}")
    assert signed.items() <= other.headers.items()
    assert "x-moto-account-id" not in other.headers


async def test_what_is_of_one_connection_is_not_passed_on(other):
    hop = {"connection": "keep-alive, X-Hop", "x-hop": "h", "te": "trailers", "expect": "e"}
    hop |= {"content-length": "2", "transfer-encoding": "chunked", "upgrade": "h2c"}
    await other.ask(headers=hop | {"x-a": "b"})
    assert other.headers.keys() == {"host", "x-a", "via"}


async def test_a_body_that_still_comes_is_passed_on_as_it_comes(other):
    stream: Any = object()
    await other.ask(stream=stream)
    assert other.outgoing.body is stream


async def test_the_companion_is_told_the_account_whatever_the_caller_says(companion):
    await companion.ask(headers={"x-moto-account-id": "999999999999"})
    assert companion.headers["x-moto-account-id"] == CALLER.account_id


@pytest.mark.parametrize(("is_tls", "scheme"), [(True, "https"), (False, "http")])
async def test_the_companion_is_told_how_we_were_called(companion, is_tls, scheme):
    await companion.ask(is_tls=is_tls, headers={"x-forwarded-proto": "gopher"})
    told = [value for name, value in companion.outgoing.headers if name == "x-forwarded-proto"]
    assert told == [scheme]


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        SCOPE.format("lambda"),
        "AWS4-HMAC-SHA256 X=a/b/c/iam/aws4_request, Credential=k/d/r/sqs/aws4_request",
        "AWS key:signature",
    ],
)
async def test_the_companion_reads_no_other_service_than_we_did(companion, authorization):
    await companion.ask(headers={"authorization": authorization} if authorization else {})
    scope = companion.headers["authorization"].split(",")[0].split()[1]
    assert scope.endswith("/eu-central-1/sqs/aws4_request")


@pytest.mark.parametrize("service", ["sqs", "s3"])
async def test_a_usual_signature_is_left_alone(companion, service):
    await companion.ask(service, headers={"authorization": SCOPE.format(service)})
    assert companion.headers["authorization"] == SCOPE.format(service)


@pytest.mark.parametrize("authorization", [None, "AWS key:signature"])
async def test_who_signs_nothing_or_in_the_old_way_stays_so_for_s3(companion, authorization):
    await companion.ask("s3", headers={"authorization": authorization} if authorization else {})
    assert companion.headers.get("authorization") == authorization


async def test_an_old_signature_that_looks_like_a_scope_is_no_way_to_another_service(companion):
    await companion.ask("s3", headers={"authorization": "AWS a/b/us-east-1/iam/c"})
    scope = companion.headers["authorization"].split(",")[0].split()[1]
    assert scope.endswith("/eu-central-1/s3/aws4_request")


async def test_the_companion_is_told_its_secret_whatever_the_caller_says(make):
    companion = make(companion=COMPANION, companion_secret="told to nobody")
    await companion.ask(headers={"x-lambent-companion": "guessed"})
    told = [value for name, value in companion.outgoing.headers if name == "x-lambent-companion"]
    assert told == ["told to nobody"]


async def test_nobody_else_is_told_it(make):
    other = make(default=OTHER, companion_secret="told to nobody")
    await other.ask(headers={"x-lambent-companion": "guessed"})
    assert "x-lambent-companion" not in other.headers


async def test_a_bucket_in_the_host_becomes_the_path_for_the_companion(companion, make):
    await companion.ask("s3", path="/key", headers={"host": "b.c.s3.localhost:9000"})
    assert (companion.outgoing.target, companion.headers["host"]) == ("/b.c/key", "localhost:9000")
    other = make(default=OTHER)
    await other.ask("s3", path="/key", headers={"host": "b.c.s3.localhost:9000"})
    assert (other.outgoing.target, other.headers["host"]) == ("/key", "b.c.s3.localhost:9000")


@pytest.mark.parametrize(
    ("host", "is_signed", "bucket"),
    [
        ("my-bucket.s3.localhost", False, "my-bucket"),
        ("my.bucket.s3.eu-central-1.localhost:9000", False, "my.bucket"),
        ("my-bucket.s3-eu-west-1.localhost:9000", False, "my-bucket"),
        ("my-bucket.localhost:9000", True, "my-bucket"),
        ("my-bucket.localhost:9000", False, None),
        ("s3.localhost:9000", True, None),
        ("s3.us-east-1.localhost:9000", True, None),
        ("localhost:9000", True, None),
        ("127.0.0.1:9000", True, None),
        ("my-bucket.s3.amazonaws.com", True, None),
    ],
)
def test_buckets_are_found_in_hosts(host, is_signed, bucket):
    found = bucket_of_host(host, is_signed=is_signed)
    assert (found and found[0]) == bucket


@pytest.mark.parametrize(
    ("path", "members", "service"),
    [
        ("/bucket/key", {}, "s3"),
        ("/", {"headers": {"host": "bucket.s3.localhost"}}, "s3"),
        ("/", {"body": b"Action=AssumeRoleWithWebIdentity&Version=2011-06-15"}, "sts"),
        ("/", {"query": "Action=AssumeRoleWithSAML"}, "sts"),
        ("/", {"headers": {"x-amz-target": "AWSCognitoIdentityService.GetId"}}, "cognito-identity"),
        ("/eu-west-1_a/.well-known/jwks.json", {}, "cognito-idp"),
        ("/", {}, None),
        ("/2015-03-31/functions", {}, None),
        ("/health", {}, None),
        ("/metrics", {}, None),
        ("/metrics/key", {}, "s3"),
        ("/_lambent/environments", {}, None),
        ("/", {"headers": {"x-amz-target": "Logs_20140328.DescribeLogGroups"}}, None),
    ],
)
def test_what_is_not_signed_has_its_service_too(path, members, service):
    members = {"query": "", "headers": {}, "body": b""} | members
    assert unsigned_service(HttpRequest(method="GET", path=path, **members)) == service


@pytest.mark.parametrize(
    "path",
    [
        *("/moto-api/reset", "/MOTO-API/reset", "//moto-api", "/%6doto-api/data.json"),
        *("/latest/meta-data/iam/security-credentials/", "/favicon.ico", "/iam_us-east-1/x"),
    ],
)
async def test_the_companions_own_paths_are_nobodys(companion, path):
    _, response = await companion.ask("s3", path=path)
    assert response.status == 400
    assert companion.outgoing is None


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("moto-api.s3.localhost:9000", "/data.json"),
        ("moto-api.localhost", "/reset"),
        ("latest.s3.localhost", "/meta-data/iam/security-credentials/"),
        ("latest.s3.localhost", "//meta-data/"),
        ("latest.s3.localhost", "%2Fmeta-data/"),
        ("localhost", "/%256doto-api/reset"),
        ("localhost", "x://a/moto-api/reset"),
        ("localhost", "*"),
    ],
)
async def test_a_bucket_s_name_does_not_lead_to_the_companions_own_paths(companion, host, path):
    headers = {"host": host, "authorization": SCOPE.format("s3")}
    _, response = await companion.ask("s3", path=path, headers=headers)
    assert (response.status, companion.outgoing) == (400, None)


@pytest.mark.parametrize(
    "named", ["authorization", "Host", "x-amz-target", "X-Moto-Account-Id", "content-type"]
)
async def test_connection_does_not_drop_what_says_for_whom_a_request_is(companion, other, named):
    for sent in (companion, other):
        headers = {"connection": f"close, {named}", "authorization": SCOPE.format("s3")}
        _, response = await sent.ask("s3", headers=headers)
        assert (response.status, sent.outgoing) == (400, None)
        assert b"Connection names a header" in response.body


@pytest.mark.parametrize("authorization", [None, SCOPE.format("s3"), SCOPE.format("iam"), "AWS a"])
async def test_what_a_function_asks_always_says_for_what(companion, authorization):
    headers = {"authorization": authorization} if authorization else {}
    principal = Principal(arn="arn:a", role_arn="arn:r")
    await companion.ask("s3", headers=headers, caller=replace(CALLER, principal=principal))
    assert companion.headers["authorization"].startswith(
        "AWS4-HMAC-SHA256 Credential=none/20200101/eu-central-1/s3/aws4_request,"
    )


@pytest.mark.parametrize(
    ("endpoints", "members", "message"),
    [
        ({"default": "aws"}, {}, b"Call AWS directly"),
        ({"default": OTHER}, {"is_too_large": True}, b"larger than this endpoint takes"),
        ({"default": OTHER}, {"headers": {"transfer-encoding": "gzip, chunked"}}, b"encoding"),
    ],
)
async def test_what_cannot_be_passed_on_is_refused(make, endpoints, members, message):
    sent = make(**endpoints)
    _, response = await sent.ask(**members)
    assert (response.status, sent.outgoing) == (400, None)
    assert message in response.body


async def test_an_endpoint_that_leads_back_here_is_told(other):
    await other.ask()
    via = other.headers["via"]
    _, response = await other.ask(headers={"via": f"1.1 proxy, {via}"})
    assert b"leads back to this server" in response.body
    await other.ask(headers={"via": "1.1 proxy"})
    assert other.headers["via"] == f"1.1 proxy, {via}"


@pytest.mark.parametrize(
    ("failure", "status", "message"),
    [
        (NoAnswer("refused"), 503, b"sqs gives no answer at http://127.0.0.1:2/base: refused"),
        (ValueError("a line break"), 400, b"a line break"),
    ],
)
async def test_why_there_is_no_answer_is_told(other, failure, status, message):
    other.failure = failure
    _, response = await other.ask()
    assert response.status == status
    assert message in response.body


async def test_a_companion_that_starts_is_waited_for_but_not_for_ever(companion, monkeypatch):
    companion.companion.is_ready.clear()
    asking = asyncio.create_task(companion.ask())
    await asyncio.sleep(0)
    assert companion.outgoing is None
    companion.companion.is_ready.set()
    assert (await asking)[1].status == 207
    companion.companion.is_ready.clear()
    monkeypatch.setattr(neighbours_module, "_START_SECONDS", 0)
    _, response = await companion.ask()
    assert response.status == 503
    assert b"it does not start" in response.body


async def test_a_caller_that_goes_takes_its_request_along(companion):
    companion.companion.is_ready.clear()
    request = HttpRequest(method="GET", path="/", query="", headers={}, body=b"")
    asking = asyncio.create_task(companion.neighbours.answer(request, "sqs", CALLER))
    await asyncio.sleep(0)
    assert request.on_gone is not None
    request.on_gone()
    with pytest.raises(asyncio.CancelledError):
        await asking


def test_settings_name_services_as_clients_do(make):
    neighbours = make(of_services={"cloudwatch": OTHER}).neighbours
    assert neighbours.serves("monitoring")
    assert neighbours.is_operators("monitoring")
    assert not neighbours.serves("s3")
    assert not neighbours.is_operators("s3")
