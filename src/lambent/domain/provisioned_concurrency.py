"""Provisioned concurrency: environments of published versions, initialised before they are needed.

https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from lambent.domain.records import FunctionRecord

if TYPE_CHECKING:
    from lambent.domain.alias import Alias

ProvisionedConcurrencyStatus = Literal["IN_PROGRESS", "READY", "FAILED"]
Environments = Mapping[str, int]  # how many, by version

_NONE: Environments = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionedConcurrency(FunctionRecord):
    """What was asked for, of one published version or of what an alias points to."""

    requested: int  # environments
    last_modified: str  # 2026-01-31T12:00:00+0000


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """How far it has come."""

    wanted: Environments = field(default_factory=lambda: _NONE)  # which it was told for
    available: int = 0  # environments that are initialised, at work or not
    status: ProvisionedConcurrencyStatus = "IN_PROGRESS"
    reason: str | None = None  # why it failed


def wanted_environments(config: ProvisionedConcurrency, alias: Alias | None) -> Environments:
    """Of which versions environments are to be ready; `alias` is what the qualifier names, if any.

    An alias with two versions has them shared as it shares its requests, so that each version has
    them for the requests it gets:
    https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
    """
    if alias is None:
        return {config.qualifier: config.requested}
    if alias.second_version is None:
        return {alias.version: config.requested}
    second = round(config.requested * alias.second_weight)
    return {alias.version: config.requested - second, alias.second_version: second}
