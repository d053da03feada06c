"""AWS::Lambda::Version and AWS::Lambda::Alias on the server."""

from __future__ import annotations

import time
from typing import Any

from lambent.companion.cloudformation.api_requests import (
    gone_is_fine,
    request_for,
    split_qualifier,
    without,
)
from lambent.companion.cloudformation.functions import wait_until_ready
from lambent.companion.cloudformation.resource_type import (
    ChangeRefused,
    Made,
    Place,
    Properties,
    ResourceType,
    changed,
)

_PROVISIONED = "ProvisionedConcurrencyConfig"
_READY_SECONDS = 600
_POLL_SECONDS = 0.1


def _provision(place: Place, function: str, qualifier: str, properties: Properties) -> None:
    """Gives a version or an alias its provisioned concurrency, or takes it away."""
    named = {"FunctionName": function, "Qualifier": qualifier}
    wanted = properties.get(_PROVISIONED)
    if not wanted:
        gone_is_fine(place.api.delete_provisioned_concurrency_config, **named)
        return
    place.api.put_provisioned_concurrency_config(
        **named, **request_for(place.api, "put_provisioned_concurrency_config", wanted)
    )
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        told = place.api.get_provisioned_concurrency_config(**named)
        if told["Status"] == "READY":
            return
        if told["Status"] == "FAILED" or time.monotonic() > deadline:
            reason = told.get("StatusReason", "it takes too long")
            raise ChangeRefused(f"Provisioned concurrency of {function}:{qualifier}: {reason}")
        time.sleep(_POLL_SECONDS)


def _version_arn_parts(arn: str) -> tuple[str, str]:
    function, _, qualifier = arn.rpartition(":")
    return function, qualifier


def _create_version(place: Place, properties: Properties) -> Made:
    request = request_for(
        place.api, "publish_version", without(properties, {_PROVISIONED, "RuntimePolicy"})
    )
    told = place.api.publish_version(**request)
    arn, version = told["FunctionArn"], told["Version"]
    function, _ = _version_arn_parts(arn)
    try:
        wait_until_ready(place, arn)
        _runtime_policy(place, properties, function, version)
        if properties.get(_PROVISIONED):
            _provision(place, function, version, properties)
    except BaseException:
        gone_is_fine(place.api.delete_function, FunctionName=function, Qualifier=version)
        raise
    return Made(physical_id=arn, attributes={"Version": version, "FunctionArn": arn})


def _runtime_policy(place: Place, properties: Properties, function: str, version: str) -> None:
    policy: dict[str, Any] = dict(properties.get("RuntimePolicy") or {})
    if policy:
        place.api.put_runtime_management_config(
            FunctionName=function,
            Qualifier=version,
            **request_for(place.api, "put_runtime_management_config", policy),
        )


def _update_version(place: Place, made: Made, new: Properties, old: Properties) -> Made:
    function, version = _version_arn_parts(made.physical_id)
    differing = changed(new, old)
    if differing - {_PROVISIONED, "RuntimePolicy"}:
        names = ", ".join(sorted(differing - {_PROVISIONED, "RuntimePolicy"}))
        raise ChangeRefused(
            f"A published version does not change: {names} of AWS::Lambda::Version cannot be "
            "updated; name the new version with a logical id of its own"
        )
    _runtime_policy(place, new, function, version)
    if _PROVISIONED in differing:
        _provision(place, function, version, new)
    return made


def _delete_version(place: Place, made: Made, properties: Properties) -> None:
    function, version = _version_arn_parts(made.physical_id)
    gone_is_fine(place.api.delete_function, FunctionName=function, Qualifier=version)


def _alias_request(place: Place, method: str, properties: Properties) -> dict[str, Any]:
    request = request_for(place.api, method, without(properties, {"RoutingConfig"}))
    weights = (properties.get("RoutingConfig") or {}).get("AdditionalVersionWeights", [])
    routing = {str(each["FunctionVersion"]): float(each["FunctionWeight"]) for each in weights}
    return {**request, "RoutingConfig": {"AdditionalVersionWeights": routing}}


def _create_alias(place: Place, properties: Properties) -> Made:
    told = place.api.create_alias(**_alias_request(place, "create_alias", properties))
    arn = told["AliasArn"]
    if properties.get(_PROVISIONED):
        try:
            _provision(place, *_version_arn_parts(arn), properties)
        except BaseException:
            _delete_alias(place, Made(physical_id=arn), properties)
            raise
    return Made(physical_id=arn, attributes={"AliasArn": arn})


def _update_alias(place: Place, made: Made, new: Properties, old: Properties) -> Made:
    request = _alias_request(place, "update_alias", {"Description": "", **new})
    place.api.update_alias(**request)
    if _PROVISIONED in changed(new, old):
        _provision(place, *_version_arn_parts(made.physical_id), new)
    return made


def _delete_alias(place: Place, made: Made, properties: Properties) -> None:
    function, alias = _version_arn_parts(made.physical_id)
    gone_is_fine(place.api.delete_alias, FunctionName=function, Name=alias)


def qualified(properties: Properties, function: str) -> dict[str, str]:
    """The members that name a function, its qualifier in the name or beside it."""
    named = split_qualifier(str(properties[function]))
    if properties.get("Qualifier"):
        named["Qualifier"] = str(properties["Qualifier"])
    return named


VERSION = ResourceType(
    name="AWS::Lambda::Version",
    properties=frozenset(
        {"CodeSha256", "Description", "FunctionName", _PROVISIONED, "RuntimePolicy"}
    ),
    attributes=frozenset({"Version", "FunctionArn"}),
    replaced_by=frozenset({"FunctionName"}),
    create=_create_version,
    update=_update_version,
    delete=_delete_version,
)
ALIAS = ResourceType(
    name="AWS::Lambda::Alias",
    properties=frozenset(
        {"Description", "FunctionName", "FunctionVersion", "Name", _PROVISIONED, "RoutingConfig"}
    ),
    attributes=frozenset({"AliasArn"}),
    replaced_by=frozenset({"FunctionName", "Name"}),
    create=_create_alias,
    update=_update_alias,
    delete=_delete_alias,
)
