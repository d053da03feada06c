"""What the operations work with; the server builds one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lambent.domain.arn import FunctionReference, is_alias, parse_function_reference
from lambent.domain.errors import ServiceError, resource_not_found
from lambent.domain.resource_policy import check_caller

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from lambent.aws.clients import AwsClients
    from lambent.aws.variable_keys import VariableKeys
    from lambent.control_plane.code_storage import CodeStorage
    from lambent.control_plane.deployment import Deployments
    from lambent.domain.caller import Caller
    from lambent.domain.code_signing_config import AttachedCodeSigningConfig, CodeSigningConfig
    from lambent.domain.event_invoke_config import EventInvokeConfig
    from lambent.domain.event_source_mapping import EventSourceMapping
    from lambent.domain.function import Function, FunctionVersion
    from lambent.domain.function_url import FunctionUrl
    from lambent.domain.recursion import RecursionConfig
    from lambent.domain.reserved_concurrency import ReservedConcurrency
    from lambent.domain.resource_policy import FunctionPolicy
    from lambent.store.aliases import AliasStore
    from lambent.store.deployment_packages import DeploymentPackages
    from lambent.store.functions import FunctionStore
    from lambent.store.layers import LayerStore
    from lambent.store.provisioned_concurrency import ProvisionedConcurrencyStore
    from lambent.store.records import AccountRecords, FunctionRecords


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    functions: FunctionStore
    aliases: AliasStore
    policies: FunctionRecords[FunctionPolicy]
    packages: DeploymentPackages  # the zips of functions and of layers
    aws: AwsClients  # the neighbours
    variable_keys: VariableKeys
    layers: LayerStore
    deployments: Deployments
    provisioned_concurrency: ProvisionedConcurrencyStore
    reserved_concurrency: FunctionRecords[ReservedConcurrency]
    recursion_configs: FunctionRecords[RecursionConfig]
    event_invoke_configs: FunctionRecords[EventInvokeConfig]
    function_urls: FunctionRecords[FunctionUrl]
    code_signing_configs: AccountRecords[CodeSigningConfig]
    attached_code_signing_configs: FunctionRecords[AttachedCodeSigningConfig]
    event_source_mappings: AccountRecords[EventSourceMapping]
    # Why the runtime with an identifier cannot run here now (None when it can): a sentence for the
    # caller, such as which command installs it.
    runtime_obstacle: Callable[[str], str | None]
    # The ARNs of a runtime identifier's installed versions in a region, newest first.
    runtime_version_arns: Callable[[str, str], Sequence[str]]
    allows_blocked_runtimes: bool  # the operator's wish: AWS's dates for runtimes do not count
    architecture: str  # of this host, in Lambda's words: x86_64 or arm64
    emulated_architectures: frozenset[str]  # what the host runs besides, in OS-only runtimes
    subnets: Mapping[str, str]  # that functions can be attached to, and the VPC of each
    security_groups: Mapping[str, str]  # likewise
    access_points: Collection[str]  # ARNs of what functions can mount
    code_storage: CodeStorage
    concurrency: int  # invocations an account may have at work in one region at one time
    endpoint: str  # http://127.0.0.1:9000, for links when a caller sent no usable Host
    secure_endpoint: str | None  # https://127.0.0.1:9443, of the same; None: there is no HTTPS
    code_location_key: bytes = field(repr=False)
    clock: Callable[[], datetime]  # the time now, aware of its time zone


def existing_function(plane: ControlPlane, reference: FunctionReference) -> Function:
    """The function itself, whatever qualifier came with its name. Raises ServiceError when none."""
    function = plane.functions.function(reference.account_id, reference.region, reference.name)
    if function is None:
        raise resource_not_found(f"Function not found: {reference.arn}")
    return function


def existing_qualifier(plane: ControlPlane, reference: FunctionReference) -> None:
    """Raise ServiceError unless the function is there, and the version or alias of the qualifier.

    In the words of most operations; others say `alias_not_found` of an alias.
    """
    resolved_version(plane, reference)


def resolved_version(plane: ControlPlane, reference: FunctionReference) -> FunctionVersion:
    """The version the qualifier means: an alias's main one, `$LATEST` without a qualifier.

    Raises ServiceError when there is none.
    """
    alias = (
        plane.aliases.get(
            reference.account_id, reference.region, reference.name, reference.qualifier
        )
        if reference.qualifier and is_alias(reference.qualifier)
        else None
    )
    if alias is None:
        return existing_version(plane, reference)
    # Nothing is awaited since the alias was read, so that its version is there.
    return existing_version(plane, replace(reference, qualifier=alias.version))


def alias_not_found(reference: FunctionReference) -> ServiceError:
    """For the operations that name what is missing as an alias."""
    return resource_not_found(f"Cannot find alias arn: {reference.qualified_arn}")


def existing_version(plane: ControlPlane, reference: FunctionReference) -> FunctionVersion:
    """The version the qualifier means, `$LATEST` without one; aliases mean none here.

    Raises ServiceError when there is none.
    """
    version = (
        plane.functions.version(
            reference.account_id, reference.region, reference.name, reference.qualifier
        )
        if reference.qualifier
        else plane.functions.version(reference.account_id, reference.region, reference.name)
    )
    if version is None:
        raise resource_not_found(f"Function not found: {reference.qualified_arn}")
    return version


def reference_in(
    plane: ControlPlane, caller: Caller, request: Mapping[str, str], operation: str
) -> FunctionReference:
    """What the request's FunctionName and Qualifier mean. Raises ServiceError as `allowed` does."""
    name, qualifier = request["FunctionName"], request.get("Qualifier")
    return allowed(plane, caller, parse_function_reference(name, caller, qualifier), operation)


def function_in(
    plane: ControlPlane, caller: Caller, request: Mapping[str, str], operation: str
) -> FunctionReference:
    """As `reference_in`, for what is done to a function as a whole.

    A permission for one of its versions or aliases is none for that, whatever qualifier comes
    with the name.
    """
    name, qualifier = request["FunctionName"], request.get("Qualifier")
    reference = parse_function_reference(name, caller, qualifier)
    allowed(plane, caller, replace(reference, qualifier=None), operation)
    return reference


def allowed(
    plane: ControlPlane, caller: Caller, reference: FunctionReference, operation: str
) -> FunctionReference:
    """`reference`, if the caller may do that to it; `operation` is in IAM's words.

    Raises ServiceError when another account calls and no policy of the function allows it, whether
    there is such a function or not. The function's own account may do everything but invoke it
    whatever its policies say, so that nobody can lock themselves out.
    """
    if caller.account_id != reference.account_id:
        check_caller(plane.policies.get, caller, reference, operation)
    return reference
