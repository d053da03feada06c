from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, strategies as st

from lambent.domain.errors import ServiceError
from lambent.domain.policy_statement import Access, check_principal, is_service, statements_of

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:greet"
STATEMENT = {
    "Effect": "Allow",
    "Principal": "*",
    "Action": "lambda:InvokeFunction",
    "Resource": FUNCTION,
}


def policy(**changes):
    return json.dumps({"Version": "2012-10-17", "Statement": {**STATEMENT, **changes}})


def covers(access=None, /, **changes):
    [statement] = statements_of(policy(**changes))
    return statement.covers(access or use())


def use(**known):
    known = {"account_id": "999999999999", **known}
    return Access(**{"action": "lambda:InvokeFunction", "resource": FUNCTION, **known})


def refused(document):
    with pytest.raises(ServiceError) as caught:
        statements_of(document)
    assert caught.value.code == "InvalidParameterValueException"
    return caught.value.message


@pytest.mark.parametrize(
    ("principal", "is_named"),
    [
        ("*", True),
        ({"AWS": "*"}, True),
        ({"AWS": "999999999999"}, True),
        ({"AWS": "arn:aws:iam::999999999999:root"}, True),
        ({"AWS": ["123456789012", "arn:aws-cn:iam::999999999999:role/a/b"]}, True),
        ({"AWS": "arn:aws:sts::999999999999:assumed-role/r/session"}, True),
        ({"AWS": "arn:aws:iam::123456789012:root"}, False),
        ({"Service": "s3.amazonaws.com"}, False),
    ],
)
def test_a_statement_is_about_the_accounts_it_names(principal, is_named):
    assert covers(Principal=principal) is is_named


@pytest.mark.parametrize(
    ("principal", "is_named"),
    [
        ("*", True),
        ({"Service": "s3.amazonaws.com"}, True),
        ({"Service": ["sns.amazonaws.com", "s3.amazonaws.com"]}, True),
        ({"Service": "sns.amazonaws.com", "AWS": "999999999999"}, False),
    ],
)
def test_a_statement_is_about_the_services_it_names(principal, is_named):
    assert covers(use(account_id=None, service="s3.amazonaws.com"), Principal=principal) is is_named


@pytest.mark.parametrize(("principal", "is_named"), [("*", True), ({"AWS": "*"}, True)])
def test_nobody_in_particular_is_everybody_only(principal, is_named):
    assert covers(use(account_id=None), Principal=principal)
    assert not covers(use(account_id=None), Principal={"AWS": "999999999999"})


@pytest.mark.parametrize(
    ("action", "is_meant"),
    [
        ("lambda:InvokeFunction", True),
        ("lambda:invokefunction", True),
        ("LAMBDA:INVOKE*", True),
        ("lambda:*", True),
        ("*", True),
        (["lambda:GetFunction", "lambda:Invoke*"], True),
        ("lambda:InvokeFunctionUrl", False),
    ],
)
def test_actions_have_wildcards_and_no_case(action, is_meant):
    assert covers(Action=action) is is_meant


@pytest.mark.parametrize(
    ("resource", "used", "is_meant"),
    [
        (FUNCTION, FUNCTION, True),
        (FUNCTION, f"{FUNCTION}:live", False),
        (FUNCTION, f"{FUNCTION}:$LATEST", False),
        (f"{FUNCTION}:*", f"{FUNCTION}:live", True),
        (f"{FUNCTION}:*", FUNCTION, False),
        ([f"{FUNCTION}:1", f"{FUNCTION}:2"], f"{FUNCTION}:2", True),
        ("*", f"{FUNCTION}:live", True),
    ],
)
def test_a_resource_is_the_arn_that_is_used(resource, used, is_meant):
    assert covers(use(resource=used), Resource=resource) is is_meant


def test_all_conditions_must_hold():
    condition = {
        "StringEquals": {"AWS:SourceAccount": "123456789012", "aws:PrincipalOrgID": "o-1"},
        "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket*"},
    }
    right = {
        "source_account": "123456789012",
        "organization_id": "o-1",
        "source_arn": "arn:aws:s3:::bucket-2",
    }
    assert covers(use(**right), Condition=condition)
    for missing in right:
        assert not covers(use(**{**right, missing: None}), Condition=condition)
        assert not covers(use(**{**right, missing: "x"}), Condition=condition)


