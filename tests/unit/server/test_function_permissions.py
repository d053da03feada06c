from __future__ import annotations

from typing import Any

import pytest

from lambent.aws.clients import Unreachable
from lambent.domain.caller import Caller, Principal
from lambent.domain.errors import ServiceError
from lambent.domain.identity_policy import IdentityPolicies, identity_statements
from lambent.server.function_permissions import check_actions, check_function

ACCOUNT = "123456789012"
START = f"arn:aws:lambda:us-east-1:{ACCOUNT}"
LOGS = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group"
PRINCIPAL = Principal(
    arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/orders",
    role_arn=f"arn:aws:iam::{ACCOUNT}:role/worker",
)
CALLER = Caller(account_id=ACCOUNT, region="us-east-1", request_id="id", principal=PRINCIPAL)


class Policies:
    """See `RolePolicies`; `statements` are the role's, None of one that nobody knows."""

    def __init__(self, *statements, problem=None):
        self.statements = list(statements) or None
        self.problem = problem

    async def of(self, account_id, region, role_arn):
        assert (account_id, role_arn) == (ACCOUNT, PRINCIPAL.role_arn)
        if self.problem:
            raise self.problem
        if self.statements is None:
            return None
        return IdentityPolicies(statements=identity_statements({"Statement": self.statements}))


def allow(action, resource="*"):
    return {"Effect": "Allow", "Action": action, "Resource": resource}


async def is_allowed(policies, service, operation, **parameters):
    """True, or why not."""
    try:
        await check_function(policies, CALLER, service, operation, parameters)
    except ServiceError as error:
        return error.message
    return True


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("lambda", "Invoke", {"FunctionName": "other", "Qualifier": "live"}),
        ("lambda", "InvokeAsync", {"FunctionName": f"{START}:function:other"}),
        ("lambda", "InvokeWithResponseStream", {"FunctionName": "other"}),
        ("logs", "CreateLogGroup", {"logGroupName": "g"}),
        ("logs", "CreateLogStream", {"logGroupName": "g", "logStreamName": "s"}),
        ("logs", "PutLogEvents", {"logGroupName": "g", "logStreamName": "s"}),
    ],
)
async def test_a_role_nobody_knows_may_invoke_and_log(service, operation, parameters):
    assert await is_allowed(Policies(), service, operation, **parameters) is True


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "on"),
    [
        ("lambda", "GetFunction", {"FunctionName": "other"}, f"{START}:function:other"),
        ("lambda", "ListFunctions", {}, "*"),
        (
            "lambda",
            "DeleteLayerVersion",
            {"LayerName": "l", "VersionNumber": 2},
            f"{START}:layer:l:2",
        ),
        ("lambda", "ListTags", {"Resource": "arn:any"}, "arn:any"),
        ("lambda", "GetEventSourceMapping", {"UUID": "u"}, f"{START}:event-source-mapping:u"),
        ("lambda", "GetCodeSigningConfig", {"CodeSigningConfigArn": "arn:c"}, "arn:c"),
        ("logs", "GetLogEvents", {"logGroupName": "g"}, f"{LOGS}:g:log-stream:"),
        ("logs", "DescribeLogGroups", {}, f"{LOGS}::log-stream:"),
        ("monitoring", "GetMetricData", {}, "*"),
    ],
)
async def test_it_may_do_nothing_else(service, operation, parameters, on):
    message = await is_allowed(Policies(), service, operation, **parameters)
    prefix = "cloudwatch" if service == "monitoring" else service
    assert message == (
        f"User: {PRINCIPAL.arn} is not authorized to perform: {prefix}:{operation} on resource: "
        f"{on} because no identity-based policy allows the {prefix}:{operation} action"
    )


async def test_another_account_s_function_is_not_among_it():
    arn = "arn:aws:lambda:us-east-1:210987654321:function:other"
    assert await is_allowed(Policies(), "lambda", "Invoke", FunctionName=arn) is not True


async def test_a_known_role_may_what_its_policies_say_and_no_more():
    policies = Policies(allow("lambda:GetFunction", f"{START}:function:mine"))
    assert await is_allowed(policies, "lambda", "GetFunction", FunctionName="mine") is True
    for name in ("mine:1", "other"):
        assert await is_allowed(policies, "lambda", "GetFunction", FunctionName=name) is not True
    assert await is_allowed(policies, "lambda", "Invoke", FunctionName="mine") is not True


async def test_who_cannot_pass_a_role_or_use_a_layer_cannot_give_it_to_a_function():
    wanted = {"FunctionName": "new", "Role": "arn:role", "Layers": ["arn:layer:1"]}
    statements = [allow("lambda:CreateFunction")]
    for needed in ("iam:PassRole", "lambda:GetLayerVersion"):
        message = await is_allowed(Policies(*statements), "lambda", "CreateFunction", **wanted)
        assert f"perform: {needed} on" in message
        statements.append(allow(needed))
    assert await is_allowed(Policies(*statements), "lambda", "CreateFunction", **wanted) is True


@pytest.mark.parametrize("pattern", [f"{LOGS}:mine", f"{LOGS}:mine:*", f"{LOGS}:mi*"])
async def test_log_groups_are_named_in_two_ways_and_all_of_a_call_count(pattern):
    policies = Policies(allow("logs:GetLogEvents", pattern))

    async def asked(**names):
        return await is_allowed(policies, "logs", "GetLogEvents", **names)

    assert await asked(logGroupName="mine") is True
    assert await asked(logGroupIdentifier=f"{LOGS}:mine:*") is True
    assert await asked(logGroupName="mine", logGroupIdentifier="other") is not True
    assert await asked(logGroupNames=["mine", "other"]) is not True


async def test_while_iam_does_not_answer_nothing_is_allowed():
    policies: Any = Policies(problem=Unreachable("gone"))
    with pytest.raises(ServiceError, match="not known: gone") as refused:
        await check_actions(policies, CALLER, [("iam:A", ["*"])])
    assert refused.value.code == "ServiceException"
