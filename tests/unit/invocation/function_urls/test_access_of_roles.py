from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.invocation.function_urls.url_callers import (
    BY_URL,
    CALL_FUNCTION,
    CALL_URL,
    EVERYBODY,
    OTHER,
    OWNER,
    URL,
    account,
    is_forbidden,
    refusal,
    signed_by,
    statement,
)

from lambent.aws.clients import Unreachable
from lambent.domain.errors import ServiceError
from lambent.invocation.function_urls.access import UrlCaller, authorize


async def test_a_function_calls_in_the_name_of_its_role(access, session):
    key = session.credentials.access_key_id
    assert await authorize(access, URL, signed_by(session)) == UrlCaller(
        access_key=key,
        account_id=OWNER,
        caller_id=f"AROA{key[4:]}:orders",
        user_arn=session.principal_arn,
        user_id=f"AROA{key[4:]}:orders",
    )


async def test_credentials_of_an_ended_environment_are_expired(access, issued, session):
    issued.revoke(session.credentials)
    status, code, _ = await refusal(access, URL, signed_by(session))
    assert (status, code) == (403, "ExpiredTokenException")


def of_role(action, effect="Allow", **others):
    return {"Effect": effect, "Action": action, "Resource": "*", **others}


@pytest.mark.parametrize(
    ("statements", "may"),
    [
        ([of_role(CALL_URL)], True),
        ([of_role("lambda:*", Condition=BY_URL)], True),
        ([of_role(CALL_FUNCTION)], False),
        ([of_role(CALL_URL), of_role(CALL_FUNCTION, "Deny", Condition=BY_URL)], False),
        ([of_role("*"), of_role(CALL_URL, "Deny", Condition=EVERYBODY)], True),
    ],
)
async def test_a_role_may_what_its_policies_say(access, roles, session, statements, may):
    roles.statements = statements
    if may:
        assert await authorize(access, URL, signed_by(session))
    else:
        assert await is_forbidden(access, URL, signed_by(session))


async def test_a_role_may_what_the_function_s_policy_says(access, roles, policies, session):
    roles.statements = [of_role("s3:*")]
    policies[""] = [statement({"AWS": session.role_arn})]
    assert await authorize(access, URL, signed_by(session))
    roles.statements = [of_role("lambda:*", "Deny")]
    assert await is_forbidden(access, URL, signed_by(session))


async def test_a_role_of_another_account_needs_both_policies(access, roles, policies, session):
    theirs = replace(URL, account_id=OTHER)
    roles.statements = [of_role("lambda:*")]
    assert await is_forbidden(access, theirs, signed_by(session))
    policies[""] = [statement(account(OWNER), resource=theirs.arn)]
    assert await authorize(access, theirs, signed_by(session))
    roles.statements = [of_role("s3:*")]
    assert await is_forbidden(access, theirs, signed_by(session))


async def test_a_role_that_iam_cannot_be_asked_about_is_no_refusal(access, roles, session):
    roles.problem = Unreachable("no answer")
    with pytest.raises(ServiceError, match="is not known: no answer"):
        await authorize(access, URL, signed_by(session))
