"""What the operations work with; the server builds one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lambent.domain.arn import FunctionReference, parse_function_reference
from lambent.domain.errors import resource_not_found

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from lambent.control_plane.deployment import Deployments
    from lambent.domain.caller import Caller
    from lambent.domain.function import Function, FunctionVersion
    from lambent.store.deployment_packages import DeploymentPackages
    from lambent.store.functions import FunctionStore
    from lambent.store.layers import LayerStore
    from lambent.store.provisioned_concurrency import ProvisionedConcurrencyStore


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    functions: FunctionStore
    packages: DeploymentPackages  # the zips of functions and of layers
    layers: LayerStore
    deployments: Deployments
    provisioned_concurrency: ProvisionedConcurrencyStore
    # Why the runtime with an identifier cannot run here now (None when it can): a sentence for the
    # caller, such as which command installs it.
    runtime_obstacle: Callable[[str], str | None]
    # The ARNs of a runtime identifier's installed versions in a region, newest first.
    runtime_version_arns: Callable[[str, str], Sequence[str]]
    allows_blocked_runtimes: bool  # the operator's wish: AWS's dates for runtimes do not count
    architecture: str  # of this host, in Lambda's words: x86_64 or arm64
    emulated_architectures: frozenset[str]  # what the host runs besides, in OS-only runtimes
    concurrency: int  # invocations an account may have at work in one region at one time
    endpoint: str  # http://127.0.0.1:9000, for links when a caller sent no usable Host
    code_location_key: bytes = field(repr=False)
    clock: Callable[[], datetime]  # the time now, aware of its time zone


def existing_function(plane: ControlPlane, reference: FunctionReference) -> Function:
    """The function itself, whatever qualifier came with its name. Raises ServiceError when none."""
    function = plane.functions.function(reference.account_id, reference.region, reference.name)
    if function is None:
        raise resource_not_found(f"Function not found: {reference.arn}")
    return function


def existing_version(plane: ControlPlane, reference: FunctionReference) -> FunctionVersion:
    """The version the qualifier means, `$LATEST` without one. Raises ServiceError when none."""
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


def reference_in(request: Mapping[str, str], caller: Caller) -> FunctionReference:
    return parse_function_reference(request["FunctionName"], caller, request.get("Qualifier"))
