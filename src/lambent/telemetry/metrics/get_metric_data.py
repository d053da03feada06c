"""GetMetricData: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambent.domain.errors import ServiceError
from lambent.telemetry.metrics.catalogue import CATALOGUE, NAMESPACE
from lambent.telemetry.metrics.dimensions import selection_of
from lambent.telemetry.metrics.expressions import (
    Budget,
    NoSuchExpression,
    NotAnExpression,
    check_functions,
    evaluate,
)
from lambent.telemetry.metrics.labels import labels_of
from lambent.telemetry.metrics.next_token import position_of, token_of
from lambent.telemetry.metrics.statistics import UNKNOWN, needs_buckets, statistic_of
from lambent.telemetry.metrics.timeline import checked_period, span_of, start_of

if TYPE_CHECKING:
    from lambent.domain.caller import Caller
    from lambent.domain.metric import Span
    from lambent.telemetry.metrics.expressions import Values
    from lambent.telemetry.metrics.measurements import Measurements

_MOST_DATAPOINTS = 100_800
_MOST_QUERIES = 500
_LISTING = "GetMetricData"
# For one answer: all pages of it are computed for each.
_MOST_VALUES = 5 * _MOST_DATAPOINTS
_IDENTIFIER = re.compile(r"[a-z][a-zA-Z0-9_]*", re.ASCII)
_LONGEST_CHAIN = 20  # of expressions that refer to expressions


@dataclass(frozen=True, slots=True)
class _Result:
    span: Span
    values: Values


async def get_metric_data(
    measurements: Measurements, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Statistics of many metrics, and expressions of them."""
    queries = request["MetricDataQueries"]
    _check(queries, caller)
    results: dict[str, _Result] = {}
    values = 0
    for query in queries:
        if "MetricStat" in query:
            found = await _measured(measurements, caller, request, query)
            results[query["Id"]] = found
            values += len(found.values)
            if values > _MOST_VALUES:
                raise _invalid("These are too many datapoints at once: ask for less time, or less.")
    expressions = _Expressions(queries, results)
    for query in queries:
        expressions.result(query["Id"])
    return _page(request, results)


def _check(queries: list[dict[str, Any]], caller: Caller) -> None:
    identifiers = [each["Id"] for each in queries]
    if len(queries) > _MOST_QUERIES:
        raise _invalid(f"The parameter MetricDataQueries has more than {_MOST_QUERIES} elements.")
    if len(set(identifiers)) < len(identifiers):
        raise _invalid("The values for parameter Id in MetricDataQueries are not unique.")
    for number, query in enumerate(queries, 1):
        if not _IDENTIFIER.fullmatch(query["Id"]):
            raise _invalid(
                f"The value {query['Id']} for parameter MetricDataQueries.member.{number}.Id is not "
                "matching the expected pattern ^[a-z][a-zA-Z0-9_]*$."
            )
        _check_query(query, caller)


def _check_query(query: dict[str, Any], caller: Caller) -> None:
    if ("MetricStat" in query) == ("Expression" in query):
        raise _invalid(
            f"The query {query['Id']} must have exactly one of MetricStat and Expression."
        )
    if query.get("AccountId", caller.account_id) != caller.account_id:
        raise _invalid("Metrics of other accounts can not be read.")
    namespace = query.get("MetricStat", {}).get("Metric", {}).get("Namespace", NAMESPACE)
    if namespace != NAMESPACE:
        raise _invalid(
            f"Metrics of {NAMESPACE} and of {namespace} are kept in two places here: ask for "
            "them in two requests."
        )
    try:
        check_functions(query.get("Expression", ""))
    except NoSuchExpression as error:
        raise _not_available(query["Id"], error) from None


