"""Function URLs, EventInvokeConfigs and event source mappings on the server."""

from __future__ import annotations

import time
import uuid

from botocore.exceptions import ClientError

from lambent.companion.cloudformation.api_requests import (
    NOT_THERE,
    gone_is_fine,
    request_for,
    retag,
    tags_of,
    without,
)
from lambent.companion.cloudformation.resource_type import (
    ChangeRefused,
    Made,
    Place,
    Properties,
    ResourceType,
)
from lambent.companion.cloudformation.versions import qualified

_SETTLED_SECONDS = 120
_POLL_SECONDS = 0.1


def _create_url(place: Place, properties: Properties) -> Made:
    request = request_for(place.api, "create_function_url_config", properties)
    named = qualified(properties, "TargetFunctionArn")
    told = place.api.create_function_url_config(**{**request, **named})
    arn = told["FunctionArn"]
    attributes = {"FunctionArn": arn, "FunctionUrl": told["FunctionUrl"]}
    return Made(physical_id=arn, attributes=attributes)


def _update_url(place: Place, made: Made, new: Properties, old: Properties) -> Made:
    wanted = {"Cors": {}, "InvokeMode": "BUFFERED", **new}
    request = request_for(place.api, "update_function_url_config", wanted)
    named = qualified(new, "TargetFunctionArn")
    place.api.update_function_url_config(**{**request, **named})
    return made


def _delete_url(place: Place, made: Made, properties: Properties) -> None:
    named = qualified(properties, "TargetFunctionArn")
    gone_is_fine(place.api.delete_function_url_config, **named)


def _create_event_invoke_config(place: Place, properties: Properties) -> Made:
    _put_event_invoke_config(place, properties)
    return Made(physical_id=str(uuid.uuid4()))


def _put_event_invoke_config(place: Place, properties: Properties) -> None:
    request = request_for(place.api, "put_function_event_invoke_config", properties)
    place.api.put_function_event_invoke_config(**request)


def _update_event_invoke_config(place: Place, made: Made, new: Properties, old: Properties) -> Made:
    _put_event_invoke_config(place, new)
    return made


def _delete_event_invoke_config(place: Place, made: Made, properties: Properties) -> None:
    named = {key: str(properties[key]) for key in ("FunctionName", "Qualifier")}
    gone_is_fine(place.api.delete_function_event_invoke_config, **named)


def _create_mapping(place: Place, properties: Properties) -> Made:
    wanted = without(properties, {"Tags"})
    request = request_for(place.api, "create_event_source_mapping", wanted)
    tags = tags_of(properties, place.stack_tags)
    told = place.api.create_event_source_mapping(**request, Tags=tags)
    arn = told["EventSourceMappingArn"]
    attributes = {"Id": told["UUID"], "EventSourceMappingArn": arn}
    return Made(physical_id=told["UUID"], attributes=attributes)


def _update_mapping(place: Place, made: Made, new: Properties, old: Properties) -> Made:
    request = request_for(place.api, "update_event_source_mapping", without(new, {"Tags"}))
    place.api.update_event_source_mapping(**request, UUID=made.physical_id)
    arn = str(made.attributes["EventSourceMappingArn"])
    retag(place.api, arn, tags_of(new, place.stack_tags), tags_of(old, place.stack_tags))
    return made


def _delete_mapping(place: Place, made: Made, properties: Properties) -> None:
    """Deletes the mapping, and waits until it is gone: its queue may be deleted next."""
    gone_is_fine(place.api.delete_event_source_mapping, UUID=made.physical_id)
    deadline = time.monotonic() + _SETTLED_SECONDS
    while time.monotonic() < deadline:
        try:
            place.api.get_event_source_mapping(UUID=made.physical_id)
        except ClientError as refused:
            if refused.response["Error"]["Code"] in NOT_THERE:
                return
            raise
        time.sleep(_POLL_SECONDS)
    raise ChangeRefused(f"The event source mapping {made.physical_id} is still being deleted")


URL = ResourceType(
    name="AWS::Lambda::Url",
    properties=frozenset({"AuthType", "Cors", "InvokeMode", "Qualifier", "TargetFunctionArn"}),
    attributes=frozenset({"FunctionArn", "FunctionUrl"}),
    replaced_by=frozenset({"Qualifier", "TargetFunctionArn"}),
    create=_create_url,
    update=_update_url,
    delete=_delete_url,
)
EVENT_INVOKE_CONFIG = ResourceType(
    name="AWS::Lambda::EventInvokeConfig",
    properties=frozenset(
        {
            "DestinationConfig",
            "FunctionName",
            "MaximumEventAgeInSeconds",
            "MaximumRetryAttempts",
            "Qualifier",
        }
    ),
    attributes=frozenset(),
    replaced_by=frozenset({"FunctionName", "Qualifier"}),
    create=_create_event_invoke_config,
    update=_update_event_invoke_config,
    delete=_delete_event_invoke_config,
)
EVENT_SOURCE_MAPPING = ResourceType(
    name="AWS::Lambda::EventSourceMapping",
    properties=frozenset(
        {
            "AmazonManagedKafkaEventSourceConfig",
            "BatchSize",
            "BisectBatchOnFunctionError",
            "DestinationConfig",
            "DocumentDBEventSourceConfig",
            "Enabled",
            "EventSourceArn",
            "FilterCriteria",
            "FunctionName",
            "FunctionResponseTypes",
            "KmsKeyArn",
            "LoggingConfig",
            "MaximumBatchingWindowInSeconds",
            "MaximumRecordAgeInSeconds",
            "MaximumRetryAttempts",
            "MetricsConfig",
            "ParallelizationFactor",
            "ProvisionedPollerConfig",
            "Queues",
            "ScalingConfig",
            "SelfManagedEventSource",
            "SelfManagedKafkaEventSourceConfig",
            "SourceAccessConfigurations",
            "StartingPosition",
            "StartingPositionTimestamp",
            "Tags",
            "Topics",
            "TumblingWindowInSeconds",
        }
    ),
    attributes=frozenset({"Id", "EventSourceMappingArn"}),
    replaced_by=frozenset(
        {
            "EventSourceArn",
            "SelfManagedEventSource",
            "StartingPosition",
            "StartingPositionTimestamp",
        }
    ),
    create=_create_mapping,
    update=_update_mapping,
    delete=_delete_mapping,
)
