"""Small things an account keeps beside its functions, each a kind of one of these two.

Their fields are what JSON can hold: the store writes them as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

from lambent.domain.arn import FunctionReference, function_arn


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionRecord:
    """What belongs to a function, or to one of its qualifiers, and goes with it."""

    account_id: str
    region: str
    name: str  # the function's
    qualifier: str = ""  # $LATEST, a version or an alias; empty: the function as a whole
    revision_id: str  # another one after each change

    @property
    def reference(self) -> FunctionReference:
        return FunctionReference(
            account_id=self.account_id,
            region=self.region,
            name=self.name,
            qualifier=self.qualifier or None,
        )

    @property
    def arn(self) -> str:
        """The function's, with the qualifier if there is one."""
        arn = function_arn(self.account_id, self.region, self.name)
        return f"{arn}:{self.qualifier}" if self.qualifier else arn


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRecord:
    """What belongs to an account in a region, under an identifier of its own."""

    account_id: str
    region: str
    id: str
    revision_id: str  # another one after each change
