"""GetMetricStatistics: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambent.domain.errors import ServiceError
from lambent.telemetry.metrics.catalogue import CATALOGUE
from lambent.telemetry.metrics.dimensions import selection_of
from lambent.telemetry.metrics.statistics import SIMPLE, UNKNOWN, percentile_of
from lambent.telemetry.metrics.timeline import checked_period, span_of, start_of

if TYPE_CHECKING:
    from lambent.domain.caller import Caller
    from lambent.domain.metric import Aggregate, Span
    from lambent.telemetry.metrics.measurements import Measurements
    from lambent.telemetry.metrics.statistics import Statistic

_MOST_DATAPOINTS = 1440


async def get_metric_statistics(
    measurements: Measurements, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Statistics of one metric, by period."""
    name = request["MetricName"]
    percentiles = _percentiles(request)
    span = span_of(request, checked_period(request["Period"]))
    _check_datapoints(span, request["Period"])
    dimensions = {each["Name"]: each["Value"] for each in request.get("Dimensions", ())}
    selection = selection_of(caller.account_id, caller.region, name, dimensions)
    output: dict[str, Any] = {"Label": name, "Datapoints": []}
    if selection is None or request.get("Unit", CATALOGUE[name].unit) != CATALOGUE[name].unit:
        return output
    found = await measurements.periods(selection, span, with_buckets=bool(percentiles))
    output["Datapoints"] = [
        {
            "Timestamp": start_of(period, span),
            "Unit": CATALOGUE[name].unit,
            **{each: SIMPLE[each](found[period]) for each in request.get("Statistics", ())},
            **_extended(percentiles, found[period]),
        }
        for period in sorted(found)
    ]
    return output


def _percentiles(request: dict[str, Any]) -> dict[str, Statistic]:
    names = request.get("ExtendedStatistics", ())
    if not names and not request.get("Statistics"):
        raise ServiceError(
            "MissingRequiredParameterException",
            "At least one of the parameters Statistics and ExtendedStatistics must be specified.",
        )
    if names and request.get("Statistics"):
        raise ServiceError(
            "InvalidParameterCombinationException",
            "The parameters Statistics and ExtendedStatistics are mutually exclusive and you have "
            "specified both.",
        )
    found = {}
    for name in names:
        percentile = percentile_of(name)
        if percentile is None:
            raise ServiceError(
                "InvalidParameterValueException", f"The extended statistic {name!r} {UNKNOWN}"
            )
        found[name] = percentile
    return found


def _check_datapoints(span: Span, period_seconds: int) -> None:
    requested = (span.end_minute - span.first_minute) * 60 // period_seconds
    if requested > _MOST_DATAPOINTS:
        raise ServiceError(
            "InvalidParameterCombinationException",
            f"You have requested up to {requested} datapoints, which exceeds the limit of "
            f"{_MOST_DATAPOINTS}. You may reduce the datapoints requested by increasing Period, or "
            "decreasing the time range.",
        )


def _extended(percentiles: dict[str, Statistic], aggregate: Aggregate) -> dict[str, Any]:
    values = {name: percentile(aggregate) for name, percentile in percentiles.items()}
    known = {name: value for name, value in values.items() if value is not None}
    return {"ExtendedStatistics": known} if known else {}
