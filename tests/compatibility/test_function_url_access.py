"""Who may call a function URL, and in whose name: policies, signatures, functions themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.support.functions import WHOLE_CPU, deploy
from tests.support.server import running_server
from tests.support.url_calls import call_url

if TYPE_CHECKING:
    from collections.abc import Callable

OTHER = "222222222222"
TEST, ALICE = ("test", "test"), ("AKIAALICEALICEALICE0", "alices/secret+")
STRANGER = (OTHER, "another")
FORBIDDEN = {
    "Message": "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
}
CALLER = "def handler(event, context):\n    return event['requestContext']\n"
# Calls a URL at this server, by its path form; `keys` are what it signs with, its own or others.
CALLING = """
import datetime, hashlib, hmac, json, os, urllib.error, urllib.request

NAMES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def signature(host, path, keys):
    key, secret, token = keys
    now = f"{datetime.datetime.now(datetime.timezone.utc):%Y%m%dT%H%M%SZ}"
    scope = f"{now[:8]}/us-east-1/lambda/aws4_request"
    headers = {"host": host, "x-amz-date": now, "x-amz-security-token": token}
    names = ";".join(headers)
    lines = ["GET", path, "", *(f"{name}:{value}" for name, value in headers.items()), "", names]
    lines.append(hashlib.sha256(b"").hexdigest())
    digest = hashlib.sha256("\\n".join(lines).encode()).hexdigest()
    step = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        step = hmac.new(step, part.encode(), "sha256").digest()
    text = f"AWS4-HMAC-SHA256\\n{now}\\n{scope}\\n{digest}"
    made = hmac.new(step, text.encode(), "sha256").hexdigest()
    return {
        **headers,
        "authorization": f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, "
        f"Signature={made}",
    }


def handler(event, context):
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    keys = event.get("keys", [os.environ[name] for name in NAMES])
    headers = signature(endpoint.partition("://")[2], event["path"], keys) if keys else {}
    try:
        with urllib.request.urlopen(
            urllib.request.Request(endpoint + event["path"], headers=headers)
        ) as answer:
            return [answer.status, json.load(answer)]
    except urllib.error.HTTPError as error:
        return [error.code, json.load(error)]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One that knows these access keys and no others."""
    data_dir = tmp_path_factory.mktemp("access") / "data"
    keys = ",".join(f"{key}={secret}" for key, secret in (TEST, ALICE, STRANGER))
    with running_server(data_dir, "--access-keys", keys) as running:
        yield running


@pytest.fixture(scope="module")
def function(server):
    made = deploy(server, CALLER, **WHOLE_CPU)
    made.client.publish_version(FunctionName=made.name)
    made.client.create_alias(FunctionName=made.name, Name="live", FunctionVersion="1")
    return made


@pytest.fixture
def url(function):
    """Makes the URL of the function, or of its alias; its permissions end with the test."""
    made = []

    def make(auth_type, *, qualifier=None):
        named = {"FunctionName": function.name, **({"Qualifier": qualifier} if qualifier else {})}
        made.append(named)
        created = function.client.create_function_url_config(AuthType=auth_type, **named)
        return created["FunctionUrl"]

    yield make
    for named in made:
        function.client.delete_function_url_config(**named)


@pytest.fixture
def permit(function):
    """Adds a permission to the function, until the test's end; returns what takes it away."""
    undone: list[Callable[[], None]] = []

    def add(principal, auth_type=None, *, action="lambda:InvokeFunctionUrl", qualifier=None):
        named = {"FunctionName": function.name, "StatementId": f"s{len(undone)}"}
        if qualifier:
            named["Qualifier"] = qualifier
        condition = {"FunctionUrlAuthType": auth_type} if auth_type else {}
        function.client.add_permission(Action=action, Principal=principal, **named, **condition)

        def remove():
            undone.remove(remove)
            function.client.remove_permission(**named)

        undone.append(remove)
        return remove

    yield add
    while undone:
        undone[-1]()


@pytest.fixture(scope="module")
def calling(server):
    return deploy(server, CALLING, Timeout=30, **WHOLE_CPU)


def assert_forbidden(answer):
    assert (answer.status, answer.document) == (403, FORBIDDEN)
    assert answer.values("x-amzn-errortype") == ["AccessDeniedException"]
    assert answer.values("content-type") == ["application/json"]


