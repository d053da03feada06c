"""What web pages of other origins may do with a function URL, as its Cors settings say."""

from __future__ import annotations

import pytest
from tests.support.functions import WHOLE_CPU, deploy
from tests.support.server import running_server
from tests.support.url_calls import call_url

PAGE, ELSEWHERE = "https://www.example.com", "https://elsewhere.example.com"
CORS = {
    "AllowCredentials": True,
    "AllowHeaders": ["X-Custom", "authorization"],
    "AllowMethods": ["GET", "PUT"],
    "AllowOrigins": [PAGE],
    "ExposeHeaders": ["X-Answer"],
    "MaxAge": 600,
}
# Its own answer to a preflight differs from any that the URL gives.
ANSWERING = """
def handler(event, context):
    method = event["requestContext"]["http"]["method"]
    own = {"access-control-allow-origin": "*"} if "own" in event["rawPath"] else {}
    return {"statusCode": 203, "headers": {"x-answer": "42", **own}, "body": method}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running_server(tmp_path_factory.mktemp("cors") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def function(server):
    made = deploy(server, ANSWERING, **WHOLE_CPU)
    made.client.create_function_url_config(FunctionName=made.name, AuthType="NONE")
    made.client.add_permission(
        FunctionName=made.name,
        StatementId="all",
        Action="lambda:InvokeFunctionUrl",
        Principal="*",
        FunctionUrlAuthType="NONE",
    )
    return made


@pytest.fixture
def url(function):
    """Sets what is given, and returns the URL."""

    def change(**settings):
        updated = function.client.update_function_url_config(
            FunctionName=function.name, **{"Cors": CORS, "AuthType": "NONE", **settings}
        )
        return updated["FunctionUrl"]

    return change


def ask(url, method="PUT", origin=PAGE, headers=None):
    """As a browser does before it sends what a page wants."""
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    if headers:
        asked["Access-Control-Request-Headers"] = headers
    return call_url(url, "OPTIONS", headers=asked)


def cors_of(answer):
    start = "access-control-"
    return {
        name.removeprefix(start): value for name, value in answer.headers if name.startswith(start)
    }


def test_browsers_are_answered_without_the_function(url):
    answer = ask(url(), headers="authorization,x-custom,x-other")
    assert (answer.status, answer.body) == (200, b"")
    assert cors_of(answer) == {
        "allow-origin": PAGE,
        "allow-methods": "PUT",
        "allow-headers": "authorization,x-custom",
        "allow-credentials": "true",
        "max-age": "600",
    }
    assert answer.values("vary") == ["Origin"]
    assert answer.values("x-amzn-requestid")


def test_browsers_need_not_sign_to_ask(url):
    assert cors_of(ask(url(AuthType="AWS_IAM")))["allow-origin"] == PAGE


def test_what_is_not_allowed_is_not_said(url):
    address = url()
    for answer in (ask(address, origin=ELSEWHERE), ask(address, "DELETE")):
        assert answer.status == 200
        assert cors_of(answer) == {}


def test_wildcards_allow_everything(url):
    address = url(Cors={"AllowOrigins": ["*"], "AllowMethods": ["*"], "AllowHeaders": ["*"]})
    assert cors_of(ask(address, "DELETE", ELSEWHERE, "x-any")) == {
        "allow-origin": ELSEWHERE,
        "allow-methods": "DELETE",
        "allow-headers": "x-any",
    }


def test_answers_say_which_pages_may_read_them(url):
    address = url()
    answer = call_url(address, headers={"Origin": PAGE})
    assert (answer.status, answer.body) == (203, b"GET")
    assert cors_of(answer) == {
        "allow-origin": PAGE,
        "allow-credentials": "true",
        "expose-headers": "X-Answer",
    }
    for headers in ({"Origin": ELSEWHERE}, {}):
        answer = call_url(address, headers=headers)
        assert (answer.status, cors_of(answer)) == (203, {})


def test_pages_may_read_why_they_are_refused(url):
    answer = call_url(url(AuthType="AWS_IAM"), headers={"Origin": PAGE})
    assert answer.status == 403
    assert cors_of(answer)["allow-origin"] == PAGE


def test_what_the_function_says_itself_comes_too(url):
    answer = call_url(f"{url()}own", headers={"Origin": PAGE})
    assert sorted(answer.values("access-control-allow-origin")) == ["*", PAGE]


def test_without_settings_the_function_answers_browsers(url):
    answer = ask(url(Cors={}))
    assert (answer.status, answer.body) == (203, b"OPTIONS")
    assert cors_of(answer) == {}


def test_other_questions_are_the_function_s(url):
    answer = call_url(url(), "OPTIONS")
    assert (answer.status, answer.body) == (203, b"OPTIONS")
