"""Every form a function may be named in, and those it may not."""

from __future__ import annotations

import pytest
from tests.support.refusals import refusal

NAME = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?"
    r"(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
NEW_NAME = NAME.replace(r"\.]+", "]+").replace(r"(\.PUBLISHED)?", "")
FORMS = (
    "greet",
    "function:greet",
    "{account}:greet",
    "{account}:function:greet",
    "us-east-1:{account}:function:greet",
    "arn:aws:lambda:us-east-1:{account}:function:greet",
)


@pytest.fixture
def published(account):
    account.created(Publish=True)
    return account


@pytest.mark.parametrize("form", FORMS)
def test_a_function_is_found_by_every_form_of_its_name(published, form):
    get = published.client().get_function_configuration
    name = form.format(account=published.id)
    assert get(FunctionName=name)["FunctionArn"] == published.arn("greet")
    for qualifier in ("$LATEST", "1"):
        expected = published.arn(f"greet:{qualifier}")
        assert get(FunctionName=f"{name}:{qualifier}")["FunctionArn"] == expected
        assert get(FunctionName=name, Qualifier=qualifier)["FunctionArn"] == expected
        both = get(FunctionName=f"{name}:{qualifier}", Qualifier=qualifier)
        assert both["FunctionArn"] == expected


@pytest.mark.parametrize("form", FORMS)
def test_a_dry_run_of_invoke_takes_every_form_too(published, form):
    name = form.format(account=published.id)
    invoke = published.client().invoke
    for options in ({"FunctionName": name}, {"FunctionName": f"{name}:1", "Qualifier": "1"}):
        assert invoke(**options, InvocationType="DryRun")["StatusCode"] == 204


@pytest.mark.parametrize("form", FORMS)
def test_a_function_is_created_under_every_form_of_its_name(account, form):
    created = account.create(form.format(account=account.id))
    assert created["FunctionName"] == "greet"
    assert created["FunctionArn"] == account.arn("greet")


def test_two_qualifiers_must_agree(published):
    for operation in ("get_function", "delete_function", "invoke"):
        call = getattr(published.client(), operation)
        assert refusal(call, FunctionName="greet:1", Qualifier="$LATEST") == (
            400,
            "InvalidParameterValueException",
            "The derived qualifier from the function name does not match the specified qualifier.",
        )


@pytest.mark.parametrize("operation", ["get_function", "delete_function", "invoke"])
def test_another_regions_arn_is_out_of_reach(published, operation):
    elsewhere = published.arn("greet", region="eu-west-1")
    assert refusal(getattr(published.client(), operation), FunctionName=elsewhere) == (
        404,
        "ResourceNotFoundException",
        "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')",
    )


@pytest.mark.parametrize(
    "name",
    [
        "my-function!",
        "*",
        "invalid-account:function:f",
        "arn:aws:lambda:invalid-region:000000000000:function:f",
        "arn:aws:ec2:us-east-1:000000000000:instance:i-1234567890abcdef0",
        "arn:aws:lambda:us-east-1:000000000000:function:f:1:2",
        "function:f:$LATEST:extra",
        "arn:aws:lambda::000000000000:function:f",
        "arn:aws:lambda:us-east-1::function:f",
        "arn:aws:lambda:us-east-1:000000000000:function:f:$LATES",
        "arn:aws:lambda:us-east-1:000000000000@function:f",
    ],
)
def test_what_is_no_name_is_refused_with_the_pattern(account, name):
    client = account.client()
    start = f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy "
    constraint = "constraint: Member must satisfy regular expression pattern: "
    for operation in (client.get_function, client.delete_function, client.invoke):
        assert refusal(operation, FunctionName=name) == (
            400,
            "ValidationException",
            start + constraint + NAME,
        )
    refused = refusal(account.create, name)
    assert refused == (400, "ValidationException", start + constraint + NEW_NAME)


def test_a_name_too_long_to_exist_is_not_found(account):
    client, name = account.client(), "a" * 65
    arn = account.arn(name)
    assert refusal(client.get_function, FunctionName=name).message == f"Function not found: {arn}"
    refused = refusal(client.invoke, FunctionName=name)
    assert refused.message == f"Function not found: {arn}:$LATEST"
    refused = refusal(account.create, name)
    assert (refused.status, refused.code) == (400, "InvalidParameterValueException")
    assert refused.message == (
        f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy "
        "constraint: Member must have length less than or equal to 64"
    )


def test_an_arn_too_long_to_create_is_invalid(account):
    arn = account.arn("a" * 100)
    assert refusal(account.create, arn) == (
        400,
        "ValidationException",
        f"1 validation error detected: Value '{arn}' at 'functionName' failed to satisfy "
        "constraint: Member must have length less than or equal to 140",
    )


def test_every_broken_constraint_is_told(account):
    qualifier = "q" * 129
    refused = refusal(account.client().get_function, FunctionName="f!", Qualifier=qualifier)
    assert refused.code == "ValidationException"
    assert refused.message.startswith("2 validation errors detected: ")
    assert (
        f"Value '{qualifier}' at 'qualifier' failed to satisfy constraint: "
        "Member must have length less than or equal to 128"
    ) in refused.message
    assert "Value 'f!' at 'functionName'" in refused.message


def test_qualifiers_are_compared_to_the_letter(published):
    refused = refusal(published.client().get_function, FunctionName="greet", Qualifier="$latest")
    assert refused.message == f"Function not found: {published.arn('greet:$latest')}"
    refused = refusal(published.client().get_function, FunctionName="greet", Qualifier="no!")
    assert refused.message == (
        "1 validation error detected: Value 'no!' at 'qualifier' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: \$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"
    )
