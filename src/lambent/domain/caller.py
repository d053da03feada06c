"""Who calls an API, as the request's credential scope says, or its signature proves."""

from __future__ import annotations

import functools
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A function that calls, as its signature proved: it may do what its execution role may."""

    arn: str  # arn:aws:sts::123456789012:assumed-role/role/function
    role_arn: str


# Not frozen: one is made for every request, and a frozen one takes three times as long to make.
@dataclass(slots=True, kw_only=True)
class Caller:
    account_id: str
    region: str
    request_id: str  # a UUID; answered as x-amzn-RequestId
    trace_header: str | None = None  # X-Amzn-Trace-Id as it came
    host: str = ""  # the Host header, for links that must lead back to this server
    principal: Principal | None = None  # None: the whole account, which may do everything

    @property
    def arn(self) -> str:
        """Who calls, in the words of errors."""
        if self.principal is not None:
            return self.principal.arn
        return f"arn:{self.partition}:iam::{self.account_id}:root"

    @property
    def partition(self) -> str:
        return partition_of(self.region)


# By the beginning of a region's name; every other region is in the partition `aws`.
_PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "eusc-": "aws-eusc",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
}


@functools.lru_cache(maxsize=256)
def partition_of(region: str) -> str:
    """The ARN partition a region belongs to.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    """
    for beginning, partition in _PARTITIONS.items():
        if region.startswith(beginning):
            return partition
    return "aws"
