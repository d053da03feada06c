from __future__ import annotations

import pytest

from lambent.domain.caller import Caller, partition_of


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("us-east-1", "aws"),
        ("eu-central-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
    ],
)
def test_a_region_belongs_to_one_partition(region, partition):
    assert partition_of(region) == partition
    assert Caller(account_id="1", region=region, request_id="r").partition == partition


def test_a_caller_needs_no_trace_and_no_host():
    caller = Caller(account_id="1", region="us-east-1", request_id="r")
    assert (caller.trace_header, caller.host) == (None, "")