async def _measured(
    measurements: Measurements, caller: Caller, request: dict[str, Any], query: dict[str, Any]
) -> _Result:
    wanted = query["MetricStat"]
    metric, stat = wanted["Metric"], wanted["Stat"]
    statistic = statistic_of(stat)
    if statistic is None:
        raise _invalid(f"The statistic {stat!r} of the query {query['Id']} {UNKNOWN}")
    span = span_of(request, checked_period(wanted["Period"]))
    name = metric["MetricName"]
    dimensions = {each["Name"]: each["Value"] for each in metric.get("Dimensions", ())}
    selection = selection_of(caller.account_id, caller.region, name, dimensions)
    if selection is None or wanted.get("Unit", CATALOGUE[name].unit) != CATALOGUE[name].unit:
        return _Result(span, {})
    found = await measurements.periods(selection, span, with_buckets=needs_buckets(stat))
    values = {period: statistic(aggregate) for period, aggregate in found.items()}
    return _Result(span, {period: value for period, value in values.items() if value is not None})


@dataclass(slots=True)
class _Expressions:
    """Computes expressions into `results`, those that they refer to first."""

    queries: list[dict[str, Any]]
    results: dict[str, _Result]
    at_work: list[str] = field(default_factory=list)  # each refers to the next
    budget: Budget = field(default_factory=Budget)

    def result(self, identifier: str) -> _Result:
        """Of a metric or an expression. Raises ServiceError."""
        found = self.results.get(identifier)
        if found is None:
            found = self.results[identifier] = self._compute(identifier)
        return found

    def _compute(self, identifier: str) -> _Result:
        query = next((each for each in self.queries if each["Id"] == identifier), None)
        is_too_long = len(self.at_work) >= _LONGEST_CHAIN
        if query is None or identifier in self.at_work or is_too_long:
            raise _invalid(f"The expression {self.at_work[-1]} can not refer to {identifier!r}.")
        self.at_work.append(identifier)
        span = self._span(query)
        periods = range(-((span.first_minute - span.end_minute) // span.period_minutes))
        if len(periods) > _MOST_DATAPOINTS:
            raise _invalid("The expression has too many periods: ask for less time.")
        try:
            values = evaluate(
                query["Expression"], lambda name: self._values(name, span), periods, self.budget
            )
        except NoSuchExpression as error:
            raise _not_available(identifier, error) from None
        except NotAnExpression as error:
            raise _invalid(f"Error in expression '{identifier}': Syntax error ({error}).") from None
        self.at_work.pop()
        return _Result(span, values)

    def _span(self, query: dict[str, Any]) -> Span:
        measured = [each for each in self.queries if "MetricStat" in each]
        if not measured:
            raise _invalid(f"The expression {query['Id']} has no metric to refer to.")
        return self.results[measured[0]["Id"]].span

    def _values(self, identifier: str, span: Span) -> Values:
        result = self.result(identifier)
        if result.span.period_minutes != span.period_minutes:
            raise _invalid("All metrics that expressions refer to must have the same period.")
        return result.values


def _page(request: dict[str, Any], results: dict[str, _Result]) -> dict[str, Any]:
    queries = request["MetricDataQueries"]
    labels = labels_of(queries)
    left = min(request.get("MaxDatapoints") or _MOST_DATAPOINTS, _MOST_DATAPOINTS)
    start = position_of(request.get("NextToken"), _LISTING, _invalid_token)
    is_ascending = request.get("ScanBy") == "TimestampAscending"
    listed: list[dict[str, Any]] = []
    before, end = 0, start + left
    for query in queries:
        if not query.get("ReturnData", True):
            continue
        result = results[query["Id"]]
        periods = sorted(result.values, reverse=not is_ascending)
        shown = periods[max(0, start - before) : max(0, end - before)]
        before += len(periods)
        if not shown and (start or periods):
            continue
        listed.append(
            {
                "Id": query["Id"],
                "Label": labels[query["Id"]],
                "Timestamps": [start_of(each, result.span) for each in shown],
                "Values": [result.values[each] for each in shown],
                "StatusCode": "Complete" if before <= end else "PartialData",
            }
        )
    output: dict[str, Any] = {"MetricDataResults": listed, "Messages": []}
    if before > end:
        output["NextToken"] = token_of(end, _LISTING)
    return output


def _not_available(identifier: str, why: NoSuchExpression) -> ServiceError:
    return _invalid(
        f"The expression {identifier} is not available in this release of Lambent: {why}."
    )


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def _invalid_token() -> ServiceError:
    return ServiceError("InvalidNextToken", "The parameter NextToken is not valid.")
