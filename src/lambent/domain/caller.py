"""Who calls an API, as the request's credential scope says."""

from __future__ import annotations

import functools
from dataclasses import dataclass


# Not frozen: one is made for every request, and a frozen one takes three times as long to make.
@dataclass(slots=True, kw_only=True)
class Caller:
    account_id: str
    region: str
    request_id: str  # a UUID; answered as x-amzn-RequestId
    trace_header: str | None = None  # X-Amzn-Trace-Id as it came
    host: str = ""  # the Host header, for links that must lead back to this server

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
