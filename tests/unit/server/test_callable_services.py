from __future__ import annotations

from typing import Any

import pytest

from lambent.domain.caller import Caller, Principal
from lambent.domain.errors import ServiceError
from lambent.domain.identity_policy import IdentityPolicies, identity_statements
from lambent.protocol.http import HttpRequest
from lambent.server.callable_services import action_of, check_service

CALLER = Caller(
    account_id="123456789012",
    region="us-east-1",
    request_id="id",
    principal=Principal(
        arn="arn:aws:sts::123456789012:assumed-role/worker/orders",
        role_arn="arn:aws:iam::123456789012:role/worker",
    ),
)
FORM = "application/x-www-form-urlencoded"
ADMIN = "arn:aws:iam::123456789012:role/admin"


class Policies:
    def __init__(self, *statements):
        self.statements = identity_statements({"Statement": list(statements)})

    async def of(self, account_id, region, role_arn):
        return IdentityPolicies(statements=self.statements)


def allow(action):
    return {"Effect": "Allow", "Action": action, "Resource": "*"}


def form(body, content_type=FORM):
    return HttpRequest(
        method="POST", path="/", query="", headers={"content-type": content_type}, body=body
    )


async def refusal(service, request, *statements, is_operators=False):
    """Its code and message; empty: none."""
    policies: Any = Policies(*statements)
    try:
        await check_service(request, service, CALLER, policies, is_operators=is_operators)
    except ServiceError as error:
        return f"{error.code}: {error.message}"
    return ""


@pytest.mark.parametrize("service", ["s3", "sqs", "sns", "dynamodb", "events", "lambda", "logs"])
async def test_what_keeps_data_and_hands_on_messages_is_called(service):
    assert await refusal(service, form(b"{}")) == ""


@pytest.mark.parametrize("service", ["batch", "ec2", "codebuild", "apigateway", "", "S3"])
async def test_what_nobody_named_is_not_called_whatever_policies_say(service):
    told = await refusal(service, form(b"{}"), allow("*"))
    assert told.startswith("AccessDeniedException: ")
    assert "the setting aws_endpoints" in told


async def test_what_has_an_endpoint_of_its_own_is_the_operator_s_choice():
    assert await refusal("batch", form(b"{}"), is_operators=True) == ""
    assert "AccessDenied" in await refusal("iam", form(b"Action=GetRole"), is_operators=True)


async def test_whose_role_may_not_be_changed_may_not_be_meant():
    request = form(b"Action=PutRolePolicy")
    assert await refusal("iam", request, allow("iam:*")) == ""
    denied = {"Effect": "Deny", "Action": "iam:Put*", "Resource": ADMIN}
    assert "explicit deny" in await refusal("iam", request, allow("iam:*"), denied)


@pytest.mark.parametrize("body", [b"a=1&" * 2000, b"a=" + b"b" * 1_100_000])
@pytest.mark.parametrize("content_type", [FORM, "", f"{FORM}; json", "text/plain"])
async def test_a_long_form_is_not_passed_on(body, content_type):
    for service in ("iam", "sns", "monitoring"):
        told = await refusal(service, form(body, content_type), allow("*"))
        assert told.startswith("ValidationException: A form may have")


@pytest.mark.parametrize(
    ("service", "content_type"),
    [
        ("dynamodb", "application/x-amz-json-1.0"),
        ("monitoring", "application/cbor"),
        ("s3", ""),
        ("lambda", ""),
    ],
)
async def test_what_is_no_form_may_be_long(service, content_type):
    assert await refusal(service, form(b"&" * 1_100_000, content_type)) == ""


async def test_a_long_form_is_for_one_operation_too():
    long = b"&Body=" + b"b" * 100_000
    assert await action_of(form(b"Action=Publish" + long)) == "Publish"
    assert await action_of(form(b"Action=Publish&Action=Other" + long)) is None
    assert await action_of(form(b"Action=Publish" + b"&a=1" * 2001)) is None