def test_everybody_calls_a_url_without_authorization_as_long_as_its_policy_says_so(url, permit):
    address = url("NONE")
    assert_forbidden(call_url(address))
    withdraw = permit("*", "NONE")
    answer = call_url(address)
    assert answer.status == 200
    assert answer.document["accountId"] == "anonymous"
    assert "authorizer" not in answer.document
    withdraw()
    assert_forbidden(call_url(address))


def test_the_url_of_an_alias_needs_a_permission_of_the_alias(url, permit):
    address = url("NONE", qualifier="live")
    permit("*", "NONE")
    assert_forbidden(call_url(address))
    permit("*", "NONE", qualifier="live")
    assert call_url(address).status == 200


def test_who_signs_in_the_function_s_account_calls_it(url):
    address = url("AWS_IAM")
    assert_forbidden(call_url(address))
    answer = call_url(f"{address}a%20b?c=d%2Fe", "POST", b"{}", signer=ALICE)
    assert answer.status == 200
    account = "000000000000"
    assert answer.document["accountId"] == account
    assert answer.document["authorizer"]["iam"] == {
        "accessKey": ALICE[0],
        "accountId": account,
        "callerId": account,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": f"arn:aws:iam::{account}:root",
        "userId": account,
    }
    assert call_url(f"{address}?c=d", signer=ALICE, is_presigned=True).status == 200


def test_who_signs_wrongly_is_told_so(url):
    address = url("AWS_IAM")
    refused = call_url(address, signer=(ALICE[0], "wrong"))
    assert refused.status == 403
    assert refused.values("x-amzn-errortype") == ["InvalidSignatureException"]
    assert refused.document["message"].startswith("The request signature we calculated does not")
    unknown = call_url(address, signer=("AKIANOBODYNOBODYNOBO", "any"))
    assert unknown.status == 403
    assert unknown.values("x-amzn-errortype") == ["UnrecognizedClientException"]
    assert unknown.document == {"message": "The security token included in the request is invalid."}


def test_another_account_needs_the_function_s_permission(url, permit):
    address = url("AWS_IAM")
    assert_forbidden(call_url(address, signer=STRANGER))
    permit(OTHER, "AWS_IAM")
    answer = call_url(address, signer=STRANGER)
    assert answer.status == 200
    assert answer.document["authorizer"]["iam"]["accountId"] == OTHER


def test_the_path_form_is_signed_as_it_is_sent(server, url, permit):
    url_id = url("AWS_IAM").partition("://")[2].partition(".")[0]
    path = f"{server.url}/_lambent/function-urls/{url_id}/"
    assert call_url(path, signer=TEST).status == 200
    assert_forbidden(call_url(path))


def test_a_function_calls_a_url_in_its_own_name_only(url, permit, calling):
    path = f"/_lambent/function-urls/{url('AWS_IAM').partition('://')[2].partition('.')[0]}/"
    status, context = calling.call({"path": path})
    assert status == 200
    iam = context["authorizer"]["iam"]
    assert iam["userArn"] == f"arn:aws:sts::000000000000:assumed-role/lambda-role/{calling.name}"
    assert iam["userId"].endswith(f":{calling.name}")
    assert calling.call({"path": path, "keys": None}) == [403, FORBIDDEN]
    status, document = calling.call({"path": path, "keys": [*TEST, "none"]})
    assert status == 403
    assert document["message"] == "The security token included in the request is invalid."


def test_requests_are_measured_as_cloudwatch_does(server, function, url, permit):
    address = url("NONE", qualifier="live")
    call_url(address)
    permit("*", "NONE", qualifier="live")
    call_url(address)
    now = datetime.now(UTC)
    dimensions = [
        {"Name": "FunctionName", "Value": function.name},
        {"Name": "Resource", "Value": f"{function.name}:live"},
    ]

    def total(metric):
        found = server.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=metric,
            Dimensions=dimensions,
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=7200,
            Statistics=["Sum", "SampleCount"],
        )["Datapoints"]
        return sum(each["Sum"] for each in found), sum(each["SampleCount"] for each in found)

    requests, _ = total("UrlRequestCount")
    refused, _ = total("Url4xxCount")
    latency, samples = total("UrlRequestLatency")
    assert requests == samples >= 2
    assert 1 <= refused < requests
    assert total("Url5xxCount") == (0, requests)
    assert latency > 0
