"""AWS's protocol of CBOR bodies.

https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lambent.protocol.cbor import NotCbor, read_cbor, write_cbor
from lambent.protocol.errors import SerializeError, forms_of, query_error
from lambent.protocol.http import HttpRequest, HttpResponse
from lambent.protocol.json_values import structure_decoder, structure_encoder
from lambent.protocol.rejections import serialization_error, unknown_operation
from lambent.protocol.scalars import Decode, json_decoder
from lambent.protocol.serializer import REQUEST_ID, Output, Serialize
from lambent.protocol.timestamps import parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from botocore.model import OperationModel, ServiceModel, Shape

    from lambent.domain.errors import ServiceError
    from lambent.protocol.corrections import Corrections
    from lambent.protocol.parser import Parse

_PATH = re.compile(r"/service/([^/]+)/operation/([^/]+)")
_HEADERS = (("Smithy-Protocol", "rpc-v2-cbor"), ("Content-Type", "application/cbor"))


def is_rpc_cbor(request: HttpRequest) -> bool:
    """Whether a request says that it is of this protocol."""
    return request.headers.get("smithy-protocol") == "rpc-v2-cbor"


def find_by_operation_path(
    model: ServiceModel,
) -> Callable[[HttpRequest], tuple[str, Sequence[str]]]:
    """A function to the operation that a path names."""
    operations = frozenset(model.operation_names)
    service = model.metadata.get("targetPrefix", "")

    def find(request: HttpRequest) -> tuple[str, Sequence[str]]:
        match = _PATH.fullmatch(request.path)
        if match is None or match[1] != service or match[2] not in operations:
            raise unknown_operation("No operation has this path")
        return match[2], ()

    return find


def cbor_parser(operation: OperationModel) -> Parse:
    """Everything is in a CBOR body."""
    shape = operation.input_shape
    if shape is None:
        return lambda request, labels: {}
    decode = structure_decoder(shape, _decoder)

    def parse(request: HttpRequest, labels: Sequence[str]) -> dict[str, Any]:
        found: dict[str, Any] = decode(_read(request.body)) if request.body else {}
        return found

    return parse


def cbor_serializer(operation: OperationModel, corrections: Corrections) -> Serialize | None:
    """Everything is in a CBOR body, always with status 200."""
    if operation.has_event_stream_output:
        return None
    shape = operation.output_shape
    encode = structure_encoder(shape, shape.members, _encoder) if shape is not None else dict

    def serialize(output: Output, request_id: str) -> HttpResponse:
        headers = [*_HEADERS, (REQUEST_ID, request_id)]
        return HttpResponse(status=200, headers=headers, body=write_cbor(encode(output)))

    return serialize


def cbor_errors(model: ServiceModel) -> SerializeError:
    """A function that writes an error with its code in the body."""
    form_of, add_query_error = forms_of(model), query_error(model)

    def serialize(error: ServiceError, request_id: str) -> HttpResponse:
        form = form_of(error.code)
        headers = [*_HEADERS, (REQUEST_ID, request_id), *add_query_error(error.code)]
        body = {"__type": error.code, form.message_member: error.message}
        return HttpResponse(status=form.status, headers=headers, body=write_cbor(body))

    return serialize


def _read(body: bytes) -> Any:
    try:
        return read_cbor(body)
    except NotCbor as error:
        raise serialization_error(f"Could not parse request body into CBOR: {error}") from None


def _decoder(shape: Shape) -> Decode:
    """As of JSON, but CBOR has bytes."""
    return _bytes if shape.type_name == "blob" else json_decoder(shape)


def _encoder(shape: Shape) -> Decode:
    return _instant if shape.type_name == "timestamp" else _same


def _bytes(value: Any) -> bytes:
    if type(value) is not bytes:
        raise serialization_error("Bytes are expected where something else is found")
    return value


def _instant(value: Any) -> Any:
    """What `write_cbor` writes as one; it may be in another protocol's format already."""
    return parse_timestamp(value) if isinstance(value, str | int | float) else value


def _same(value: Any) -> Any:
    return value
