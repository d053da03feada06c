"""What functions may do with the APIs of this server, and with those that could do it for them.

A function calls in the name of its execution role. What that may do, IAM of the neighbours says
where the role is known there; a role nobody knows may do what nearly every function needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambent.aws.role_policies import policies_in_force
from lambent.domain.arn import parse_function_reference
from lambent.domain.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lambent.aws.role_policies import RolePolicies
    from lambent.domain.caller import Caller
    from lambent.domain.identity_policy import Decision

# Those whose operations IAM calls otherwise.
_ACTIONS = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "lambda:InvokeWithResponseStream": "lambda:InvokeFunction",
    "lambda:GetLayerVersionByArn": "lambda:GetLayerVersion",
}
_LOG_GROUP_MEMBERS = (
    "logGroupName",
    "logGroupIdentifier",
    "resourceArn",
    "logGroupNames",
    "logGroupIdentifiers",
)
_NO_RESOURCE = ""  # of a call about nothing in particular: a list of all functions, say
_IAM_PREFIXES = {"monitoring": "cloudwatch"}  # by signing name, where they differ


async def check_function(
    policies: RolePolicies,
    caller: Caller,
    service: str,
    operation: str,
    parameters: Mapping[str, object],
) -> None:
    """Raise ServiceError unless the function that calls may do so; `service` is the signing name."""
    name = f"{_IAM_PREFIXES.get(service, service)}:{operation}"
    action = _ACTIONS.get(name, name)
    wanted = [(action, spellings) for spellings in _resources(caller, service, parameters)]
    if service == "lambda":
        wanted += _used_besides(parameters)
    await check_actions(policies, caller, wanted)


async def check_actions(
    policies: RolePolicies, caller: Caller, wanted: Sequence[tuple[str, Sequence[str]]]
) -> None:
    """Raise ServiceError unless all of `wanted` is allowed: actions, and spellings of resources."""
    principal = caller.principal
    assert principal is not None
    held = await policies_in_force(policies, caller.account_id, caller.region, principal.role_arn)
    context = {
        "aws:PrincipalAccount": caller.account_id,
        "lambda:InvokedViaFunctionUrl": "false",  # nor by anybody else's: it calls by itself
    }
    for action, spellings in wanted:
        decision = held.decide(action, spellings, context)
        if decision != "allowed":
            raise _refusal(caller, action, spellings[0], decision)


def _refusal(caller: Caller, action: str, resource: str, decision: Decision) -> ServiceError:
    why = (
        "with an explicit deny in an identity-based policy"
        if decision == "denied"
        else f"because no identity-based policy allows the {action} action"
    )
    return ServiceError(
        "AccessDeniedException",
        f"User: {caller.arn} is not authorized to perform: {action} on resource: "
        f"{resource or '*'} {why}",
    )


def _resources(
    caller: Caller, service: str, parameters: Mapping[str, object]
) -> list[Sequence[str]]:
    """Of each resource a call is about the ARN, in all its spellings."""
    if service == "lambda":
        return [[_lambda_resource(caller, parameters)]]
    if service == "logs":
        return [_log_group(caller, name) for name in _log_groups(parameters)]
    return [[_NO_RESOURCE]]


def _lambda_resource(caller: Caller, parameters: Mapping[str, object]) -> str:
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html"""
    given = {name: value for name, value in parameters.items() if isinstance(value, str)}
    start = f"arn:{caller.partition}:lambda:{caller.region}:{caller.account_id}"
    # First what identifies the resource by itself: a mapping's function is only something it has.
    if "UUID" in given:
        return f"{start}:event-source-mapping:{given['UUID']}"
    if "LayerName" in given:
        name, number = given["LayerName"], parameters.get("VersionNumber")
        layer = name if name.startswith("arn:") else f"{start}:layer:{name}"
        return f"{layer}:{number}" if number is not None else layer
    for member in ("Resource", "ResourceArn", "Arn"):
        if member in given:
            return given[member]
    if "FunctionName" in given:
        name = given["FunctionName"]
        return parse_function_reference(name, caller, given.get("Qualifier")).qualified_arn
    return given.get("CodeSigningConfigArn", _NO_RESOURCE)


def _used_besides(parameters: Mapping[str, object]) -> list[tuple[str, Sequence[str]]]:
    """What a function is given: who may not use a role or a layer cannot have a function do it."""
    role, layers = parameters.get("Role"), parameters.get("Layers")
    wanted: list[tuple[str, Sequence[str]]] = []
    if isinstance(role, str):
        wanted.append(("iam:PassRole", [role]))
    if isinstance(layers, list):
        wanted += [("lambda:GetLayerVersion", [str(layer)]) for layer in layers]
    return wanted


def _log_groups(parameters: Mapping[str, object]) -> list[str]:
    """Names or ARNs; one that is empty for what is about all groups."""
    found: list[object] = []
    for member in _LOG_GROUP_MEMBERS:
        value = parameters.get(member, [])
        found += value if isinstance(value, list) else [value]
    return [str(each) for each in found] or [""]


def _log_group(caller: Caller, group: str) -> list[str]:
    """Policies name a group with `:*` at its end or without: both are in use.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
    """
    start = f"arn:{caller.partition}:logs:{caller.region}:{caller.account_id}:log-group:"
    arn = group.removesuffix(":*") if group.startswith("arn:") else f"{start}{group}"
    return [f"{arn}:log-stream:", arn]
