"""Refusals of requests that are not what the model says, in AWS's words."""

from __future__ import annotations

from lambent.domain.errors import ServiceError

_TOKENS = {True: "TRUE_VALUE", False: "FALSE_VALUE"}


def serialization_error(message: str) -> ServiceError:
    return ServiceError("SerializationException", message)


def not_convertible(value: object, wanted: str) -> ServiceError:
    """A JSON value that stands where `wanted` ("a String", "an Integer") belongs."""
    if isinstance(value, dict):
        return serialization_error("Start of structure or map found where not expected.")
    if isinstance(value, list):
        return serialization_error("Start of list found where not expected")
    return serialization_error(f"{_token(value)} can not be converted to {wanted}")


def not_a_list(value: object) -> ServiceError:
    if isinstance(value, dict):
        return not_convertible(value, "a List")
    return serialization_error("Expected list or null")


def not_an_object(value: object) -> ServiceError:
    if isinstance(value, list):
        return not_convertible(value, "a Map")
    return serialization_error("Expected null")


def unknown_operation(message: str) -> ServiceError:
    return ServiceError("UnknownOperationException", message)


def too_large(operation: str, limit: int) -> ServiceError:
    return ServiceError(
        "RequestEntityTooLargeException",
        f"Request must be smaller than {limit} bytes for the {operation} operation",
    )


def _token(value: object) -> str:
    if isinstance(value, bool):
        return _TOKENS[value]
    return "STRING_VALUE" if isinstance(value, str) else "NUMBER_VALUE"
