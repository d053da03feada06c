from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from lambent.domain.arn import (
    function_arn,
    is_alias,
    parse_function_reference,
    split_function_name,
)
from lambent.domain.caller import Caller
from lambent.domain.errors import ServiceError

CALLER = Caller(account_id="123456789012", region="eu-central-1", request_id="r")
ARN = "arn:aws:lambda:eu-central-1:123456789012:function:echo"


def refused(text, qualifier=None):
    with pytest.raises(ServiceError) as caught:
        parse_function_reference(text, CALLER, qualifier)
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        "echo",
        "function:echo",
        "123456789012:echo",
        "123456789012:function:echo",
        "eu-central-1:123456789012:function:echo",
        ARN,
    ],
)
def test_every_form_means_the_same_function(text):
    reference = parse_function_reference(text, CALLER)
    assert (reference.arn, reference.qualifier) == (ARN, None)
    assert reference.qualified_arn == ARN
    for qualifier in ("$LATEST", "7", "live", "$LATEST.PUBLISHED"):
        for named in (
            parse_function_reference(f"{text}:{qualifier}", CALLER),
            parse_function_reference(text, CALLER, qualifier),
            parse_function_reference(f"{text}:{qualifier}", CALLER, qualifier),
        ):
            assert (named.arn, named.qualifier) == (ARN, qualifier)
            assert named.qualified_arn == f"{ARN}:{qualifier}"


def test_an_arn_that_ends_early_names_a_function_called_function():
    reference = parse_function_reference(ARN.removesuffix(":echo"), CALLER)
    assert reference.name == "function"


def test_an_arn_names_its_own_account():
    other = "arn:aws:lambda:eu-central-1:000000000000:function:echo"
    assert parse_function_reference(other, CALLER).arn == other


def test_two_qualifiers_must_agree():
    error = refused("echo:$LATEST", "1")
    assert error.code == "InvalidParameterValueException"
    assert error.message == (
        "The derived qualifier from the function name does not match the specified qualifier."
    )


def test_another_region_is_not_reachable():
    error = refused("arn:aws:lambda:us-east-1:123456789012:function:echo")
    assert error.code == "ResourceNotFoundException"
    assert error.message == (
        "Functions from 'us-east-1' are not reachable in this region ('eu-central-1')"
    )


@pytest.mark.parametrize("partition", ["aws-cn", "aws-us-gov", "awsx"])
def test_nothing_is_found_in_a_partition_that_is_not_the_regions(partition):
    text = ARN.replace("arn:aws:", f"arn:{partition}:")
    error = refused(text)
    assert (error.code, error.message) == (
        "ResourceNotFoundException",
        f"Function not found: {text}",
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "my-function!",
        "echo\n",
        "invalid-account:function:my-function",
        "arn:aws:lambda:invalid-region:123456789012:function:my-function",
        "arn:aws:ec2:eu-central-1:123456789012:instance:i-1234567890abcdef0",
        f"{ARN}:1:2",
        "function:echo:$LATEST:extra",
        "arn:aws:lambda::123456789012:function:echo",
        "arn:aws:lambda:eu-central-1::function:echo",
        f"{ARN}:$LATE",
        "١٢٣٤٥٦٧٨٩٠١٢:function:echo",
    ],
)
def test_anything_else_is_invalid(text):
    error = refused(text)
    assert error.code == "ValidationException"
    assert error.message.startswith(
        f"1 validation error detected: Value '{text}' at 'functionName' failed to satisfy "
        "constraint: Member must satisfy regular expression pattern: (arn:"
    )


@given(st.text())
def test_no_text_breaks_the_parser(text):
    try:
        reference = parse_function_reference(text, CALLER)
    except ServiceError:
        return
    assert reference.arn == function_arn(reference.account_id, CALLER.region, reference.name)


@pytest.mark.parametrize(
    ("qualifier", "expected"),
    [("live", True), ("1a", True), ("_", True), ("1", False), ("$LATEST", False)],
)
def test_a_name_that_is_no_number_is_an_alias(qualifier, expected):
    assert is_alias(qualifier) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name", ("name", None)),
        ("name:PROD", ("name", "PROD")),
        ("name:$LATEST", ("name", "$LATEST")),
        ("123456789012:function:name", ("name", None)),
        ("function:name:7", ("name", "7")),
        ("arn:aws:lambda:eu-west-1:123456789012:function:name", ("name", None)),
        ("arn:aws:lambda:eu-west-1:123456789012:function:name:7", ("name", "7")),
        ("a/b", ("a/b", None)),
        ("a;b:c", ("a;b:c", None)),
        ("", ("", None)),
    ],
)
def test_a_name_is_told_from_what_is_around_it(text, expected):
    assert split_function_name(text) == expected
