"""Which event source mappings cannot exist beside each other.

The texts for queues, streams and self-managed Kafka are as recorded; the others follow the last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambent.control_plane.event_source_mappings.event_source_settings import structure
from lambent.domain.errors import ServiceError, resource_conflict

if TYPE_CHECKING:
    from lambent.control_plane.plane import ControlPlane
    from lambent.domain.event_source_mapping import EventSourceMapping

_KAFKA_BROKERS = "KAFKA_BOOTSTRAP_SERVERS"


def check_no_conflict(plane: ControlPlane, mapping: EventSourceMapping) -> None:
    """Raise ServiceError when another mapping leads the same events to the same function.

    The caller holds the store's `changes`.
    """
    for other in plane.event_source_mappings.of_account(mapping.account_id, mapping.region):
        if other.id != mapping.id and _is_same(mapping, other):
            raise _already_exists(mapping, other.id)


def _is_same(mapping: EventSourceMapping, other: EventSourceMapping) -> bool:
    return (
        mapping.event_source_arn == other.event_source_arn
        and _target(mapping) == _target(other)
        and _part(mapping) == _part(other)
        # Two lists of brokers that have one in common are of one cluster.
        and (mapping.event_source_arn is not None or bool(_brokers(mapping) & _brokers(other)))
    )


def _target(mapping: EventSourceMapping) -> str:
    """No qualifier and `$LATEST` mean the same."""
    return mapping.function_arn.removesuffix(":$LATEST")


def _part(mapping: EventSourceMapping) -> tuple[object, ...]:
    """What of the source is read, where that is not all of it."""
    collection = structure(mapping.settings, "DocumentDBEventSourceConfig")
    return (
        mapping.settings.get("Topics"),
        mapping.settings.get("Queues"),
        collection.get("DatabaseName"),
        collection.get("CollectionName"),
    )


def _brokers(mapping: EventSourceMapping) -> set[str]:
    return set(_broker_list(mapping))


def _broker_list(mapping: EventSourceMapping) -> list[str]:
    source = structure(mapping.settings, "SelfManagedEventSource")
    found = source.get("Endpoints", {}).get(_KAFKA_BROKERS, [])
    return [str(broker) for broker in found]


def _already_exists(mapping: EventSourceMapping, identifier: str) -> ServiceError:
    arn = mapping.event_source_arn
    function = mapping.function_arn.partition(":function:")[2]
    service = arn.split(":")[2] if arn else ""
    if service in ("dynamodb", "kinesis"):
        what = f'The event source arn (" {arn} ") and function (" {function} ") provided mapping'
    elif service == "sqs":
        what = f'An event source mapping with SQS arn (" {arn} ") and function (" {function} ")'
    else:
        source = arn or ",".join(_broker_list(mapping))
        what = (
            f'An event source mapping with event source ("{source}"), '
            f'function ("{mapping.function_arn}"){_named_part(mapping)}'
        )
    return resource_conflict(
        f"{what} already exists. Please update or delete the existing mapping with UUID "
        f"{identifier}"
    )


def _named_part(mapping: EventSourceMapping) -> str:
    for member in ("Topics", "Queues"):
        names = mapping.settings.get(member)
        if isinstance(names, list):
            return f', {member.lower()} ("{",".join(names)}")'
    return ""
