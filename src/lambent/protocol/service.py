"""The door of this package: one AWS API, from requests to inputs and from outputs to responses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from lambent.protocol.corrections import CORRECTIONS, Corrections
from lambent.protocol.errors import SerializeError, json_errors, rest_json_errors
from lambent.protocol.event_stream import event_stream_serializer
from lambent.protocol.http import HttpRequest, HttpResponse
from lambent.protocol.model import load_model
from lambent.protocol.parser import Parse, json_parser, rest_json_parser
from lambent.protocol.query import (
    find_by_action,
    query_errors,
    query_parser,
    query_serializer,
)
from lambent.protocol.rejections import serialization_error, unknown_operation
from lambent.protocol.router import Route, Router
from lambent.protocol.rpc_cbor import (
    cbor_errors,
    cbor_parser,
    cbor_serializer,
    find_by_operation_path,
)
from lambent.protocol.serializer import Serialize, json_serializer, rest_json_serializer
from lambent.protocol.validator import Validate, validator

if TYPE_CHECKING:
    from botocore.model import OperationModel, ServiceModel

    from lambent.domain.errors import ServiceError

# From a request to the name of its operation and the labels of its path.
_Find = Callable[[HttpRequest], tuple[str, Sequence[str]]]


def _find_by_path(model: ServiceModel) -> _Find:
    operations = map(model.operation_model, model.operation_names)
    router = Router(
        Route(
            operation=operation.name,
            method=operation.http["method"],
            template=operation.http["requestUri"],
        )
        for operation in operations
    )

    def find(request: HttpRequest) -> tuple[str, Sequence[str]]:
        found = router.match(request.method, request.path, request.query)
        if found is None:
            raise unknown_operation("No operation has this method and path")
        return found

    return find


def _find_by_target(model: ServiceModel) -> _Find:
    prefix = model.metadata["targetPrefix"]
    targets = {f"{prefix}.{name}": name for name in model.operation_names}

    def find(request: HttpRequest) -> tuple[str, Sequence[str]]:
        name = targets.get(request.headers.get("x-amz-target", ""))
        if name is None:
            raise unknown_operation("No operation has this X-Amz-Target")
        return name, ()

    return find


def _rest_json_serializer(operation: OperationModel, corrections: Corrections) -> Serialize:
    if operation.has_event_stream_output:
        return event_stream_serializer(operation)
    return rest_json_serializer(operation, corrections)


class _Protocol(NamedTuple):
    find: Callable[[ServiceModel], _Find]
    parser: Callable[[OperationModel], Parse]
    serializer: Callable[[OperationModel, Corrections], Serialize | None]
    errors: Callable[[ServiceModel], SerializeError]


_PROTOCOLS = {
    "rest-json": _Protocol(
        _find_by_path, rest_json_parser, _rest_json_serializer, rest_json_errors
    ),
    "smithy-rpc-v2-cbor": _Protocol(
        find_by_operation_path, cbor_parser, cbor_serializer, cbor_errors
    ),
    "query": _Protocol(find_by_action, query_parser, query_serializer, query_errors),
    "json": _Protocol(_find_by_target, json_parser, json_serializer, json_errors),
}


class _Plan(NamedTuple):
    parse: Parse
    validate: Validate
    serialize: Serialize | None


class Service:
    """One AWS API, driven by its model. Holds no state of requests: any thread may use it."""

    def __init__(
        self,
        model: ServiceModel,
        corrections: Corrections | None = None,
        *,
        protocol: str = "",
        operations: Collection[str] = (),
    ) -> None:
        self._model = model
        self._corrections = corrections or Corrections()
        self._protocol = _PROTOCOLS[protocol or model.metadata["protocol"]]
        metadata = model.metadata
        self.signing_name = metadata.get("signingName") or metadata.get("endpointPrefix", "")
        self.operations = frozenset(operations or model.operation_names)
        self._find = self._protocol.find(model)
        self._plans = {name: self._compile(name) for name in self.operations}
        self._serialize_error = self._protocol.errors(model)

    @classmethod
    def load(cls, name: str, *, protocol: str = "", operations: Collection[str] = ()) -> Service:
        """The API botocore knows by `name`: `lambda` or `logs`.

        In another `protocol` than its first one, if it has several. Of others than these
        `operations`, if any are given, it can only be told that a request is for them.
        """
        model = load_model(name)
        return cls(model, CORRECTIONS.get(name), protocol=protocol, operations=operations)

    def operation_of(self, request: HttpRequest) -> str:
        """The operation a request is for; its body is not looked at. Raises ServiceError."""
        return self._find(request)[0]

    def parse(self, request: HttpRequest) -> tuple[str, dict[str, Any]]:
        """The operation a request is for and its input, by the model's member names.

        Blobs are bytes, timestamps aware datetimes, and absent members absent. Raises
        ServiceError: UnknownOperationException, SerializationException or, for broken constraints,
        ValidationException.
        """
        name, labels = self._find(request)
        plan = self._plans.get(name)
        if plan is None:
            raise unknown_operation(
                f"{name} is not available at this endpoint, which answers only "
                f"{', '.join(sorted(self.operations))}"
            )
        try:
            found = plan.parse(request, labels)
            plan.validate(found)
        except RecursionError:
            raise serialization_error("The request is nested too deeply") from None
        return name, found

    def serialize(self, operation: str, output: dict[str, Any], request_id: str) -> HttpResponse:
        """The response to an operation of `operations`; members that are None are left out.

        Timestamps may be datetimes or already in the model's format. Of an operation that answers
        events, the member with them is an EventStream: the response has a `source`, which closes
        it. Raises ValueError for such an operation in a protocol other than REST.
        """
        serialize = self._plans[operation].serialize
        if serialize is None:
            raise ValueError(f"{operation} answers an event stream")
        return serialize(output, request_id)

    def serialize_error(self, error: ServiceError, request_id: str) -> HttpResponse:
        """The response to a failed request; a code that is neither the model's nor common is 500."""
        return self._serialize_error(error, request_id)

    def _compile(self, name: str) -> _Plan:
        operation = self._model.operation_model(name)
        return _Plan(
            self._protocol.parser(operation),
            validator(operation, self._corrections),
            self._protocol.serializer(operation, self._corrections),
        )
