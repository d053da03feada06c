from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from botocore.auth import SigV4QueryAuth
from tests.unit.invocation.function_urls.url_callers import (
    BY_URL,
    CALL_FUNCTION,
    CALL_URL,
    EVERYBODY,
    OPEN,
    OTHER,
    OWNER,
    URL,
    account,
    caller_of,
    is_forbidden,
    refusal,
    signed,
    signed_by,
    statement,
    unsigned,
)

from lambent.invocation.function_urls.access import UrlCaller, authorize


async def test_without_a_policy_nobody_calls_a_url_without_authorization(access):
    assert await is_forbidden(access, OPEN, unsigned())


async def test_a_policy_for_everybody_lets_everybody_call(access, policies):
    policies[""] = [statement("*", condition=EVERYBODY)]
    assert await authorize(access, OPEN, unsigned()) is None


async def test_what_such_a_url_is_signed_with_does_not_matter(access, policies):
    policies[""] = [statement("*", condition=EVERYBODY)]
    assert await authorize(access, OPEN, signed("test", "wrong")) is None


@pytest.mark.parametrize(
    "statements",
    [
        [statement(account(OWNER))],
        [statement("*", CALL_FUNCTION, condition=BY_URL)],
        [statement("*", condition={"StringEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"}})],
        [statement("*", resource=f"{URL.arn}:live")],
        [statement("*"), statement("*", CALL_FUNCTION, effect="Deny", condition=BY_URL)],
        [statement("*"), statement("*", "lambda:*", effect="Deny")],
    ],
)
async def test_a_policy_that_does_not_allow_everybody_allows_nobody(access, policies, statements):
    policies[""] = statements
    assert await is_forbidden(access, OPEN, unsigned())


async def test_the_url_of_an_alias_has_the_policy_of_the_alias(access, policies):
    url = replace(OPEN, qualifier="live")
    policies[""] = [statement("*")]
    assert await is_forbidden(access, url, unsigned())
    policies["live"] = [statement("*", resource=f"{URL.arn}:live")]
    assert await authorize(access, url, unsigned()) is None


async def test_the_function_s_account_calls_without_any_policy(access):
    assert await authorize(access, URL, signed()) == UrlCaller(
        access_key="test",
        account_id=OWNER,
        caller_id=OWNER,
        user_arn=f"arn:aws:iam::{OWNER}:root",
        user_id=OWNER,
    )


@pytest.mark.parametrize("action", [CALL_URL, CALL_FUNCTION])
async def test_its_own_account_can_be_denied_it(access, policies, action):
    policies[""] = [statement(account(OWNER), action, effect="Deny", condition=BY_URL)]
    assert await is_forbidden(access, URL, signed())


async def test_who_does_not_sign_is_forbidden(access, policies):
    policies[""] = [statement("*")]
    assert await is_forbidden(access, URL, unsigned())


async def test_another_account_needs_the_function_s_policy(access, policies):
    assert await is_forbidden(access, URL, signed(OTHER))
    policies[""] = [statement(account(OTHER))]
    caller = await caller_of(access, URL, signed(OTHER))
    assert (caller.account_id, caller.access_key) == (OTHER, OTHER)
    assert await is_forbidden(access, URL, signed("333333333333"))


async def test_a_presigned_request_is_as_good(access):
    assert await caller_of(access, URL, signed(by=SigV4QueryAuth, path="/a?b=1"))


async def test_what_is_signed_cannot_be_changed(access):
    request = signed(path="/a?b=1", body=b"{}", headers={"X-Custom": "1"})
    await authorize(access, URL, request)
    for change in (
        {"path": "/b"},
        {"query": "b=2"},
        {"method": "PUT"},
        {"body": b"[]"},
        {"headers": {**request.headers, "host": "other"}},
        {"headers": {**request.headers, "x-custom": "2"}},
    ):
        assert await refusal(access, URL, replace(request, **change)) == MISMATCH


MISMATCH = (
    403,
    "InvalidSignatureException",
    {
        "message": "The request signature we calculated does not match the signature you provided. "
        "Check your AWS Secret Access Key and signing method. Consult the service documentation "
        "for details."
    },
)


async def test_a_wrong_secret_is_told_of(access):
    assert await refusal(access, URL, signed("test", "wrong")) == MISMATCH


async def test_a_long_body_is_verified_too(access):
    request = signed(body=bytes(1024 * 1024))
    await authorize(access, URL, request)
    assert await refusal(access, URL, replace(request, body=bytes(1024 * 1024 - 1))) == MISMATCH


