"""All that was measured: by the minute in the database, and the last minutes still in memory."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from lambent.domain.metric import Aggregate, Series
from lambent.store.metrics import MOST_AT_ONCE
from lambent.telemetry.clock import now_ms
from lambent.telemetry.metrics.catalogue import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from lambent.domain.metric import MeasuredMinute, MetricSelection, Span
    from lambent.store.metrics import Listed, MetricStore
    from lambent.telemetry.metrics.recorder import Metrics

_log = logging.getLogger(__name__)

_MINUTE_MS = 60_000
_DAY_MINUTES = 24 * 60
_EXPIRE_EVERY_MINUTES = 60
# What waits while the database can not be written to, such as on a full disk.
_MAX_UNWRITTEN = 200_000

Totals = dict[Series, dict[str, Aggregate]]


def this_minute() -> int:
    """Since 1970."""
    return now_ms() // _MINUTE_MS


class Measurements:
    """Takes over what is measured, minute by minute, and answers what was."""

    def __init__(self, metrics: Metrics, store: MetricStore, kept_days: int) -> None:
        self._metrics = metrics
        self._store = store
        self._kept_minutes = kept_days * _DAY_MINUTES
        self._minute = this_minute()
        self._unwritten: list[MeasuredMinute] = []
        self._writing = asyncio.Lock()
        self._writes = 0
        self._totals: Totals = {}
        self._gone: set[tuple[str, str, str]] = set()  # functions

    async def run(self) -> None:
        """Writes what was measured at the end of each minute; ends only by cancellation."""
        while True:
            await asyncio.sleep((_MINUTE_MS - now_ms() % _MINUTE_MS) / 1000)
            await _to_the_end(self.write())
            if self._minute % _EXPIRE_EVERY_MINUTES == 0:
                await self._expire()

    async def write(self) -> None:
        """Keep what has been measured until now, at the end too. What fails waits for the next."""
        self._take()
        async with self._writing:
            self._writes += 1
            try:
                while part := self._unwritten[:MOST_AT_ONCE]:
                    await self._store.add(part)
                    del self._unwritten[: len(part)]
            except SQLAlchemyError:  # a boundary: measuring goes on
                _log.exception("metrics could not be written; they are tried again in a minute")
                self._bound_unwritten()

    async def periods(
        self, selection: MetricSelection, span: Span, *, with_buckets: bool
    ) -> dict[int, Aggregate]:
        """See `MetricStore.periods`; with what was measured until now."""
        while True:
            async with self._writing:  # what is being written is in both places, or in none
                writes = self._writes
            found = await self._store.periods(selection, span, with_buckets=with_buckets)
            if writes == self._writes:
                break
        for each in self._in_memory():
            if span.first_minute <= each.minute < span.end_minute and selection.has(each):
                period = found.setdefault(span.period_of(each.minute), Aggregate())
                period.merge(each.aggregate)
        return found

    async def series(self, account_id: str, region: str, since_minute: int) -> set[Listed]:
        """See `MetricStore.series`."""
        stored = await self._store.series(account_id, region, since_minute)
        recent = {
            (each.series, each.metric)
            for each in self._in_memory()
            if each.series[:2] == (account_id, region) and each.minute >= since_minute
        }
        return recent.union(stored)

    def totals(self) -> Totals:
        """Everything since the server's start."""
        totals: Totals = {}
        for series, by_metric in self._totals.items():
            for metric, aggregate in by_metric.items():
                _total(totals, series, metric).merge(aggregate)
        for each in self._metrics.now(self._minute):
            _total(totals, each.series, each.metric).merge(each.aggregate)
        return totals

    def forget(self, account_id: str, region: str, name: str, qualifier: str | None) -> None:
        """A function is gone, and soon its totals with it; what was written of it stays."""
        if qualifier is None:
            self._gone.add((account_id, region, name))

    def _in_memory(self) -> Iterable[MeasuredMinute]:
        return [*self._unwritten, *self._metrics.now(self._minute)]

    def _take(self) -> None:
        for each in self._metrics.take(self._minute):
            self._unwritten.append(each)
            if not CATALOGUE[each.metric].is_level:
                _total(self._totals, each.series, each.metric).merge(each.aggregate)
        if self._gone:  # only now, as their last minute had its measurements too
            totals = self._totals.items()
            self._totals = {series: of for series, of in totals if series[:3] not in self._gone}
            self._gone.clear()
        self._minute = this_minute()

    def _bound_unwritten(self) -> None:
        lost = len(self._unwritten) - _MAX_UNWRITTEN
        if lost > 0:
            _log.warning("%d measurements are lost: they could not be written for long", lost)
            del self._unwritten[:lost]

    async def _expire(self) -> None:
        try:
            await self._store.expire(self._minute - self._kept_minutes)
        except SQLAlchemyError:  # a boundary: what is left is removed in the next round
            _log.exception("old metrics could not be removed")


async def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Also when cancelled meanwhile: a write that was not waited for would be written again."""
    task = asyncio.create_task(work, name="writing metrics")
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def _total(totals: Totals, series: Series, metric: str) -> Aggregate:
    return totals.setdefault(series, {}).setdefault(metric, Aggregate())
