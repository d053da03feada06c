"""AWS::Logs::LogGroup and SubscriptionFilter: the server keeps the logs, not the companion."""

from __future__ import annotations

from lambent.companion.cloudformation.api_requests import (
    gone_is_fine,
    request_for,
    tags_of,
)
from lambent.companion.cloudformation.resource_type import (
    Made,
    Place,
    Properties,
    ResourceType,
)

_LONGEST_NAME = 512


def _create_group(place: Place, properties: Properties) -> Made:
    logs = place.client("logs")
    name = str(properties.get("LogGroupName") or place.generated_name(_LONGEST_NAME))
    tags = tags_of(properties, place.stack_tags)
    logs.create_log_group(logGroupName=name, **({"tags": tags} if tags else {}))
    _keep_for(place, name, properties)
    arn = f"arn:aws:logs:{place.region}:{place.account_id}:log-group:{name}:*"
    return Made(physical_id=name, attributes={"Arn": arn})


def _keep_for(place: Place, name: str, properties: Properties) -> None:
    days = properties.get("RetentionInDays")
    if days is not None:
        logs = place.client("logs")
        logs.put_retention_policy(logGroupName=name, retentionInDays=int(days))


def _update_group(place: Place, made: Made, new: Properties, old: Properties) -> Made:
    if new.get("RetentionInDays") is None and old.get("RetentionInDays") is not None:
        place.client("logs").delete_retention_policy(logGroupName=made.physical_id)
    _keep_for(place, made.physical_id, new)
    return made


def _delete_group(place: Place, made: Made, properties: Properties) -> None:
    gone_is_fine(place.client("logs").delete_log_group, logGroupName=made.physical_id)


def _put_filter(place: Place, name: str, properties: Properties) -> None:
    renamed = {key[:1].lower() + key[1:]: value for key, value in properties.items()}
    logs = place.client("logs")
    request = request_for(logs, "put_subscription_filter", renamed)
    logs.put_subscription_filter(**{**request, "filterName": name})


def _create_filter(place: Place, properties: Properties) -> Made:
    name = str(properties.get("FilterName") or place.generated_name(_LONGEST_NAME))
    _put_filter(place, name, properties)
    return Made(physical_id=name)


def _update_filter(place: Place, made: Made, new: Properties, old: Properties) -> Made:
    _put_filter(place, made.physical_id, new)
    return made


def _delete_filter(place: Place, made: Made, properties: Properties) -> None:
    gone_is_fine(
        place.client("logs").delete_subscription_filter,
        logGroupName=str(properties["LogGroupName"]),
        filterName=made.physical_id,
    )


LOG_GROUP = ResourceType(
    name="AWS::Logs::LogGroup",
    name_property="LogGroupName",
    properties=frozenset({"LogGroupName", "RetentionInDays", "Tags"}),
    attributes=frozenset({"Arn"}),
    replaced_by=frozenset({"LogGroupName"}),
    create=_create_group,
    update=_update_group,
    delete=_delete_group,
)
SUBSCRIPTION_FILTER = ResourceType(
    name="AWS::Logs::SubscriptionFilter",
    properties=frozenset(
        {
            "ApplyOnTransformedLogs",
            "DestinationArn",
            "Distribution",
            "FilterName",
            "FilterPattern",
            "LogGroupName",
            "RoleArn",
        }
    ),
    attributes=frozenset(),
    replaced_by=frozenset({"FilterName", "LogGroupName"}),
    create=_create_filter,
    update=_update_filter,
    delete=_delete_filter,
)
