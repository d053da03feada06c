"""JSON bodies: the text, and the structures, lists and maps the model says are in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from botocore.model import ListShape, MapShape, Shape, StructureShape

from lambent.protocol.json_text import NotJson, read_json
from lambent.protocol.model import serialized_name
from lambent.protocol.rejections import not_a_list, not_an_object, serialization_error
from lambent.protocol.scalars import Decode, check_text, json_decoder, json_encoder

Encode = Callable[[dict[str, Any]], dict[str, Any]]
# From a simple shape to what reads or writes its values.
ForSimple = Callable[[Shape], Decode]


class _Kind(NamedTuple):
    """How all that is in one structure is compiled."""

    # Recursive shapes refer to themselves: each structure is compiled once, by name.
    known: dict[str, Decode]
    simple: ForSimple


def parse_json(body: bytes) -> object:
    """What a JSON text says; raises SerializationException for anything that is not JSON.

    Absurdly deep nesting is a RecursionError, here and in the functions compiled below.
    """
    try:
        return read_json(body)
    except NotJson as error:
        reason = f"Could not parse request body into json: {error}"
        raise serialization_error(reason) from None


def write_json(value: object) -> bytes:
    """JSON as UTF-8; half surrogate pairs, which UTF-8 cannot hold, become question marks."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.encode(errors="replace")


def body_decoder(shape: StructureShape, names: Collection[str]) -> Callable[[bytes], Any]:
    """A function from a JSON body to a dict of those `names` among the shape's members."""
    decode = _structure_decoder(shape, _Kind({}, json_decoder), names)

    def decode_body(body: bytes) -> Any:
        if not body:
            return {}
        value = parse_json(body)
        return {} if value is None else decode(value)

    return decode_body


def body_encoder(shape: StructureShape, names: Collection[str]) -> Callable[[Any], bytes]:
    """A function from a dict of the shape's members to a JSON body of those `names`."""
    encode = structure_encoder(shape, names)
    return lambda value: write_json(encode(value))


def structure_encoder(
    shape: StructureShape, names: Collection[str], simple: ForSimple = json_encoder
) -> Encode:
    """The same, to a dict that `write_json` takes. Members that are None or absent are left out.

    `simple` answers what encodes the values of a simple shape.
    """
    return _structure_encoder(shape, _Kind({}, simple), names)


def structure_decoder(shape: StructureShape, simple: ForSimple = json_decoder) -> Decode:
    """A function from what `parse_json` answers, or what is like it, to a dict of the members.

    `simple` answers what decodes the values of a simple shape. It raises ServiceError.
    """
    return _structure_decoder(shape, _Kind({}, simple), shape.members)


def _decoder(shape: Shape, kind: _Kind) -> Decode:
    if isinstance(shape, StructureShape):
        return kind.known.get(shape.name) or _structure_decoder(shape, kind, shape.members)
    if isinstance(shape, ListShape):
        return _list_decoder(_decoder(shape.member, kind))
    if isinstance(shape, MapShape):
        return _map_decoder(_decoder(shape.value, kind))
    return kind.simple(shape)


def _structure_decoder(shape: StructureShape, kind: _Kind, names: Collection[str]) -> Decode:
    rows: dict[str, tuple[str, Decode]] = {}

    def decode(value: Any) -> Any:
        if type(value) is not dict:
            raise not_an_object(value)
        found = {}
        for key, item in value.items():
            row = rows.get(key)
            # Unknown members are ignored, as newer clients know more; null means absent.
            if row is not None and item is not None:
                found[row[0]] = row[1](item)
        return found

    kind.known[shape.name] = decode
    for name in names:
        member = shape.members[name]
        rows[serialized_name(name, member)] = (name, _decoder(member, kind))
    return decode


def _list_decoder(decode_member: Decode) -> Decode:
    def decode(value: Any) -> Any:
        if type(value) is not list:
            raise not_a_list(value)
        return [decode_member(item) for item in value if item is not None]

    return decode


def _map_decoder(decode_value: Decode) -> Decode:
    def decode(value: Any) -> Any:
        if type(value) is not dict:
            raise not_an_object(value)
        pairs = value.items()
        return {check_text(key): decode_value(item) for key, item in pairs if item is not None}

    return decode


def _encoder(shape: Shape, kind: _Kind) -> Decode:
    if isinstance(shape, StructureShape):
        return kind.known.get(shape.name) or _structure_encoder(shape, kind, shape.members)
    if isinstance(shape, ListShape):
        encode_member = _encoder(shape.member, kind)
        return lambda value: [None if item is None else encode_member(item) for item in value]
    if isinstance(shape, MapShape):
        encode_value = _encoder(shape.value, kind)
        return lambda value: {key: encode_value(item) for key, item in value.items()}
    return kind.simple(shape)


def _structure_encoder(shape: StructureShape, kind: _Kind, names: Collection[str]) -> Decode:
    rows: list[tuple[str, str, Decode]] = []

    def encode(value: Any) -> Any:
        found = {}
        for name, wire, encode_member in rows:
            item = value.get(name)
            if item is not None:
                found[wire] = encode_member(item)
        return found

    kind.known[shape.name] = encode
    for name in names:
        member = shape.members[name]
        rows.append((name, serialized_name(name, member), _encoder(member, kind)))
    return encode
