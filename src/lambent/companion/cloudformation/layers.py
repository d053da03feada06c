"""AWS::Lambda::LayerVersion and AWS::Lambda::CodeSigningConfig on the server."""

from __future__ import annotations

from lambent.companion.cloudformation.api_requests import (
    gone_is_fine,
    request_for,
    retag,
    tags_of,
    without,
)
from lambent.companion.cloudformation.resource_type import (
    Made,
    Place,
    Properties,
    ResourceType,
)

_LONGEST_NAME = 140


def _publish(place: Place, properties: Properties) -> Made:
    request = request_for(place.api, "publish_layer_version", properties)
    request.setdefault("LayerName", place.generated_name(_LONGEST_NAME))
    arn = place.api.publish_layer_version(**request)["LayerVersionArn"]
    return Made(physical_id=arn, attributes={"LayerVersionArn": arn})


def _delete(place: Place, made: Made, properties: Properties) -> None:
    layer, _, version = made.physical_id.rpartition(":")
    place.api.delete_layer_version(LayerName=layer, VersionNumber=int(version))


def _create_config(place: Place, properties: Properties) -> Made:
    request = request_for(place.api, "create_code_signing_config", without(properties, {"Tags"}))
    tags = tags_of(properties, place.stack_tags)
    told = place.api.create_code_signing_config(**request, Tags=tags)["CodeSigningConfig"]
    arn = told["CodeSigningConfigArn"]
    return Made(
        physical_id=arn,
        attributes={
            "CodeSigningConfigArn": arn,
            "CodeSigningConfigId": told["CodeSigningConfigId"],
        },
    )


def _update_config(place: Place, made: Made, new: Properties, old: Properties) -> Made:
    wanted = {
        "Description": "",
        "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": "Warn"},
        **without(new, {"Tags"}),
    }
    request = request_for(place.api, "update_code_signing_config", wanted)
    place.api.update_code_signing_config(**request, CodeSigningConfigArn=made.physical_id)
    before = tags_of(old, place.stack_tags)
    retag(place.api, made.physical_id, tags_of(new, place.stack_tags), before)
    return made


def _delete_config(place: Place, made: Made, properties: Properties) -> None:
    gone_is_fine(place.api.delete_code_signing_config, CodeSigningConfigArn=made.physical_id)


# Every change makes a new version of the layer, as on AWS.
LAYER_VERSION = ResourceType(
    name="AWS::Lambda::LayerVersion",
    properties=frozenset(
        {
            "CompatibleArchitectures",
            "CompatibleRuntimes",
            "Content",
            "Description",
            "LayerName",
            "LicenseInfo",
        }
    ),
    attributes=frozenset({"LayerVersionArn"}),
    create=_publish,
    delete=_delete,
)
CODE_SIGNING_CONFIG = ResourceType(
    name="AWS::Lambda::CodeSigningConfig",
    properties=frozenset({"AllowedPublishers", "CodeSigningPolicies", "Description", "Tags"}),
    attributes=frozenset({"CodeSigningConfigArn", "CodeSigningConfigId"}),
    create=_create_config,
    update=_update_config,
    delete=_delete_config,
)
