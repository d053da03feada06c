"""CloudWatch's dimensions of a metric of Lambda's, and the measurements they are of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambent.domain.metric import MetricSelection, Series
from lambent.telemetry.metrics.catalogue import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# By the place of each in a series, from which on the ones before are needed too.
_FIELDS = {"FunctionName": "name", "Resource": "resource", "ExecutedVersion": "executed_version"}
_NAMES = tuple(_FIELDS)

Dimensions = tuple[tuple[str, str], ...]  # name and value


def selection_of(
    account_id: str, region: str, metric: str, dimensions: Mapping[str, str]
) -> MetricSelection | None:
    """The measurements that a metric with exactly these dimensions has; None: it has none ever."""
    kind = CATALOGUE.get(metric)
    if kind is None or set(dimensions) != set(_NAMES[: len(dimensions)]):
        return None
    if not all(dimensions.values()):
        return None
    fields = {_FIELDS[name]: value for name, value in dimensions.items()}
    return MetricSelection(
        metric=metric, series=Series(account_id, region, **fields), is_exact=kind.is_level
    )


def dimensions_of(series: Series, metric: str) -> Iterator[Dimensions]:
    """Those of each metric that measurements of a series belong to."""
    values = [value for value in series[2:] if value]
    known: Dimensions = tuple(zip(_NAMES, values, strict=False))
    if CATALOGUE[metric].is_level:
        yield known
    else:
        yield from (known[:length] for length in range(len(known) + 1))
