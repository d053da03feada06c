"""CloudWatch at our endpoint: reading metrics of functions is ours, all else is a neighbour's."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambent.aws.clients import REMEDY
from lambent.domain.errors import ServiceError
from lambent.protocol.rpc_cbor import is_rpc_cbor
from lambent.protocol.service import Service
from lambent.telemetry.metrics import cloudwatch_api
from lambent.telemetry.metrics.catalogue import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.domain.caller import Caller
    from lambent.protocol.http import HttpRequest
    from lambent.telemetry.metrics.measurements import Measurements

SIGNING_NAME = "monitoring"

_PUT = "PutMetricData"
_NAMESPACES_OF_AWS = "AWS/"

Operation = Callable[["Caller", dict[str, Any]], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudWatch:
    """The part of CloudWatch that functions' metrics can be read with, in each of its protocols."""

    cbor: Service
    json: Service
    query: Service
    operations: Mapping[str, Operation]

    def service_of(self, request: HttpRequest) -> Service:
        """What reads and answers `request`, which is signed for CloudWatch."""
        if is_rpc_cbor(request):
            return self.cbor
        return self.json if "x-amz-target" in request.headers else self.query

    def is_ours(self, request: HttpRequest) -> bool:
        """Whether it is for metrics of functions; its body is all here. Raises nothing.

        A request that can not be understood is ours when its operation can be.
        """
        service = self.service_of(request)
        try:
            operation = service.operation_of(request)
        except ServiceError:
            return False
        if operation == _PUT:
            return _puts_for_aws(service, request)
        if operation not in self.operations:
            return False
        try:
            return cloudwatch_api.is_ours(*service.parse(request))
        except ServiceError:
            return True


def build_cloudwatch(measurements: Measurements) -> CloudWatch:
    """All of it."""
    names = {*cloudwatch_api.OPERATIONS, _PUT}
    load = functools.partial(Service.load, "cloudwatch", operations=names)
    return CloudWatch(
        cbor=load(protocol="smithy-rpc-v2-cbor"),
        json=load(protocol="json"),
        query=load(protocol="query"),
        operations={
            name: _refusing_others(name, functools.partial(operation, measurements))
            for name, operation in cloudwatch_api.OPERATIONS.items()
        }
        | {_PUT: _refuse_to_put},
    )


def _puts_for_aws(service: Service, request: HttpRequest) -> bool:
    """Whether metrics are put under a name of AWS's, which is refused whoever keeps the others."""
    if b"AWS" not in request.body:  # all but always; what is left takes long to read
        return False
    try:
        _, parameters = service.parse(request)
    except ServiceError:
        return False
    return str(parameters["Namespace"]).startswith(_NAMESPACES_OF_AWS)


async def _refuse_to_put(_caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    namespace = request["Namespace"]
    if namespace.startswith(_NAMESPACES_OF_AWS):
        raise ServiceError(
            "InvalidParameterValueException",
            f"The value {namespace} for parameter Namespace is invalid.",
        )
    raise _others_metrics()


def _refusing_others(name: str, operation: Operation) -> Operation:
    """Refuses what nobody else is there for."""

    async def checked(caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
        if not cloudwatch_api.is_ours(name, request):
            raise _others_metrics()
        return await operation(caller, request)

    return checked


def _others_metrics() -> ServiceError:
    return ServiceError(
        "ValidationException",
        f"Only metrics of {NAMESPACE} are kept here. Those of other namespaces need a "
        f"CloudWatch beside this server: {REMEDY}.",
    )
