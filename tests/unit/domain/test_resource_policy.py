from __future__ import annotations

import json

import pytest

from lambent.domain.arn import FunctionReference
from lambent.domain.caller import Caller
from lambent.domain.errors import ServiceError
from lambent.domain.policy_statement import Access
from lambent.domain.resource_policy import (
    FunctionPolicy,
    check_caller,
    is_allowed,
    is_denied,
    policies_for,
)

OWNER, STRANGER = "123456789012", "999999999999"
FUNCTION = f"arn:aws:lambda:us-east-1:{OWNER}:function:greet"


def policy(*statements, qualifier=""):
    return FunctionPolicy(
        account_id=OWNER,
        region="us-east-1",
        name="greet",
        qualifier=qualifier,
        revision_id="r",
        document=json.dumps({"Statement": list(statements)}),
    )


def statement(effect="Allow", account=STRANGER, resource=FUNCTION, **more):
    return {
        "Effect": effect,
        "Principal": account if account == "*" else {"AWS": account},
        "Action": "lambda:InvokeFunction",
        "Resource": resource,
        **more,
    }


def access(account_id=STRANGER):
    return Access(action="lambda:InvokeFunction", resource=FUNCTION, account_id=account_id)


def caller(account_id):
    return Caller(account_id=account_id, region="us-east-1", request_id="r")


def reference(qualifier=None):
    return FunctionReference(
        account_id=OWNER, region="us-east-1", name="greet", qualifier=qualifier
    )


def lookup(*policies):
    found = {(each.account_id, each.region, each.name, each.qualifier): each for each in policies}
    return lambda *key: found.get(key)


def check(policies, account_id=STRANGER, qualifier=None):
    check_caller(lookup(*policies), caller(account_id), reference(qualifier), "InvokeFunction")


def refused(policies, account_id=STRANGER, qualifier=None):
    with pytest.raises(ServiceError) as caught:
        check(policies, account_id, qualifier)
    assert caught.value.code == "AccessDeniedException"
    return caught.value.message


def test_without_a_policy_nobody_is_allowed_or_denied():
    assert not is_allowed([], access())
    assert not is_denied([], access())


def test_a_denial_counts_more_than_any_permission():
    allow, deny = statement(), statement("Deny", "*")
    for policies in ([policy(allow, deny)], [policy(deny), policy(allow, qualifier="1")]):
        assert is_denied(policies, access())
        assert not is_allowed(policies, access())
    assert is_allowed([policy(allow)], access())
    assert not is_allowed([policy(allow)], access("888888888888"))


def test_a_use_falls_under_the_function_s_policy_and_the_qualifier_s():
    whole, live = policy(statement()), policy(statement(), qualifier="live")
    policy_of = lookup(whole, live)
    assert policies_for(policy_of, reference()) == (whole,)
    assert policies_for(policy_of, reference("live")) == (whole, live)
    assert policies_for(policy_of, reference("1")) == (whole,)


def test_the_own_account_needs_no_permission():
    check([], OWNER)
    check([policy(statement())], OWNER)


def test_the_own_account_can_be_denied():
    assert refused([policy(statement("Deny", OWNER))], OWNER) == (
        f"User: arn:aws:iam::{OWNER}:root is not authorized to perform: lambda:InvokeFunction "
        f"on resource: {FUNCTION} with an explicit deny in a resource-based policy"
    )


def test_another_account_needs_permission():
    assert refused([]) == (
        f"User: arn:aws:iam::{STRANGER}:root is not authorized to perform: lambda:InvokeFunction "
        f"on resource: {FUNCTION} because no resource-based policy allows the "
        "lambda:InvokeFunction action"
    )
    check([policy(statement())])
    check([policy(statement(account="*"))])


def test_permission_is_for_the_arn_it_names():
    whole = policy(statement())
    live = policy(statement(resource=f"{FUNCTION}:live"), qualifier="live")
    assert f"{FUNCTION}:live because" in refused([whole], qualifier="live")
    assert FUNCTION in refused([live])
    check([whole, live], qualifier="live")
    check([policy(statement(resource=f"{FUNCTION}:*"))], qualifier="live")


def test_a_condition_about_a_source_is_not_met_by_a_caller():
    condition = {"StringEquals": {"AWS:SourceAccount": STRANGER}}
    assert refused([policy(statement(account="*", Condition=condition))])
