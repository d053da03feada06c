"""AWS's query protocol: forms in, XML out.

https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from lambent.protocol.errors import SerializeError, forms_of, query_code
from lambent.protocol.http import HttpRequest, HttpResponse
from lambent.protocol.json_values import structure_decoder
from lambent.protocol.model import serialized_name
from lambent.protocol.rejections import serialization_error, unknown_operation
from lambent.protocol.scalars import text_decoder, text_encoder
from lambent.protocol.serializer import REQUEST_ID, Output, Serialize
from lambent.protocol.timestamps import ISO

if TYPE_CHECKING:
    from lambent.domain.errors import ServiceError
    from lambent.protocol.corrections import Corrections
    from lambent.protocol.parser import Parse

_Tree = dict[str, Any]  # of texts and of trees, by the parts of their names between dots
_Write = Callable[[Any], str]

_XML = "text/xml"
_MAX_FIELDS = 10_000
_MAX_DEPTH = 32
# XML 1.0 has no way to write these.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def find_by_action(model: ServiceModel) -> Callable[[HttpRequest], tuple[str, Sequence[str]]]:
    """A function to the operation that a form's Action names."""
    operations = frozenset(model.operation_names)

    def find(request: HttpRequest) -> tuple[str, Sequence[str]]:
        name = _fields(request).get("Action", "")
        if name not in operations:
            raise unknown_operation("No operation has this Action")
        return name, ()

    return find


def query_parser(operation: OperationModel) -> Parse:
    """Everything is in the fields of a form."""
    shape = operation.input_shape
    if shape is None:
        return lambda request, labels: {}
    decode = structure_decoder(shape, text_decoder)

    def parse(request: HttpRequest, labels: Sequence[str]) -> dict[str, Any]:
        found: dict[str, Any] = decode(_value(shape, _tree(_fields(request))))
        return found

    return parse


def query_serializer(operation: OperationModel, corrections: Corrections) -> Serialize | None:
    """Everything is in an XML document."""
    if operation.has_event_stream_output:
        return None
    shape, name = operation.output_shape, operation.name
    write = _members_writer(shape) if shape is not None else _nothing
    wrapper = shape.serialization.get("resultWrapper", "") if shape is not None else ""
    namespace = _namespace(operation.service_model)

    def serialize(output: Output, request_id: str) -> HttpResponse:
        result = write(output)
        if wrapper:
            result = f"<{wrapper}>{result}</{wrapper}>"
        metadata = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
        return _xml(
            200, f"<{name}Response{namespace}>{result}{metadata}</{name}Response>", request_id
        )

    return serialize


def query_errors(model: ServiceModel) -> SerializeError:
    """A function that writes an error as XML, with the code that the query protocol has for it."""
    forms, code_of, namespace = forms_of(model), query_code(model), _namespace(model)

    def serialize(error: ServiceError, request_id: str) -> HttpResponse:
        status = forms(error.code).status
        blamed = "Sender" if status < 500 else "Receiver"
        detail = (
            f"<Error><Type>{blamed}</Type><Code>{_text(code_of(error.code))}</Code>"
            f"<Message>{_text(error.message)}</Message></Error>"
        )
        # Unknown actions are 404 elsewhere, and 400 where a form names them.
        return _xml(
            400 if status == 404 else status,
            f"<ErrorResponse{namespace}>{detail}<RequestId>{request_id}</RequestId></ErrorResponse>",
            request_id,
        )

    return serialize


def _namespace(model: ServiceModel) -> str:
    return f' xmlns="{model.metadata["xmlNamespace"]}"'


def _xml(status: int, document: str, request_id: str) -> HttpResponse:
    headers = [("Content-Type", _XML), (REQUEST_ID, request_id)]
    return HttpResponse(status=status, headers=headers, body=document.encode())


def _fields(request: HttpRequest) -> dict[str, str]:
    try:
        form = request.body.decode() if request.body else request.query
        return dict(parse_qsl(form, keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    except ValueError:  # UnicodeDecodeError is one
        raise serialization_error("The form could not be read") from None


def _tree(fields: dict[str, str]) -> _Tree:
    tree: _Tree = {}
    for name, text in fields.items():
        *path, last = name.split(".", _MAX_DEPTH)
        inner = tree
        for part in path:
            inner = inner.setdefault(part, {})
            if type(inner) is not dict:
                raise serialization_error("A field is both a value and a structure")
        inner[last] = text
    return tree


def _value(shape: Shape, tree: _Tree | str) -> Any:
    """What JSON would have in the place of `tree`, except that simple values are all texts."""
    if isinstance(shape, StructureShape):
        return _structure(shape, _branches(tree))
    if isinstance(shape, ListShape):
        return [_value(shape.member, each) for each in _numbered(_branches(tree).get("member", ""))]
    if isinstance(shape, MapShape):
        entries = [_branches(each) for each in _numbered(_branches(tree).get("entry", ""))]
        inner = shape.value
        return {str(each.get("key")): _value(inner, each.get("value", "")) for each in entries}
    if type(tree) is not str:
        raise serialization_error("A structure is found where a value is expected")
    return tree


def _structure(shape: StructureShape, tree: _Tree) -> dict[str, Any]:
    found = {}
    for name, member in shape.members.items():
        wire = serialized_name(name, member)
        if wire in tree:
            found[wire] = _value(member, tree[wire])
    return found


def _branches(tree: _Tree | str) -> _Tree:
    if isinstance(tree, str):
        if tree:
            raise serialization_error("A value is found where a structure or list is expected")
        return {}
    return tree


def _numbered(tree: _Tree | str) -> list[_Tree | str]:
    branches = _branches(tree)
    try:
        return [branches[number] for number in sorted(branches, key=int)]
    except ValueError:
        raise serialization_error("An element of a list has no number") from None


def _members_writer(shape: StructureShape) -> _Write:
    writers = [
        (name, serialized_name(name, member), _writer(member))
        for name, member in shape.members.items()
    ]

    def write(value: dict[str, Any]) -> str:
        return "".join(
            f"<{wire}>{write_member(value[name])}</{wire}>"
            for name, wire, write_member in writers
            if value.get(name) is not None
        )

    return write


def _writer(shape: Shape) -> _Write:
    if isinstance(shape, StructureShape):
        return _members_writer(shape)
    if isinstance(shape, ListShape):
        write = _writer(shape.member)
        return lambda items: "".join(f"<member>{write(item)}</member>" for item in items)
    if isinstance(shape, MapShape):
        return _map_writer(_writer(shape.value))
    encode = text_encoder(shape, ISO)
    return lambda value: _text(encode(value))


def _map_writer(write: _Write) -> _Write:
    def write_map(value: dict[str, Any]) -> str:
        return "".join(
            f"<entry><key>{_text(key)}</key><value>{write(item)}</value></entry>"
            for key, item in value.items()
        )

    return write_map


def _text(text: str) -> str:
    return escape(_NOT_XML.sub("?", text))


def _nothing(value: Output) -> str:
    return ""
