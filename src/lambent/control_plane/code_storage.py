"""How much code an account stores in a region, and how much it may."""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lambent.domain.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambent.store.functions import FunctionStore
    from lambent.store.layers import LayerStore


class CodeStorage:
    """The storage of all accounts, each of which may have `limit_bytes` in each region."""

    def __init__(self, functions: FunctionStore, layers: LayerStore, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._functions = functions
        self._layers = layers
        # Never less than what there is: what is added counts at once, and what is deleted only
        # when all is counted anew. With 10,000 functions that takes 10 ms, in which nothing else
        # would be answered.
        self._at_most: dict[tuple[str, str], int] = {}
        # What is on its way into the store, where it cannot be counted yet.
        self._admitted: defaultdict[tuple[str, str], int] = defaultdict(int)

    def count(self, account_id: str, region: str) -> int:
        """Of every version of functions and layers, also when several have the same: so AWS counts."""
        functions = self._functions.functions(account_id, region)
        layers = self._layers.layers(account_id, region)
        return sum(
            version.code_bytes
            for function in functions
            for version in self._functions.versions(account_id, region, function.name)
        ) + sum(version.code_bytes for layer in layers for version in self._layers.versions(layer))

    def check(self, account_id: str, region: str, more_bytes: int) -> None:
        """Raise ServiceError if the account may not store so much more."""
        if more_bytes <= 0:
            return
        key = (account_id, region)
        stored = self._at_most.get(key)
        if stored is None or stored + more_bytes > self.limit_bytes:
            stored = self.count(account_id, region) + self._admitted[key]
            self._at_most[key] = stored
        if stored + more_bytes > self.limit_bytes:
            raise ServiceError("CodeStorageExceededException", "Code storage limit exceeded.")

    @contextmanager
    def room_for(self, account_id: str, region: str, more_bytes: int) -> Iterator[None]:
        """Keep room for so much more while the block stores it. Raises ServiceError for too much."""
        self.check(account_id, region, more_bytes)
        if more_bytes <= 0:
            yield
            return
        key = (account_id, region)
        self._at_most[key] += more_bytes
        self._admitted[key] += more_bytes
        try:
            yield
        finally:
            self._admitted[key] -= more_bytes
