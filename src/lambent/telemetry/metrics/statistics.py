"""CloudWatch's statistics of what was measured in a period.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lambent.domain.metric import Aggregate

# None: not known of this aggregate.
Statistic = Callable[["Aggregate"], "float | None"]

SIMPLE: dict[str, Statistic] = {
    "SampleCount": lambda aggregate: float(aggregate.count),
    "Average": lambda aggregate: aggregate.total / aggregate.count,
    "Sum": lambda aggregate: aggregate.total,
    "Minimum": lambda aggregate: aggregate.least,
    "Maximum": lambda aggregate: aggregate.most,
}
_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,10})?|100(?:\.0{1,10})?)", re.ASCII)
UNKNOWN = (
    "is not available in this release of Lambent: use SampleCount, Average, Sum, Minimum, Maximum "
    "or a percentile such as p99 or p99.9."
)


def statistic_of(name: str) -> Statistic | None:
    """By CloudWatch's name of it; None when there is no such one here."""
    return SIMPLE.get(name) or percentile_of(name)


def percentile_of(name: str) -> Statistic | None:
    """Of `p99` or `p99.9`; None for other names."""
    match = _PERCENTILE.fullmatch(name)
    if match is None:
        return None
    percent = float(match[1])
    return lambda aggregate: aggregate.percentile(percent)


def needs_buckets(name: str) -> bool:
    """Whether it is of the distribution."""
    return name not in SIMPLE
