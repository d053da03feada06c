"""What the model demands of one value, and how AWS words it and shows the value.

A leaf is a value with no structure inside: a string, a number, a blob, or a list or map of leaves.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from lambent.protocol.patterns import matches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lambent.protocol.corrections import Corrections

NOT_NULL = "Member must not be null"
_REDACTED = "*** Sensitive Data Redacted ***"
_SIZED = {"string", "blob", "list", "map"}
# A structure is shown at length even where it was sent as "{}": all of a long list of those would
# take a hundred times the memory of the request.
_MAX_SHOWN = 1000


class Constraint(NamedTuple):
    text: str  # such as "Member must have length less than or equal to 64"
    holds: Callable[[Any], bool]


def has_structure(shape: Shape) -> bool:
    """Whether errors inside this shape are named by their own path."""
    if isinstance(shape, ListShape):
        return has_structure(shape.member)
    if isinstance(shape, MapShape):
        return has_structure(shape.value)
    return isinstance(shape, StructureShape)


def constraints_of(shape: Shape, corrections: Corrections) -> list[Constraint]:
    """Everything demanded of a leaf, in the order AWS lists it."""
    found = list(_bounds(shape, corrections))
    if isinstance(shape, StringShape):
        found += _string_constraints(shape, corrections)
    elif isinstance(shape, ListShape) and not has_structure(shape):
        found += _list_constraints(shape, corrections)
    elif isinstance(shape, MapShape):
        found += _map_constraints(shape, corrections)
    return found


def show(value: object, shape: Shape) -> str:
    """The value as the services, which are written in Java, print it."""
    if shape.metadata.get("sensitive"):
        return _REDACTED
    if isinstance(value, bytes):
        return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _show_composite(value, shape)


def _show_composite(value: Any, shape: Shape) -> str:
    if value is None:
        return "null"
    if isinstance(shape, StructureShape):
        inner = (
            f"{camel(name)}={show(value.get(name), member)}"
            for name, member in shape.members.items()
        )
        return f"{shape.name}({', '.join(inner)})"
    if isinstance(shape, ListShape):
        inner = (show(item, shape.member) for item in islice(value, _MAX_SHOWN))
        return f"[{', '.join(inner)}]"
    if isinstance(shape, MapShape):
        pairs = islice(value.items(), _MAX_SHOWN)
        inner = (f"{key}={show(item, shape.value)}" for key, item in pairs)
        return f"{{{', '.join(inner)}}}"
    return str(value)


def camel(name: str) -> str:
    """A member's name as errors give it: `KMSKeyArn` is `kMSKeyArn`."""
    return name[:1].lower() + name[1:]


def _bounds(shape: Shape, corrections: Corrections) -> Iterator[Constraint]:
    number = float if shape.type_name in ("double", "float") else int
    sized = shape.type_name in _SIZED
    of = "length" if sized else "value"
    measure: Callable[[Any], float] = len if sized else number
    greatest = corrections.maxima.get(shape.name, shape.metadata.get("max"))
    least = shape.metadata.get("min")
    if greatest is not None:
        most = number(greatest)
        yield Constraint(
            f"Member must have {of} less than or equal to {most}",
            lambda value: measure(value) <= most,
        )
    if least is not None:
        fewest = number(least)
        yield Constraint(
            f"Member must have {of} greater than or equal to {fewest}",
            lambda value: measure(value) >= fewest,
        )


def _string_constraints(shape: StringShape, corrections: Corrections) -> Iterator[Constraint]:
    pattern, greatest = shape.metadata.get("pattern"), shape.metadata.get("max")
    if pattern is not None:
        named = corrections.patterns.get(shape.name, pattern)
        yield Constraint(
            f"Member must satisfy regular expression pattern: {named}",
            lambda value: matches(pattern, value, greatest),
        )
    if shape.enum:
        values = frozenset(shape.enum)
        shown = corrections.value_sets.get(shape.name) or ", ".join(shape.enum)
        yield Constraint(f"Member must satisfy enum value set: [{shown}]", values.__contains__)


def _list_constraints(shape: ListShape, corrections: Corrections) -> Iterator[Constraint]:
    inner = constraints_of(shape.member, corrections)
    if shape.name in corrections.unwrapped:
        yield from (Constraint(each.text, _for_all([each])) for each in inner)
    elif inner:
        text = _listed(inner, shape, corrections)
        yield Constraint(f"Member must satisfy constraint: {text}", _for_all(inner))


def _map_constraints(shape: MapShape, corrections: Corrections) -> Iterator[Constraint]:
    of_keys = constraints_of(shape.key, corrections)
    if of_keys:
        text = f"[{', '.join(each.text for each in of_keys)}]"
        yield Constraint(f"Map keys must satisfy constraint: {text}", _for_all(of_keys))
    of_values = constraints_of(shape.value, corrections)
    if of_values and not has_structure(shape):
        hold = _for_all(of_values)
        text = _listed(of_values, shape, corrections)
        yield Constraint(
            f"Map value must satisfy constraint: {text}", lambda value: hold(value.values())
        )


def _listed(inner: list[Constraint], shape: Shape, corrections: Corrections) -> str:
    texts = [each.text for each in inner]
    if shape.name in corrections.not_null:
        texts.append(NOT_NULL)
    return f"[{', '.join(texts)}]"


def _for_all(constraints: list[Constraint]) -> Callable[[Any], bool]:
    tests = [each.holds for each in constraints]
    return lambda values: all(holds(value) for value in values for holds in tests)
