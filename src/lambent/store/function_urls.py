"""Function URLs by what a request to one of them has: the id in its address."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lambent.domain.function_url import FunctionUrl
    from lambent.store.records import FunctionRecords


class FunctionUrlIndex:
    """Follows the records as they change."""

    def __init__(self, records: FunctionRecords[FunctionUrl]) -> None:
        self._records = records
        self._by_id: dict[str, FunctionUrl] = {}
        self._ids: dict[tuple[str, str, str], list[str]] = {}  # of each function
        records.on_change(self._follow)
        for url in records.everything():
            self._follow(url.account_id, url.region, url.name)

    def get(self, url_id: str) -> FunctionUrl | None:
        return self._by_id.get(url_id)

    def _follow(self, account_id: str, region: str, name: str) -> None:
        owner = (account_id, region, name)
        for url_id in self._ids.pop(owner, ()):
            del self._by_id[url_id]
        if urls := self._records.of_function(*owner):
            self._ids[owner] = [url.url_id for url in urls]
            self._by_id.update((url.url_id, url) for url in urls)
