from __future__ import annotations

import pytest

from lambent.domain.caller import Caller
from lambent.domain.layer import (
    LayerPermission,
    LayerReference,
    LayerVersion,
    parse_layer_reference,
    parse_layer_version_arn,
)

CALLER = Caller(account_id="123456789012", region="eu-central-1", request_id="r")
TOOLS = LayerReference(account_id="123456789012", region="eu-central-1", name="tools")


def version(**changes):
    return LayerVersion(
        **{
            "layer": TOOLS,
            "version": 3,
            "created": "2026-01-31T12:00:00.000+0000",
            "code_sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "code_bytes": 22,
            **changes,
        }
    )


def test_a_version_has_an_arn_below_its_layers():
    assert TOOLS.arn == "arn:aws:lambda:eu-central-1:123456789012:layer:tools"
    assert version().arn == f"{TOOLS.arn}:3"


def test_arns_are_of_their_regions_partition():
    china = LayerReference(account_id="123456789012", region="cn-north-1", name="tools")
    assert china.arn == "arn:aws-cn:lambda:cn-north-1:123456789012:layer:tools"


def test_a_name_means_the_callers_own_layer():
    assert parse_layer_reference("tools", CALLER) == TOOLS


def test_an_arn_means_its_owners_layer():
    theirs = LayerReference(account_id="999999999999", region="us-east-1", name="tools")
    assert parse_layer_reference(theirs.arn, CALLER) == theirs


def test_a_versions_arn_has_its_layer_and_number():
    assert parse_layer_version_arn(version().arn) == (TOOLS, 3)


def test_layers_that_aws_owns_are_nobodys():
    assert parse_layer_version_arn("arn:aws:lambda:::awslayer:AmazonLinux1803") is None


@pytest.mark.parametrize(
    ("principal", "is_allowed"), [("*", True), ("999999999999", True), ("111111111111", False)]
)
def test_other_accounts_need_a_permission(principal, is_allowed):
    shared = version(permissions=(LayerPermission(statement_id="s", principal=principal),))
    assert shared.allows("999999999999") == is_allowed
    assert shared.allows(TOOLS.account_id)
    assert not version().allows("999999999999")


@pytest.mark.parametrize(
    ("runtime", "architecture", "suits"),
    [
        (None, None, True),
        ("python3.12", None, True),
        ("python3.13", None, False),
        (None, "arm64", False),
        ("python3.12", "x86_64", True),
        ("python3.12", "arm64", False),
    ],
)
def test_a_filter_lets_through_what_says_it_is_compatible(runtime, architecture, suits):
    layer = version(compatible_runtimes=("python3.12",), compatible_architectures=("x86_64",))
    assert layer.suits(runtime, architecture) == suits


def test_a_filter_lets_nothing_through_that_says_nothing():
    assert version().suits(None, None)
    assert not version().suits("python3.12", None)
    assert not version(compatible_architectures=()).suits(None, "x86_64")
