"""The output of an operation as a response: a function for each, made once from the model.

The two protocols are two functions: `rest_json_serializer` and `json_serializer`. An operation
that answers an event stream has none: its response has no end that could be put into a body.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botocore.model import ListShape, OperationModel, ServiceModel, Shape, StructureShape

from lambent.protocol.http import HttpResponse
from lambent.protocol.json_values import body_encoder
from lambent.protocol.model import (
    body_members,
    members,
    members_at,
    payload_member,
    serialized_name,
)
from lambent.protocol.scalars import text_encoder

if TYPE_CHECKING:
    from lambent.protocol.corrections import Corrections

Output = dict[str, Any]
Headers = list[tuple[str, str]]
Serialize = Callable[[Output, str], HttpResponse]
_Body = Callable[[Output], bytes]
AddHeaders = Callable[[Output, Headers], None]

REQUEST_ID = "x-amzn-RequestId"
JSON = "application/json"
_BYTES = "application/octet-stream"
_TEXT = "text/plain"

_WITHOUT_BODY = {204, 304}
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def json_serializer(operation: OperationModel, corrections: Corrections) -> Serialize | None:
    """Everything in a JSON body, always with status 200; no output is an empty body."""
    if operation.has_event_stream_output:
        return None
    shape = operation.output_shape
    encode = body_encoder(shape, shape.members) if shape is not None else _nothing
    content_type = json_content_type(operation.service_model)

    def serialize(output: Output, request_id: str) -> HttpResponse:
        headers = [("Content-Type", content_type), (REQUEST_ID, request_id)]
        return HttpResponse(status=200, headers=headers, body=encode(output))

    return serialize


def json_content_type(model: ServiceModel) -> str:
    """That of the version of the JSON protocol which a service has."""
    return f"application/x-amz-json-{model.metadata.get('jsonVersion', '1.1')}"


def rest_json_serializer(operation: OperationModel, corrections: Corrections) -> Serialize | None:
    """Status, headers and body, each where the model binds members to it."""
    if operation.has_event_stream_output:
        return None
    shape = operation.output_shape
    default_status: int = operation.http.get("responseCode", 200)
    status_member = next((name for name, _ in members_at(shape, "statusCode")), "")
    content_type = corrections.payload_types.get(operation.name) or _content_type(shape)
    add_headers, encode = header_writer(shape), _body_writer(shape)

    def serialize(output: Output, request_id: str) -> HttpResponse:
        status = output.get(status_member) or default_status
        headers = [("Content-Type", content_type), (REQUEST_ID, request_id)]
        add_headers(output, headers)
        # A body with these statuses would be read as the start of the next response.
        body = b"" if status in _WITHOUT_BODY else encode(output)
        return HttpResponse(status=status, headers=headers, body=body)

    return serialize


def header_writer(shape: StructureShape | None) -> AddHeaders:
    """A function that adds the members of a shape that are bound to headers."""
    rows = [
        (member, serialized_name(member, inner), _header_text(inner))
        for member, inner in members_at(shape, "header")
    ]
    prefixed = [
        (member, serialized_name(member, inner)) for member, inner in members_at(shape, "headers")
    ]

    def add(output: Output, headers: Headers) -> None:
        for member, name, encode in rows:
            value = output.get(member)
            if value is not None:
                headers.append((name, header_safe(encode(value))))
        for member, prefix in prefixed:
            headers += _prefixed_headers(prefix, output.get(member) or {})

    return add


def header_safe(text: str) -> str:
    """`text` as a header value: no line can be broken, and Latin-1 writes it as UTF-8."""
    if text.isascii() and text.isprintable():
        return text
    return _CONTROL_CHARACTERS.sub(" ", text).encode(errors="replace").decode("latin-1")


def _prefixed_headers(prefix: str, values: dict[str, str]) -> Headers:
    names = ((prefix + name, value) for name, value in values.items())
    return [(name, header_safe(value)) for name, value in names if _HEADER_NAME.fullmatch(name)]


def _header_text(shape: Shape) -> Callable[[Any], str]:
    if not isinstance(shape, ListShape):
        return text_encoder(shape)
    encode = text_encoder(shape.member)
    quote = _quoted if shape.member.type_name == "string" else str
    return lambda values: ", ".join(quote(encode(value)) for value in values)


def _quoted(text: str) -> str:
    if "," not in text and '"' not in text:
        return text
    escaped = re.sub(r'(["\\])', r"\\\1", text)
    return f'"{escaped}"'


def _body_writer(shape: StructureShape | None) -> _Body:
    if shape is None:
        return _nothing
    payload = payload_member(shape)
    if payload is not None:
        return _payload_writer(payload, members(shape)[payload])
    names = body_members(shape)
    # Members that are all elsewhere leave the body empty; no members at all leave it "{}".
    return body_encoder(shape, names) if names or not shape.members else _nothing


def _payload_writer(name: str, shape: Shape) -> _Body:
    if isinstance(shape, StructureShape):
        encode = body_encoder(shape, shape.members)
        return lambda output: encode(output.get(name) or {})
    if shape.type_name == "string":
        return lambda output: (output.get(name) or "").encode(errors="replace")
    return lambda output: output.get(name) or b""


def _content_type(shape: StructureShape | None) -> str:
    payload = payload_member(shape)
    kind = members(shape)[payload].type_name if payload is not None else "structure"
    return {"blob": _BYTES, "string": _TEXT}.get(kind, JSON)


def _nothing(output: Output) -> bytes:
    return b""
