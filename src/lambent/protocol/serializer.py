"""The output of an operation as a response: a function for each, made once from the model.

The two protocols are two functions: `rest_json_serializer` and `json_serializer`. Operations that
answer events have theirs in `event_stream.py`.
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
BYTES = "application/octet-stream"
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


def rest_json_serializer(operation: OperationModel, corrections: Corrections) -> Serialize:
    """Status, headers and body, each where the model binds members to it."""
    shape, status_in = operation.output_shape, status_of(operation)
    content_type = corrections.payload_types.get(operation.name) or _content_type(shape)
    add_headers, encode = header_writer(shape), _body_writer(shape)

    def serialize(output: Output, request_id: str) -> HttpResponse:
        status = status_in(output)
        headers = [("Content-Type", content_type), (REQUEST_ID, request_id)]
        add_headers(output, headers)
        # A body with these statuses would be read as the start of the next response.
        body = b"" if status in _WITHOUT_BODY else encode(output)
        return HttpResponse(status=status, headers=headers, body=body)

    return serialize


def status_of(operation: OperationModel) -> Callable[[Output], int]:
    """A function to the status of an output: a member of it, or always the same."""
    default: int = operation.http.get("responseCode", 200)
    member = next((name for name, _ in members_at(operation.output_shape, "statusCode")), "")
    return lambda output: output.get(member) or default


def header_writer(shape: StructureShape | None) -> AddHeaders:
    """A function that adds the members of a shape that are bound to headers."""
    rows = [
        (member, _header_name(member, inner), _header_text(inner))
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


def _header_name(member: str, shape: Shape) -> str:
    """Content-Type says what the body is, which is no member's to say.

    The body of InvokeWithResponseStream is messages. AWS tells what the function streams in them in
    a header of its own; the gateways that read it there show it in their tests.
    """
    name = serialized_name(member, shape)
    return "x-amzn-Remapped-Content-Type" if name == "Content-Type" else name


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
    return {"blob": BYTES, "string": _TEXT}.get(kind, JSON)


def _nothing(output: Output) -> bytes:
    return b""
