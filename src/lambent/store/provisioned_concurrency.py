"""What provisioned concurrency was asked for, and how far it has come.

How far is known only while the server runs, and only to the data plane; it is kept here for the
control plane to answer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lambent.domain.provisioned_concurrency import Allocation, ProvisionedConcurrency
from lambent.store.records import FunctionRecords

if TYPE_CHECKING:
    from lambent.domain.provisioned_concurrency import Environments
    from lambent.store.database import Database
    from lambent.store.functions import FunctionStore

_IN_PROGRESS = Allocation()


class ProvisionedConcurrencyStore:
    """The provisioned concurrency of all accounts and regions."""

    def __init__(self, records: FunctionRecords[ProvisionedConcurrency]) -> None:
        self.records = records
        self._allocations: dict[ProvisionedConcurrency, Allocation] = {}

    @classmethod
    async def open(
        cls, database: Database, functions: FunctionStore
    ) -> ProvisionedConcurrencyStore:
        return cls(await FunctionRecords.open(database, functions, ProvisionedConcurrency))

    def allocation(self, config: ProvisionedConcurrency, wanted: Environments) -> Allocation:
        """How far `config` has come, of which `wanted` is to be ready now.

        What was told for other environments, before an alias moved, is a part of the way.
        """
        told = self._allocations.get(config, _IN_PROGRESS)
        if told.wanted == wanted:
            return told
        return replace(told, wanted=wanted, status="IN_PROGRESS", reason=None)

    def allocate(self, allocations: dict[ProvisionedConcurrency, Allocation]) -> None:
        """Say how far all have come; what is not named is in progress."""
        self._allocations = allocations
