"""Provisioned concurrency: environments of a published version, initialised before they are needed.

https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lambent.domain.arn import function_arn

ProvisionedConcurrencyStatus = Literal["IN_PROGRESS", "READY", "FAILED"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionedConcurrency:
    """What was asked for, of one published version."""

    account_id: str
    region: str
    name: str
    version: str
    requested: int  # environments
    last_modified: str  # 2026-01-31T12:00:00+0000

    @property
    def qualified_arn(self) -> str:
        return f"{function_arn(self.account_id, self.region, self.name)}:{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """How far it has come."""

    available: int = 0  # environments that are initialised, at work or not
    status: ProvisionedConcurrencyStatus = "IN_PROGRESS"
    reason: str | None = None  # why it failed
