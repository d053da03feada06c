"""Requests to the input of an operation: a function for each, made once from the model.

The two protocols are two functions: `rest_json_parser` and `json_parser`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import unquote_plus

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from lambent.protocol.http import HttpRequest
from lambent.protocol.json_values import body_decoder
from lambent.protocol.model import (
    body_members,
    label_names,
    members,
    members_at,
    payload_member,
    serialized_name,
)
from lambent.protocol.rejections import serialization_error
from lambent.protocol.scalars import Decode, text_decoder

Input = dict[str, Any]
Parse = Callable[[HttpRequest, Sequence[str]], Input]
# One place of the message that members are read from, into the input.
_Reader = Callable[[HttpRequest, Sequence[str], Input], None]

_MAX_QUERY_FIELDS = 1000
_QUOTED_OR_PLAIN = re.compile(r'(?:^|,)\s*(?:"((?:[^"\\]|\\.)*)"(?=\s*(?:,|$))|([^,]*))')


def json_parser(operation: OperationModel) -> Parse:
    """Everything is in a JSON body."""
    shape = operation.input_shape
    if shape is None:
        return lambda request, labels: {}
    decode = body_decoder(shape, shape.members)
    return lambda request, labels: decode(request.body)


def rest_json_parser(operation: OperationModel) -> Parse:
    """Labels, query, headers and body, each where the model binds members to it."""
    shape = operation.input_shape
    readers = [
        reader
        for reader in (
            _label_reader(shape, label_names(operation.http["requestUri"])),
            _query_reader(shape),
            _header_reader(shape),
            _prefix_reader(shape),
            _body_reader(shape),
        )
        if reader is not None
    ]

    def parse(request: HttpRequest, labels: Sequence[str]) -> Input:
        found: Input = {}
        for read in readers:
            read(request, labels, found)
        return found

    return parse


def _label_reader(shape: StructureShape | None, names: list[str]) -> _Reader | None:
    rows = [
        (member, names.index(serialized_name(member, inner)), text_decoder(inner))
        for member, inner in members_at(shape, "uri")
    ]

    def read(request: HttpRequest, labels: Sequence[str], found: Input) -> None:
        for member, index, decode in rows:
            found[member] = decode(labels[index])

    return read if rows else None


def _query_reader(shape: StructureShape | None) -> _Reader | None:
    rows: list[tuple[str, str, Decode]] = []
    maps: list[tuple[str, Decode]] = []
    for member, inner in members_at(shape, "querystring"):
        if isinstance(inner, MapShape):
            maps.append((member, _query_value(inner.value)))
        else:
            rows.append((member, serialized_name(member, inner), _query_value(inner)))

    def read(request: HttpRequest, labels: Sequence[str], found: Input) -> None:
        if not request.query:  # most requests have none
            return
        given = _query_values(request.query)
        for member, name, decode in rows:
            if name in given:
                found[member] = decode(given[name])
        for member, decode in maps:
            found[member] = {name: decode(values) for name, values in given.items()}

    return read if rows or maps else None


def _query_values(query: str) -> dict[str, list[str]]:
    # The standard library's parse_qsl takes three times as long, on the path of every invocation.
    if query.count("&") >= _MAX_QUERY_FIELDS:
        raise serialization_error("The query string has too many fields")
    values: dict[str, list[str]] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if pair:
            values.setdefault(_unquote(name), []).append(_unquote(value))
    return values


def _unquote(text: str) -> str:
    return unquote_plus(text) if "%" in text or "+" in text else text


def _query_value(shape: Shape) -> Decode:
    if isinstance(shape, ListShape):
        decode_member = text_decoder(shape.member)
        return lambda values: [decode_member(value) for value in values]
    decode = text_decoder(shape)
    return lambda values: decode(values[0])  # the first counts when there are several


def _header_reader(shape: StructureShape | None) -> _Reader | None:
    rows = [
        (member, serialized_name(member, inner).lower(), _header_value(inner))
        for member, inner in members_at(shape, "header")
    ]

    def read(request: HttpRequest, labels: Sequence[str], found: Input) -> None:
        headers = request.headers
        for member, name, decode in rows:
            value = headers.get(name)
            if value is not None:
                found[member] = decode(value)

    return read if rows else None


def _header_value(shape: Shape) -> Decode:
    if not isinstance(shape, ListShape):
        return text_decoder(shape)
    decode = text_decoder(shape.member)
    # An HTTP date has a comma of its own.
    split = _split_dates if shape.member.type_name == "timestamp" else _split_values
    return lambda text: [decode(value) for value in split(text)]


def _split_values(text: str) -> list[str]:
    return [
        plain.strip() if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        for quoted, plain in (match.groups() for match in _QUOTED_OR_PLAIN.finditer(text))
    ]


def _split_dates(text: str) -> list[str]:
    parts = [part.strip() for part in text.split(",")]
    if not text[:1].isalpha():
        return parts
    return [", ".join(parts[index : index + 2]) for index in range(0, len(parts), 2)]


def _prefix_reader(shape: StructureShape | None) -> _Reader | None:
    rows = [
        (member, serialized_name(member, inner).lower())
        for member, inner in members_at(shape, "headers")
    ]

    def read(request: HttpRequest, labels: Sequence[str], found: Input) -> None:
        for member, prefix in rows:
            values = {
                name[len(prefix) :]: value
                for name, value in request.headers.items()
                if name.startswith(prefix)
            }
            if values:
                found[member] = values

    return read if rows else None


def _body_reader(shape: StructureShape | None) -> _Reader | None:
    payload = payload_member(shape)
    if shape is not None and payload is not None:
        return _payload_reader(payload, members(shape)[payload])
    names = body_members(shape)
    if shape is None or not names:
        return None
    decode = body_decoder(shape, names)

    def read(request: HttpRequest, labels: Sequence[str], found: Input) -> None:
        found.update(decode(request.body))

    return read


def _payload_reader(name: str, shape: Shape) -> _Reader:
    decode = _payload_value(shape)

    def read(request: HttpRequest, labels: Sequence[str], found: Input) -> None:
        # HTTP does not tell an empty body from none, and operations have defaults for none.
        if request.body:
            found[name] = decode(request.body)

    return read


def _payload_value(shape: Shape) -> Callable[[bytes], Any]:
    if isinstance(shape, StructureShape):
        return body_decoder(shape, shape.members)
    return _text if shape.type_name == "string" else bytes


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise serialization_error("The body is not UTF-8") from None