@pytest.mark.parametrize(
    ("condition", "fitting"),
    [
        (
            {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
            {"function_url_auth_type": "NONE"},
        ),
        ({"StringEquals": {"lambda:EventSourceToken": "t"}}, {"event_source_token": "t"}),
        ({"Bool": {"lambda:InvokedViaFunctionUrl": True}}, {"is_via_function_url": True}),
        ({"StringEquals": {"aws:PrincipalAccount": ["1", "2"]}}, {"account_id": "2"}),
    ],
)
def test_every_kind_of_access_can_be_asked_for(condition, fitting):
    assert covers(use(**fitting), Condition=condition)
    assert not covers(Condition=condition)


def test_a_policy_full_of_patterns_is_evaluated_without_compiling_any(monkeypatch):
    def compiled(pattern, flags):
        pytest.fail(f"{pattern} is compiled")

    # Beneath what `re` keeps.
    monkeypatch.setattr("re._compiler.compile", compiled)
    patterns = [f"*?{number:x}" for number in range(2000)]
    assert not covers(Resource=patterns)
    assert not covers(Action=patterns)
    assert covers(Action=[*patterns, "lambda:*"], Resource=[*patterns, FUNCTION])


def test_a_policy_has_statements_in_their_order():
    document = {"Statement": [{**STATEMENT, "Sid": "a"}, {**STATEMENT, "Effect": "Deny"}]}
    statements = statements_of(json.dumps(document))
    assert [(each.sid, each.is_deny) for each in statements] == [("a", False), (None, True)]


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ("", "it is not JSON"),
        ("[" * 20_000, "it is not JSON"),
        ("[]", "the policy must be a JSON object"),
        ('{"Statement": []}', "it has no statements"),
        ('{"Statement": "x"}', "a statement must be a JSON object"),
        ('{"Version": "2024-01-01", "Statement": []}', "Version must be one of"),
        ('{"Id": 1, "Statement": []}', "Id must be a string"),
        ('{"Statements": []}', "the policy has the member Statements"),
        (policy(Effect="Maybe"), "Effect must be Allow or Deny"),
        (policy(Sid=5), "Sid must be a string"),
        (policy(NotAction="lambda:*"), "a statement has the member NotAction"),
        (policy(Principal={"Federated": "x"}), "Principal has the member Federated"),
        (policy(Principal={}), "Principal names nobody"),
        (policy(Principal={"AWS": "nobody"}), "The provided principal was invalid."),
        (policy(Principal={"Service": "s3.example.com"}), "The provided principal was invalid."),
        (policy(Principal={"Service": "123456789012"}), "The provided principal was invalid."),
        (policy(Action=[]), "Action must be a string or a list of strings"),
        (policy(Resource=[FUNCTION, 5]), "Resource must be a string or a list of strings"),
        (policy(Resource="arn:aws:${aws:userid}"), "Resource has a variable"),
        (policy(Condition={"StringEquals": "x"}), "Condition.StringEquals must be a JSON object"),
        (policy(Condition={"IpAddress": {"aws:SourceIp": "::"}}), "IpAddress is not available"),
        (
            policy(Effect="Deny", Principal={"AWS": "arn:aws:iam::999999999999:user/a"}),
            "Denying single users and roles",
        ),
    ],
)
def test_what_cannot_be_evaluated_is_refused(document, named):
    assert named in refused(document)


def test_a_name_is_given_once():
    document = json.dumps({"Statement": [{**STATEMENT, "Sid": "a"}] * 2})
    assert "each Sid may be there once only" in refused(document)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*STATEMENT, "Sid", "AWS", "StringEquals"]), inner)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*STATEMENT, "Sid", "Condition"]), JSON), JSON)
def test_whatever_a_policy_says_it_is_read_or_refused(changes, other):
    for document in (json.dumps(other), policy(**changes)):
        with suppress(ServiceError):
            for statement in statements_of(document):
                statement.covers(use())


@pytest.mark.parametrize(
    "principal",
    [
        "*",
        "123456789012",
        "arn:aws:iam::123456789012:user/ada",
        "s3.amazonaws.com",
        "logs.us-east-1.amazonaws.com",
        "events.amazonaws.com.cn",
        "alexa-appkit.amazon.com",
    ],
)
def test_a_principal_is_an_account_an_identity_or_a_service(principal):
    check_principal(principal)
    assert is_service(principal) is (".amazon" in principal)


@pytest.mark.parametrize(
    "principal",
    ["invalid.nonaws.com", "12345678901", "ada", "arn:aws:iam::1:root", "arn:aws:s3:::b", "a/*"],
)
def test_another_principal_is_invalid(principal):
    with pytest.raises(ServiceError, match="The provided principal was invalid"):
        check_principal(principal)
