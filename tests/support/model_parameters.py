"""Minimal valid parameters of any operation, from its service's model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

if TYPE_CHECKING:
    from botocore.model import OperationModel

_UUID = "00000000-0000-0000-0000-000000000001"
_LAMBDA = "arn:aws:lambda:us-east-1:000000000000"
# One of these is right for every string of our services' models.
_CANDIDATES = (
    "nobody",
    "1",
    "*",
    "2026-01-01",
    _UUID,
    "arn:aws:iam::000000000000:role/nobody",
    "arn:aws:s3:::nobody",
    f"{_LAMBDA}:function:nobody",
    f"{_LAMBDA}:function:nobody:1/durable-execution/nobody/nobody",
    f"{_LAMBDA}:function:nobody:1/durable-execution/nobody/{_UUID}",
    f"{_LAMBDA}:layer:nobody:1",
    f"{_LAMBDA}:capacity-provider:nobody",
    f"{_LAMBDA}:code-signing-config:csc-0123456789abcdefg",
    "arn:aws:signer:us-east-1:000000000000:/signing-profiles/nobody",
    "arn:aws:logs:us-east-1:000000000000:log-group:nobody",
    "subnet-1",
    "sg-1",
    "lambda:InvokeFunction",
    "lambda:GetLayerVersion",
    "x" * 20,
    "x" * 64,
)
_SCALARS: dict[str, Any] = {
    "blob": b"{}",
    "boolean": False,
    "double": 1.0,
    "float": 1.0,
    "timestamp": 1_700_000_000,
}


def minimal_parameters(operation: OperationModel) -> dict[str, Any]:
    """What the operation requires, and nothing else."""
    shape = operation.input_shape
    return {} if shape is None else _structure(shape)


def _structure(shape: StructureShape) -> dict[str, Any]:
    required = shape.required_members
    if shape.is_tagged_union and not required:
        required = list(shape.members)[:1]
    return {name: _value(shape.members[name]) for name in required}


def _value(shape: Shape) -> Any:
    if isinstance(shape, StructureShape):
        return _structure(shape)
    if isinstance(shape, ListShape):
        return [_value(shape.member)] * max(1, shape.metadata.get("min", 0))
    if isinstance(shape, MapShape):
        return {_value(shape.key): _value(shape.value)}
    if isinstance(shape, StringShape):
        return shape.enum[0] if shape.enum else _text(shape)
    if shape.type_name in ("integer", "long"):
        return max(1, shape.metadata.get("min", 1))
    return _SCALARS[shape.type_name]


def _text(shape: StringShape) -> str:
    # Letters, digits and so on by their Unicode property, which Python's expressions do not have.
    expression = re.sub(r"\\p\{\w+\}", r"\\w", shape.metadata.get("pattern", ".*"))
    pattern = re.compile(expression, re.DOTALL)
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max", 10_000)
    for candidate in _CANDIDATES:
        if least <= len(candidate) <= most and pattern.fullmatch(candidate):
            return candidate
    raise AssertionError(f"no candidate for {shape.name}: {shape.metadata}")
