"""Aliases: names for function versions, one of which may get a share of another's requests.

https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
"""

from __future__ import annotations

from dataclasses import dataclass

from lambent.domain.arn import function_arn


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """What a name stands for now. Any of it but the name may change; each time the revision does."""

    account_id: str
    region: str
    name: str  # the function's
    alias: str
    version: str  # $LATEST or a published version
    second_version: str | None = None  # published, and another one than `version`
    second_weight: float = 0.0  # from 0 to 1: the second version's share of the requests
    description: str = ""
    revision_id: str

    @property
    def arn(self) -> str:
        return f"{function_arn(self.account_id, self.region, self.name)}:{self.alias}"

    def routed_version(self, chance: float) -> str:
        """The version that gets a request, of which `chance` (0 <= chance < 1) decides by lot."""
        if self.second_version is not None and chance < self.second_weight:
            return self.second_version
        return self.version
