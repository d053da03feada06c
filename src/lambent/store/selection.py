"""Which events, or deliveries, somebody means: the same for the tables of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement
    from sqlalchemy.sql import ColumnCollection

    from lambent.domain.arn import FunctionKey

State = Literal["waiting", "failed"]

_COLUMNS = ("account_id", "region", "name", "state", "request_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """All of them, but for what is named here."""

    account_id: str | None = None
    region: str | None = None
    name: str | None = None  # the function's
    state: State | None = None
    request_id: str | None = None  # searched for in the whole table
    ids: Collection[int] | None = None  # numbers of rows
    until_id: int | None = None  # those that came up to that one

    def conditions(
        self, columns: ColumnCollection[str, ColumnElement[object]]
    ) -> list[ColumnElement[bool]]:
        """What is true of the rows that are meant, in a table with these columns."""
        conditions = [
            columns[member] == wanted
            for member in _COLUMNS
            if (wanted := getattr(self, member)) is not None
        ]
        if self.ids is not None:
            conditions.append(columns["id"].in_(self.ids))
        if self.until_id is not None:
            conditions.append(columns["id"] <= self.until_id)
        return conditions

    def has_waiting(self, function: FunctionKey, number: int) -> bool:
        """Whether this event is meant, which waits; its request is not looked at."""
        account_id, region, name = function
        return (
            self.account_id in (None, account_id)
            and self.region in (None, region)
            and self.name in (None, name)
            and self.state in (None, "waiting")
            and (self.ids is None or number in self.ids)
            and (self.until_id is None or number <= self.until_id)
        )
