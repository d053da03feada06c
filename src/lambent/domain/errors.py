"""The three families of failure, and no fourth.

1. `ServiceError`: answered to an API caller in AWS's shape.
2. A function's error is a result, not an exception: see `FunctionError` in `invocation.py`.
3. Situations inside the server are small exceptions beside the code that raises them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lambent.domain.caller import Caller


class ServiceError(Exception):
    """An error an API caller is answered with.

    `code` is an error of the service's model (or one of the common errors every AWS service has);
    the HTTP status and the place of the message in the body come from the model.
    `members` are further members of the error's shape, such as `Reason`.
    """

    def __init__(self, code: str, message: str, **members: object) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.members = members


def access_denied(
    caller: Caller, operation: str, arn: str, reason: str | None = None
) -> ServiceError:
    """AWS's words for a caller whom no policy allows an operation, unless `reason` says why."""
    why = reason or f"because no resource-based policy allows the lambda:{operation} action"
    return ServiceError(
        "AccessDeniedException",
        f"User: {caller.arn} is not authorized to perform: "
        f"lambda:{operation} on resource: {arn} {why}",
    )


def invalid_parameter_value(message: str) -> ServiceError:
    return ServiceError("InvalidParameterValueException", message)


def resource_conflict(message: str) -> ServiceError:
    return ServiceError("ResourceConflictException", message)


def resource_not_found(message: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", message)


def validation_error(value: object, member: str, constraint: str) -> ServiceError:
    """One constraint failure in AWS's words; `member` is the lower-camel path AWS names."""
    return ServiceError(
        "ValidationException",
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy "
        f"constraint: {constraint}",
    )
