"""The single settings of an event source mapping: what each may be, and how it is answered.

Where an answer of AWS's was recorded or reported its text is here; every other text is our own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambent.domain.errors import ServiceError, invalid_parameter_value
from lambent.domain.event_pattern import InvalidEventPatternError, check_event_pattern
from lambent.domain.quotas import (
    EVENT_FILTERS,
    POLLERS_MAXIMUM_DEFAULT,
    POLLERS_MAXIMUM_KAFKA,
    RECORD_AGE_MINIMUM_SECONDS,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from lambent.control_plane.event_source_mappings.event_sources import EventSource

_DESTINATIONS = frozenset({"s3", "sns", "sqs"})
# Those without a secret or a name to give.
_WITHOUT_URI = frozenset({"IAM_AUTH", "IAM_OAUTHBEARER_AUTH"})


def as_answered(source: EventSource, member: str, what: Any) -> Any:
    """What a request says for `member`, in the form it is answered in; None when it says nothing.

    Raises ServiceError when a mapping of this source may not say it.
    """
    # The positions have errors of their own where they are not allowed.
    if not source.allows(member) and not member.startswith("StartingPosition"):
        raise unsupported(member)
    return _AS_ANSWERED.get(member, _as_it_is)(source, what)


def unsupported(member: str) -> ServiceError:
    # As recorded: one name with quotes and a small letter, one without.
    name = member if member == "DestinationConfig" else f"'{_camel(member)}'"
    return invalid_parameter_value(
        f"Unsupported {name} parameter for given event source mapping type."
    )


def missing(member: str) -> ServiceError:
    if member == "StartingPosition":
        return invalid_parameter_value(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy "
            "constraint: Member must not be null."
        )
    return invalid_parameter_value(f"Required '{_camel(member)}' parameter is missing.")


def _camel(member: str) -> str:
    return member[0].lower() + member[1:]


def _as_it_is(_source: EventSource, what: Any) -> Any:
    return what


def _unless_empty(_source: EventSource, what: Any) -> Any:
    return what or None


def _seconds(_source: EventSource, what: datetime) -> float:
    return what.timestamp()


def _filters(_source: EventSource, what: Mapping[str, Any]) -> Any:
    filters = what.get("Filters", [])
    if len(filters) > EVENT_FILTERS:
        raise invalid_parameter_value(
            f"An event source mapping has at most {EVENT_FILTERS} filters."
        )
    for each in filters:
        try:
            check_event_pattern(each.get("Pattern", ""))
        except InvalidEventPatternError:
            raise invalid_parameter_value("Invalid filter pattern definition.") from None
    return {"Filters": filters} if filters else None


def _no_key(_source: EventSource, what: str) -> None:
    if what:
        raise invalid_parameter_value(
            "KMSKeyArn is not available in this release of Lambent: filter criteria are not "
            "encrypted."
        )


def _destination(source: EventSource, what: Mapping[str, Any]) -> Any:
    if what.get("OnSuccess", {}).get("Destination"):
        raise unsupported("DestinationConfig")
    arn = what.get("OnFailure", {}).get("Destination")
    if not arn:
        return None
    is_topic = source.is_kafka and arn.startswith("kafka://")
    is_other = arn.startswith("arn:") and arn.split(":")[2] in _DESTINATIONS
    if not (is_topic or is_other) or arn.endswith(".fifo"):
        raise invalid_parameter_value(f"Unsupported destination for failed batches: {arn}")
    return {"OnFailure": {"Destination": arn}}


def _metrics(source: EventSource, what: Mapping[str, Any]) -> Any:
    metrics = what.get("Metrics", [])
    if not source.metrics.issuperset(metrics):
        raise unsupported("MetricsConfig")
    return {"Metrics": metrics} if metrics else None


def _record_age(_source: EventSource, what: int) -> int:
    if what != -1 and what < RECORD_AGE_MINIMUM_SECONDS:
        raise invalid_parameter_value(
            "MaximumRecordAgeInSeconds must be either -1 (forever) or between "
            f"{RECORD_AGE_MINIMUM_SECONDS} and 604800 (inclusive)"
        )
    return what


def _pollers(source: EventSource, what: Mapping[str, Any]) -> Any:
    if not what:
        return None
    fewest = source.fewest_pollers
    least = what.get("MinimumPollers", fewest)
    most = what.get("MaximumPollers", max(least, POLLERS_MAXIMUM_DEFAULT))
    if "PollerGroupName" in what and not source.is_kafka:
        raise unsupported("PollerGroupName")
    if source.is_kafka and most > POLLERS_MAXIMUM_KAFKA:
        raise invalid_parameter_value(
            f"MaximumPollers must be at most {POLLERS_MAXIMUM_KAFKA} for Kafka."
        )
    if not fewest <= least <= most:
        raise invalid_parameter_value(
            f"MinimumPollers must be at least {fewest} and at most MaximumPollers."
        )
    return {**what, "MinimumPollers": least, "MaximumPollers": most}


def _access(source: EventSource, what: list[dict[str, Any]]) -> Any:
    for each in what:
        kind = each.get("Type")
        if kind not in source.access_types:
            raise invalid_parameter_value(
                f"Unsupported source access type {kind} for given event source mapping type."
            )
        if not each.get("URI") and kind not in _WITHOUT_URI:
            raise invalid_parameter_value(f"The source access type {kind} needs a URI.")
    return what or None


_AS_ANSWERED: Mapping[str, Callable[[EventSource, Any], Any]] = {
    "DestinationConfig": _destination,
    "FilterCriteria": _filters,
    "KMSKeyArn": _no_key,
    "LoggingConfig": _unless_empty,
    "MaximumRecordAgeInSeconds": _record_age,
    "MetricsConfig": _metrics,
    "ProvisionedPollerConfig": _pollers,
    "ScalingConfig": _unless_empty,
    "SourceAccessConfigurations": _access,
    "StartingPositionTimestamp": _seconds,
}
