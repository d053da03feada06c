"""Measurements by the minute, kept to be read over days."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, delete, exists, func, null, select, tuple_
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from lambent.domain.metric import Aggregate, Series
from lambent.store.schema import metric_minutes, metric_series

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection, RowMapping

    from lambent.domain.metric import MeasuredMinute, MetricSelection, Span
    from lambent.store.database import Database

# In one transaction: it must not keep others that write waiting for long.
MOST_AT_ONCE = 250
_MOST_IDS = 100_000

_KEY = (*Series._fields, "metric")
_minutes, _series = metric_minutes.c, metric_series.c
_FIND_SERIES = select(_series.id).where(*(_series[name] == bindparam(name) for name in _KEY))
_INSERT_SERIES = sqlite_insert(metric_series).on_conflict_do_nothing()
_VALUES = (_minutes.samples, _minutes.total, _minutes.least, _minutes.most, _minutes.buckets)
_SUMS = (
    func.sum(_minutes.samples).label("samples"),
    func.sum(_minutes.total).label("total"),
    func.min(_minutes.least).label("least"),
    func.max(_minutes.most).label("most"),
    null().label("buckets"),
)
_REPLACE = sqlite_insert(metric_minutes)
_PUT_MINUTE = _REPLACE.on_conflict_do_update(
    index_elements=[_minutes.series_id, _minutes.minute],
    set_={column.name: _REPLACE.excluded[column.name] for column in _VALUES},
)
_FIND_MINUTES = select(_minutes.series_id, _minutes.minute, *_VALUES).where(
    _minutes.series_id.in_(bindparam("series_ids", expanding=True)),
    _minutes.minute.in_(bindparam("minutes", expanding=True)),
)

Listed = tuple[Series, str]  # and a metric it has
_Ids = dict[Listed, int]


class MetricStore:
    """The measurements of all accounts and regions."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Of series that measurements were added to. Only the database's writer looks at it.
        self._ids: _Ids = {}

    async def add(self, measured: Sequence[MeasuredMinute]) -> None:
        """Keep all of these, MOST_AT_ONCE at most, or raise SQLAlchemyError and keep none.

        What there is of the same minute already, they are added to.
        """
        if len(self._ids) > _MOST_IDS:
            self._ids = {}
        try:
            await self._database.write(functools.partial(_add, ids=self._ids, measured=measured))
        except BaseException:
            self._ids = {}  # some may be of series that were not written after all
            raise

    async def periods(
        self, selection: MetricSelection, span: Span, *, with_buckets: bool
    ) -> dict[int, Aggregate]:
        """What was measured in each period of `span` that anything was measured in, by its number.

        Distributions, which take longest to read, are there `with_buckets`.
        """
        return await self._database.read(
            lambda connection: _periods(connection, selection, span, with_buckets)
        )

    async def series(self, account_id: str, region: str, since_minute: int) -> list[Listed]:
        """All of an account that have measurements since then."""
        return await self._database.read(
            lambda connection: _list(connection, account_id, region, since_minute)
        )

    async def expire(self, before_minute: int) -> None:
        """Remove what is older."""
        removed = await self._database.write(lambda connection: _expire(connection, before_minute))
        while removed == MOST_AT_ONCE:
            removed = await self._database.write(
                lambda connection: _expire(connection, before_minute)
            )
        await self._database.write(self._forget_empty)

    def _forget_empty(self, connection: Connection) -> None:
        self._ids.clear()
        connection.execute(
            delete(metric_series).where(~exists().where(_minutes.series_id == _series.id))
        )


def _add(connection: Connection, ids: _Ids, measured: Sequence[MeasuredMinute]) -> None:
    merged: dict[tuple[int, int], Aggregate] = {}
    for each in measured:
        key = (_series_id(connection, ids, each), each.minute)
        merged.setdefault(key, Aggregate()).merge(each.aggregate)
    # After a restart there may be something of the minute already, or when functions are many.
    of_series, minutes = zip(*merged, strict=True)
    places = {"series_ids": of_series, "minutes": list(set(minutes))}
    for row in connection.execute(_FIND_MINUTES, places).mappings():
        found = merged.get((row["series_id"], row["minute"]))
        if found is not None:
            found.merge(_aggregate(row))
    rows = [_row(*key, aggregate) for key, aggregate in merged.items()]
    connection.execute(_PUT_MINUTE, rows)


def _series_id(connection: Connection, ids: _Ids, measured: MeasuredMinute) -> int:
    key = (measured.series, measured.metric)
    found = ids.get(key)
    if found is None:
        columns = {**measured.series._asdict(), "metric": measured.metric}
        connection.execute(_INSERT_SERIES, columns)
        found = ids[key] = int(connection.execute(_FIND_SERIES, columns).scalar_one())
    return found


def _row(series_id: int, minute: int, aggregate: Aggregate) -> dict[str, object]:
    return {
        "series_id": series_id,
        "minute": minute,
        "samples": aggregate.count,
        "total": aggregate.total,
        "least": aggregate.least,
        "most": aggregate.most,
        "buckets": aggregate.buckets,
    }


def _aggregate(row: RowMapping) -> Aggregate:
    buckets = row["buckets"] and {int(each): count for each, count in row["buckets"].items()}
    return Aggregate(row["samples"], row["total"], row["least"], row["most"], buckets)


def _periods(
    connection: Connection, selection: MetricSelection, span: Span, with_buckets: bool
) -> dict[int, Aggregate]:
    statement = select(_minutes.minute, *_VALUES)
    if not with_buckets:  # then the database can sum up
        period = (_minutes.minute - span.first_minute) // span.period_minutes
        statement = select(func.min(_minutes.minute).label("minute"), *_SUMS).group_by(period)
    which = select(_series.id).where(_is_selected(selection))
    statement = statement.where(
        _minutes.series_id.in_(which),
        _minutes.minute >= span.first_minute,
        _minutes.minute < span.end_minute,
    )
    found: dict[int, Aggregate] = {}
    for row in connection.execute(statement).mappings():
        found.setdefault(span.period_of(row["minute"]), Aggregate()).merge(_aggregate(row))
    return found


def _is_selected(selection: MetricSelection) -> ColumnElement[bool]:
    conditions = [
        _series[name] == value
        for name, value in selection.series._asdict().items()
        if value or selection.is_exact
    ]
    return and_(_series.metric == selection.metric, *conditions)


def _list(connection: Connection, account_id: str, region: str, since_minute: int) -> list[Listed]:
    is_active = exists().where(_minutes.series_id == _series.id, _minutes.minute >= since_minute)
    statement = select(*(_series[name] for name in _KEY)).where(
        _series.account_id == account_id, _series.region == region, is_active
    )
    return [(Series(*row[:-1]), row[-1]) for row in connection.execute(statement)]


def _expire(connection: Connection, before_minute: int) -> int:
    old = select(_minutes.series_id, _minutes.minute).where(_minutes.minute < before_minute)
    statement = delete(metric_minutes).where(
        tuple_(_minutes.series_id, _minutes.minute).in_(old.limit(MOST_AT_ONCE))
    )
    return connection.execute(statement).rowcount
