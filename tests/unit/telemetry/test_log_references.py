from __future__ import annotations

import pytest

from lambent.domain.caller import Caller
from lambent.domain.errors import ServiceError
from lambent.store.log_records import LogGroup
from lambent.telemetry import log_references

CALLER = Caller(account_id="123456789012", region="cn-north-1", request_id="r")
ARN = "arn:aws-cn:logs:cn-north-1:123456789012:log-group:/aws/lambda/f"


def test_a_group_s_arn_is_of_its_partition():
    group = LogGroup(
        account_id="123456789012", region="cn-north-1", name="/aws/lambda/f", created_ms=1
    )
    assert log_references.group_arn(group, CALLER) == ARN


@pytest.mark.parametrize("identifier", ["/aws/lambda/f", ARN, f"{ARN}:*"])
def test_names_and_arns_mean_the_same_group(identifier):
    assert log_references.name_of_identifier(identifier, CALLER) == "/aws/lambda/f"


@pytest.mark.parametrize("arn", ["arn:", f"{ARN}:log-stream:s", f"{ARN}::*", "arn:aws:s3:::bucket"])
def test_other_arns_are_invalid(arn):
    with pytest.raises(ServiceError) as failure:
        log_references.name_of_identifier(arn, CALLER)
    assert failure.value.code == "InvalidParameterException"


def test_a_token_gives_back_its_key_to_its_own_listing_only():
    token = log_references.token_after("key \u2260", "listing")
    assert log_references.key_of_token(token, "listing") == "key \u2260"
    for other in ("listing2", ""):
        with pytest.raises(ServiceError, match="The specified nextToken is invalid"):
            log_references.key_of_token(token, other)
