"""Which runtime identifiers CreateFunction and UpdateFunctionConfiguration take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambent.domain.errors import ServiceError, invalid_parameter_value

if TYPE_CHECKING:
    from collections.abc import Mapping

# In the order of AWS's own message, which prints them.
_AWS_RUNTIMES = (
    "nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, "
    "java25, python3.10, python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, "
    "java17, nodejs16.x, dotnet10, dotnet8, java11, dotnet6, nodejs18.x, provided.al2, java8.al2"
)

# AWS creates and updates no function with these any more:
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html#runtimes-deprecated
_DEPRECATED_RUNTIMES = frozenset(
    {
        "dotnetcore1.0",
        "dotnetcore2.0",
        "dotnetcore2.1",
        "dotnetcore3.1",
        "go1.x",
        "java8",
        "nodejs",
        "nodejs4.3",
        "nodejs4.3-edge",
        "nodejs6.10",
        "nodejs8.10",
        "nodejs10.x",
        "nodejs12.x",
        "nodejs14.x",
        "provided",
        "python2.7",
        "python3.6",
        "python3.7",
        "ruby2.5",
        "ruby2.7",
    }
)


def check_runtime(identifier: str, runtimes: Mapping[str, str | None]) -> None:
    """Raise ServiceError unless functions can have this runtime here.

    `runtimes` are the ones this release knows, each with the reason why it cannot run, or None.
    """
    if identifier in _DEPRECATED_RUNTIMES or identifier not in runtimes:
        raise _refusal(identifier)
    reason = runtimes[identifier]
    if reason is not None:
        raise invalid_parameter_value(reason)


def _refusal(identifier: str) -> ServiceError:
    if identifier in _DEPRECATED_RUNTIMES:
        return invalid_parameter_value(
            f"The runtime parameter of {identifier} is no longer supported for creating or "
            "updating AWS Lambda functions. We recommend you use a supported runtime while "
            "creating or updating functions."
        )
    return invalid_parameter_value(
        f"Value {identifier} at 'runtime' failed to satisfy constraint: Member must satisfy enum "
        f"value set: [{_AWS_RUNTIMES}] or be a valid ARN"
    )
