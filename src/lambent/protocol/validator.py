"""Inputs against the model's constraints, with AWS's wording of what is wrong."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from lambent.domain.errors import ServiceError
from lambent.protocol.constraints import NOT_NULL, camel, constraints_of, has_structure, show

if TYPE_CHECKING:
    from lambent.protocol.corrections import Corrections

Validate = Callable[[dict[str, Any]], None]
# Adds what is wrong with a value at a path to the list.
_Check = Callable[[Any, str, list[str]], None]
_Known = dict[str, _Check]
# The elements of a list or map with the names that paths give them.
_Items = Callable[[Any], Iterable[tuple[object, Any]]]

# AWS lists every failure. A body of tiny broken structures would make that a thousand times the
# size of the request.
_MAX_FAILURES = 100
# Of each member whose text is constrained.
_REMEMBERED_VALUES = 64
_LONGEST_REMEMBERED = 256
_ERROR_CODES = ("ValidationException", "InvalidParameterException")


class _Row(NamedTuple):
    """One member that something is demanded of."""

    name: str
    step: str  # in the path that errors name
    is_required: bool
    check: _Check | None


def validator(operation: OperationModel, corrections: Corrections) -> Validate:
    """A function that raises ServiceError for an input that breaks the model's constraints."""
    shape = operation.input_shape
    check = None if shape is None else _structure_check(shape, corrections, {})
    code = _error_code(operation)

    def validate(given: dict[str, Any]) -> None:
        failures: list[str] = []
        if check is not None:
            check(given, "", failures)
        if failures:
            raise ServiceError(code, _message(failures))

    return validate


def _error_code(operation: OperationModel) -> str:
    """CloudWatch Logs' older operations answer an error of their own for the same failures."""
    declared = {shape.name for shape in operation.error_shapes}
    return next((code for code in _ERROR_CODES if code in declared), _ERROR_CODES[0])


def _message(failures: list[str]) -> str:
    failures = failures[:_MAX_FAILURES]
    plural = "s" if len(failures) > 1 else ""
    return f"{len(failures)} validation error{plural} detected: {'; '.join(failures)}"


def _check_of(shape: Shape, corrections: Corrections, known: _Known) -> _Check | None:
    if isinstance(shape, StructureShape):
        return _structure_check(shape, corrections, known)
    checks = [_leaf_check(shape, corrections)]
    if isinstance(shape, ListShape | MapShape) and has_structure(shape):
        checks.append(_elements_check(shape, corrections, known))
    return _joined([check for check in checks if check is not None])


def _joined(checks: list[_Check]) -> _Check | None:
    if len(checks) < 2:
        return checks[0] if checks else None

    def check_all(value: Any, path: str, failures: list[str]) -> None:
        for check in checks:
            check(value, path, failures)

    return check_all


def _structure_check(
    shape: StructureShape, corrections: Corrections, known: _Known
) -> _Check | None:
    if shape.name in known:
        return known[shape.name]
    rows: list[_Row] = []

    def check(value: Any, path: str, failures: list[str]) -> None:
        prefix = f"{path}." if path else ""
        for name, step, is_required, check_member in rows:
            item = value.get(name)
            if item is None:
                if is_required:
                    failures.append(_failure(" null", prefix + step, NOT_NULL))
            elif check_member is not None:
                check_member(item, prefix + step, failures)

    known[shape.name] = check  # before its members, which may refer to it
    rows += _rows(shape, corrections, known)
    rows.sort(key=lambda row: (shape.name, row.name) in corrections.last)
    return check if rows else None


def _rows(shape: StructureShape, corrections: Corrections, known: _Known) -> Iterator[_Row]:
    required = set(shape.required_members)
    for name, member in shape.members.items():
        check_member = None
        if (shape.name, name) not in corrections.unchecked_enums:
            check_member = _check_of(member, _of_member(shape, name, corrections), known)
        if name in required or check_member is not None:
            yield _Row(name, camel(name), name in required, check_member)


def _of_member(shape: StructureShape, name: str, corrections: Corrections) -> Corrections:
    values = corrections.member_value_sets.get((shape.name, name))
    if values is None:
        return corrections
    return replace(corrections, value_sets={shape.members[name].name: values})


def _leaf_check(shape: Shape, corrections: Corrections) -> _Check | None:
    constraints = constraints_of(shape, corrections)
    is_sensitive = bool(shape.metadata.get("sensitive"))

    @functools.lru_cache(maxsize=_REMEMBERED_VALUES)
    def is_fine(value: str) -> bool:
        return all(holds(value) for _, holds in constraints)

    def check(value: Any, path: str, failures: list[str]) -> None:
        # The same few names come again and again, and their patterns are long.
        is_short = isinstance(value, str) and len(value) <= _LONGEST_REMEMBERED
        if is_short and not is_sensitive and is_fine(value):
            return
        for text, holds in constraints:
            # A value that is too long and does not match either is named twice, as AWS does.
            if not holds(value):
                shown = "" if is_sensitive else f" '{show(value, shape)}'"
                failures.append(_failure(shown, path, text))

    return check if constraints else None


def _elements_check(
    shape: ListShape | MapShape, corrections: Corrections, known: _Known
) -> _Check | None:
    if isinstance(shape, ListShape):
        return _each(_check_of(shape.member, corrections, known), _numbered)
    return _each(_check_of(shape.value, corrections, known), _named)


def _each(check_element: _Check | None, items: _Items) -> _Check | None:
    if check_element is None:
        return None

    def check(value: Any, path: str, failures: list[str]) -> None:
        for step, item in items(value):
            if len(failures) >= _MAX_FAILURES:
                return
            check_element(item, f"{path}.{step}.member", failures)

    return check


def _numbered(values: list[Any]) -> Iterable[tuple[object, Any]]:
    return enumerate(values, 1)


def _named(values: dict[str, Any]) -> Iterable[tuple[object, Any]]:
    return values.items()


def _failure(shown: str, path: str, constraint: str) -> str:
    return f"Value{shown} at '{path}' failed to satisfy constraint: {constraint}"
