"""What is measured of functions: whose a measurement is, and many of them summed up."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

# Buckets grow by the 16th root of two: a percentile is at most 2.2 % off, and every power of two is
# the end of a bucket.
BUCKETS_PER_DOUBLING = 16
_LEAST_VALUE = 2.0**-10
_MOST_VALUE = 2.0**40


class Series(NamedTuple):
    """Whose measurements: CloudWatch's dimensions, where empty stands for all there are."""

    account_id: str
    region: str
    name: str = ""  # of the function; empty: all functions of the account
    resource: str = ""  # the name, or `name:qualifier` when it was invoked with one
    executed_version: str = ""  # of an invocation through an alias


# Not frozen: this is what measuring adds to.
@dataclass(slots=True)
class Aggregate:
    """Measurements of one metric, summed up."""

    count: int = 0
    total: float = 0.0
    least: float = math.inf
    most: float = -math.inf
    # How many are in each bucket, by `bucket_of`; None for metrics without a distribution.
    buckets: dict[int, int] | None = field(default=None)

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        if value < self.least:
            self.least = value
        if value > self.most:
            self.most = value
        if self.buckets is not None:
            bucket = bucket_of(value)
            self.buckets[bucket] = self.buckets.get(bucket, 0) + 1

    def merge(self, other: Aggregate) -> None:
        """Add what `other` has summed up."""
        self.count += other.count
        self.total += other.total
        self.least = min(self.least, other.least)
        self.most = max(self.most, other.most)
        if other.buckets is not None:
            own = self.buckets = {} if self.buckets is None else self.buckets
            for bucket, count in other.buckets.items():
                own[bucket] = own.get(bucket, 0) + count

    def percentile(self, percent: float) -> float | None:
        """The value that `percent` of all are not above; None when nothing is known of it.

        Without a distribution it is known only where all values are the same, as in CloudWatch.
        """
        if self.count == 0:
            return None
        if self.least == self.most:
            return self.least
        if not self.buckets:
            return None
        wanted, passed = self.count * percent / 100, 0
        for bucket in sorted(self.buckets):
            inside = self.buckets[bucket]
            if passed + inside >= wanted:
                within = (wanted - passed) / inside
                value = math.exp2((bucket - 1 + within) / BUCKETS_PER_DOUBLING)
                return min(max(value, self.least), self.most)
            passed += inside
        return self.most


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredMinute:
    """What was measured of one metric in one minute."""

    series: Series
    metric: str
    minute: int  # since 1970
    aggregate: Aggregate


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Minutes, in periods of equal length."""

    first_minute: int  # since 1970
    end_minute: int  # the first that is not of it
    period_minutes: int

    def period_of(self, minute: int) -> int:
        """The number of the period a minute is in, from 0."""
        return (minute - self.first_minute) // self.period_minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSelection:
    """Measurements of one metric, by dimensions."""

    metric: str
    series: Series
    # Whether those are meant that have exactly these dimensions. Otherwise an empty one of the
    # series is as if it were not named.
    is_exact: bool

    def has(self, measured: MeasuredMinute) -> bool:
        if measured.metric != self.metric:
            return False
        if self.is_exact:
            return measured.series == self.series
        pairs = zip(self.series, measured.series, strict=True)
        return all(wanted in ("", found) for wanted, found in pairs)


def bucket_of(value: float) -> int:
    """The bucket of a value: the least whose end, 2 ** (bucket / 16), is not below it."""
    inside = min(max(value, _LEAST_VALUE), _MOST_VALUE)
    return math.ceil(math.log2(inside) * BUCKETS_PER_DOUBLING)
