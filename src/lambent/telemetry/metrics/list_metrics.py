"""ListMetrics: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambent.domain.errors import ServiceError
from lambent.telemetry.metrics.catalogue import NAMESPACE
from lambent.telemetry.metrics.dimensions import dimensions_of
from lambent.telemetry.metrics.measurements import this_minute
from lambent.telemetry.metrics.next_token import position_of, token_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambent.domain.caller import Caller
    from lambent.telemetry.metrics.dimensions import Dimensions
    from lambent.telemetry.metrics.measurements import Measurements

_PAGE = 500
# AWS lists what had data in the past two weeks, or three hours.
_LISTED_MINUTES = 14 * 24 * 60
_ACTIVE_MINUTES = 3 * 60
_LISTING = "ListMetrics"

_Metric = tuple[str, "Dimensions"]


async def list_metrics(
    measurements: Measurements, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """What there are measurements of."""
    age = _ACTIVE_MINUTES if "RecentlyActive" in request else _LISTED_MINUTES
    series = await measurements.series(caller.account_id, caller.region, this_minute() - age)
    is_wanted = _filter(request)
    metrics = {
        (metric, dimensions)
        for each, metric in series
        for dimensions in dimensions_of(each, metric)
        if is_wanted((metric, dimensions))
    }
    start = position_of(request.get("NextToken"), _LISTING, _invalid_token)
    page = sorted(metrics)[start : start + _PAGE]
    output: dict[str, Any] = {"Metrics": [_listed(each) for each in page]}
    if start + _PAGE < len(metrics):
        output["NextToken"] = token_of(start + _PAGE, _LISTING)
    return output


def _filter(request: dict[str, Any]) -> Callable[[_Metric], bool]:
    name = request.get("MetricName")
    wanted = [(each["Name"], each.get("Value")) for each in request.get("Dimensions", ())]

    def is_wanted(metric: _Metric) -> bool:
        values = dict(metric[1])
        return name in (None, metric[0]) and all(
            dimension in values and value in (None, values[dimension])
            for dimension, value in wanted
        )

    return is_wanted


def _listed(metric: _Metric) -> dict[str, Any]:
    name, dimensions = metric
    return {
        "Namespace": NAMESPACE,
        "MetricName": name,
        "Dimensions": [{"Name": each, "Value": value} for each, value in dimensions],
    }


def _invalid_token() -> ServiceError:
    return ServiceError("InvalidParameterValueException", "The parameter NextToken is not valid.")
