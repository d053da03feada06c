"""AWS::Lambda::Permission and AWS::Lambda::LayerVersionPermission on the server."""

from __future__ import annotations

from typing import Any

from lambent.companion.cloudformation.api_requests import gone_is_fine, request_for
from lambent.companion.cloudformation.resource_type import Made, Place, Properties, ResourceType
from lambent.companion.cloudformation.versions import qualified

_LONGEST_STATEMENT = 100


def _create(place: Place, properties: Properties) -> Made:
    statement = place.generated_name(_LONGEST_STATEMENT)
    request = request_for(place.api, "add_permission", properties)
    named = qualified(properties, "FunctionName")
    place.api.add_permission(**{**request, **named, "StatementId": statement})
    return Made(physical_id=statement, attributes={"Id": statement})


def _delete(place: Place, made: Made, properties: Properties) -> None:
    named = qualified(properties, "FunctionName")
    gone_is_fine(place.api.remove_permission, **named, StatementId=made.physical_id)


def _layer_version(arn: str) -> dict[str, Any]:
    layer, _, version = arn.rpartition(":")
    return {"LayerName": layer, "VersionNumber": int(version)}


def _create_for_layer(place: Place, properties: Properties) -> Made:
    arn, statement = properties["LayerVersionArn"], place.generated_name(_LONGEST_STATEMENT)
    request = request_for(place.api, "add_layer_version_permission", properties)
    place.api.add_layer_version_permission(
        **{**request, **_layer_version(arn), "StatementId": statement}
    )
    made = f"{arn}#{statement}"
    return Made(physical_id=made, attributes={"Id": made})


def _delete_for_layer(place: Place, made: Made, properties: Properties) -> None:
    arn, _, statement = made.physical_id.partition("#")
    gone_is_fine(
        place.api.remove_layer_version_permission, **_layer_version(arn), StatementId=statement
    )


# AWS replaces both at every change, too: a statement is never rewritten.
PERMISSION = ResourceType(
    name="AWS::Lambda::Permission",
    properties=frozenset(
        {
            "Action",
            "EventSourceToken",
            "FunctionName",
            "FunctionUrlAuthType",
            "InvokedViaFunctionUrl",
            "Principal",
            "PrincipalOrgID",
            "SourceAccount",
            "SourceArn",
        }
    ),
    attributes=frozenset({"Id"}),
    create=_create,
    delete=_delete,
)
LAYER_VERSION_PERMISSION = ResourceType(
    name="AWS::Lambda::LayerVersionPermission",
    properties=frozenset({"Action", "LayerVersionArn", "OrganizationId", "Principal"}),
    attributes=frozenset({"Id"}),
    create=_create_for_layer,
    delete=_delete_for_layer,
)