@pytest.mark.parametrize("key", ["test", "AKIAANYBODYANYBODY"])
async def test_a_body_that_is_not_what_its_header_says_is_refused(access, key):
    sha256 = hashlib.sha256(b"body").hexdigest()
    request = signed(key, body=b"body", headers={"X-Amz-Content-SHA256": sha256})
    await authorize(access, URL, request)
    assert await refusal(access, URL, replace(request, body=b"other")) == MISMATCH


async def test_bodies_have_to_be_signed(access):
    request = signed(body=b"body", headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    assert await refusal(access, URL, request) == MISMATCH


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        (("execute-api", "us-east-1"), "Credential should be scoped to correct service: 'lambda'."),
        (
            ("lambda", "eu-west-1"),
            "Credential should be scoped to a valid region, not 'eu-west-1'.",
        ),
    ],
)
async def test_what_is_signed_for_something_else_is_refused(access, scope, message):
    status, code, document = await refusal(access, URL, signed(scope=scope))
    assert (status, code, document) == (403, "InvalidSignatureException", {"message": message})


@pytest.mark.parametrize("key", ["test", "AKIAANYBODYANYBODY"])
async def test_an_old_signature_is_expired(access, key):
    request = signed(key)
    old = f"{datetime.now(UTC) - timedelta(hours=1):%Y%m%dT%H%M%SZ}"
    request.headers["x-amz-date"] = old
    request.headers["authorization"] = request.headers["authorization"].replace(
        f"/{datetime.now(UTC):%Y%m%d}/", f"/{old[:8]}/"
    )
    status, code, document = await refusal(access, URL, request)
    assert (status, code) == (403, "InvalidSignatureException")
    assert document["message"].startswith(f"Signature expired: {old} is now earlier than")


async def test_no_path_leads_from_one_function_to_another(access):
    path = "/_lambent/function-urls/abc/"
    request = signed(path=path)
    await authorize(access, URL, request)
    for detour in ("other/../abc/", "abc/../abc/"):
        changed = replace(request, path=path.replace("abc/", detour))
        assert await refusal(access, URL, changed) == MISMATCH


async def test_any_key_is_taken_where_none_are_listed_but_not_in_any_form(access):
    request = signed("AKIAANYBODYANYBODY", "whatever")
    assert (await caller_of(access, URL, request)).account_id == OWNER
    del request.headers["x-amz-date"]
    assert (await refusal(access, URL, request))[:2] == (403, "IncompleteSignatureException")


async def test_a_header_that_is_signed_must_be_there_whoever_signs(access):
    request = signed("AKIAANYBODYANYBODY", headers={"X-Custom": "1"})
    del request.headers["x-custom"]
    assert await refusal(access, URL, request) == MISMATCH


UNRECOGNIZED = (
    403,
    "UnrecognizedClientException",
    {"message": "The security token included in the request is invalid."},
)


async def test_a_key_that_is_not_listed_is_refused(access):
    listed = replace(access, signers=replace(access.signers, listed={"alice": "secret"}))
    assert await refusal(listed, URL, signed("AKIAANYBODYANYBODY")) == UNRECOGNIZED
    assert (await caller_of(listed, URL, signed("alice", "secret"))).access_key == "alice"


async def test_a_query_longer_than_is_ever_signed_is_refused(access):
    request = signed(path="/?" + "&".join(f"a{number}=1" for number in range(600)))
    assert (await refusal(access, URL, request))[:2] == (400, "ValidationException")


async def test_inside_a_sandbox_nobody_else_s_signature_counts(access, session):
    keys = frozenset({session.credentials.access_key_id})
    assert await refusal(access, URL, signed(), keys) == UNRECOGNIZED
    assert await authorize(access, URL, signed_by(session), keys)


@pytest.mark.parametrize("key", ["test", "AKIAANYBODYANYBODY"])
async def test_a_page_cannot_sign_with_a_key_that_anybody_could_sign_with(access, key):
    request = signed(key)
    request.headers["sec-fetch-site"] = "cross-site"
    status, code, document = await refusal(access, URL, request)
    assert (status, code) == (403, "AccessDeniedException")
    assert "access_keys" in document["message"]
    listed = replace(access, signers=replace(access.signers, listed={"test": "test"}))
    request = signed("test")
    request.headers["sec-fetch-site"] = "cross-site"
    assert (await caller_of(listed, URL, request)).access_key == "test"
