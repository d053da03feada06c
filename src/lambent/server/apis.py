"""The two APIs of the gateway: of each operation, what answers it or why it is refused."""

from __future__ import annotations

import functools
import platform
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lambent.aws.variable_keys import VariableKeys
from lambent.control_plane import operations as control_plane_operations
from lambent.control_plane.code_storage import CodeStorage
from lambent.control_plane.plane import ControlPlane
from lambent.domain.errors import ServiceError
from lambent.domain.quotas import MIB
from lambent.execution_environment.runtimes.architectures import emulated_architectures
from lambent.invocation import invoke as invocation_operations
from lambent.protocol.service import Service
from lambent.server.gateway import Api, Operation
from lambent.telemetry import logs_api as logs_operations
from lambent.telemetry.subscriptions import operations as subscription_operations

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lambent.aws.clients import AwsClients
    from lambent.control_plane.deployment import Deployments
    from lambent.domain.caller import Caller
    from lambent.execution_environment.runtimes.runtime import Runtime
    from lambent.invocation.invoke import DataPlane
    from lambent.server.addresses import Addresses
    from lambent.server.config import Config
    from lambent.server.stores import Stores
    from lambent.store.logs import LogStore
    from lambent.telemetry.subscriptions.delivery import LogSubscriptions

_ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64"}


def build_control_plane(
    config: Config,
    stores: Stores,
    aws: AwsClients,
    runtimes: Mapping[str, Runtime],
    deployments: Deployments,
    addresses: Addresses,
) -> ControlPlane:
    """What the operations work with that manage functions and layers."""
    return ControlPlane(
        functions=stores.functions,
        aliases=stores.aliases,
        policies=stores.policies,
        packages=stores.packages,
        aws=aws,
        variable_keys=VariableKeys(aws),
        subnets=config.subnets,
        security_groups=config.security_groups,
        access_points=config.access_points,
        code_storage=CodeStorage(stores.functions, stores.layers, config.code_storage_mib * MIB),
        layers=stores.layers,
        deployments=deployments,
        provisioned_concurrency=stores.provisioned_concurrency,
        reserved_concurrency=stores.reserved_concurrency,
        recursion_configs=stores.recursion_configs,
        event_invoke_configs=stores.event_invoke_configs,
        function_urls=stores.function_urls,
        code_signing_configs=stores.code_signing_configs,
        attached_code_signing_configs=stores.attached_code_signing_configs,
        event_source_mappings=stores.event_source_mappings,
        runtime_obstacle=lambda name: runtimes[name].obstacle,
        runtime_version_arns=lambda name, region: runtimes[name].version_arns(region),
        allows_blocked_runtimes=config.blocked_runtimes == "allow",
        architecture=_ARCHITECTURES.get(platform.machine(), platform.machine()),
        emulated_architectures=emulated_architectures(),
        concurrency=config.concurrency,
        endpoint=addresses.url,
        secure_endpoint=addresses.secure_url,
        code_location_key=secrets.token_bytes(32),
        clock=lambda: datetime.now(UTC),
    )


def build_functions_api(control_plane: ControlPlane, data_plane: DataPlane) -> Api:
    """Lambda's: the invocations are the data plane's, and all else is the control plane's."""
    return _api(
        "lambda",
        _bind(control_plane_operations.OPERATIONS, control_plane)
        | _bind(invocation_operations.OPERATIONS, data_plane),
        control_plane_operations.NOT_AVAILABLE,
    )


def build_logs_api(logs: LogStore, subscriptions: LogSubscriptions) -> Api:
    """The part of CloudWatch Logs that a function's logs can be read and passed on with."""
    return _api(
        "logs",
        _bind(logs_operations.OPERATIONS, logs)
        | _bind(subscription_operations.OPERATIONS, subscriptions),
        {},
    )


def _bind(operations: Mapping[str, Callable[..., Any]], plane: object) -> dict[str, Operation]:
    return {name: functools.partial(operation, plane) for name, operation in operations.items()}


def _api(name: str, operations: dict[str, Operation], reasons: Mapping[str, str]) -> Api:
    """The API whose every other operation is refused: for a reason we have, or as not there."""
    service = Service.load(name)
    refused = {
        each: _refuse(reasons.get(each, f"{each} is not available in this release of Lambent."))
        for each in service.operations - operations.keys()
    }
    return Api(service=service, operations={**refused, **operations})


def _refuse(why: str) -> Operation:
    async def refuse(caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
        raise ServiceError("NotImplementedException", why)

    return refuse
