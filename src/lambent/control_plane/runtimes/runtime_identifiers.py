"""Which runtime identifiers CreateFunction and the updates of a function take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambent.domain.errors import ServiceError, invalid_parameter_value
from lambent.domain.runtime_catalogue import CATALOGUE

if TYPE_CHECKING:
    from lambent.control_plane.plane import ControlPlane

# In the order of AWS's own message, which prints them.
_AWS_RUNTIMES = (
    "nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, "
    "java25, python3.10, python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, "
    "java17, nodejs16.x, dotnet10, dotnet8, java11, dotnet6, nodejs18.x, provided.al2, java8.al2"
)


def check_new_runtime(plane: ControlPlane, identifier: str) -> None:
    """Raise ServiceError unless a function can be created with this runtime, here and now.

    https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html#runtime-deprecation-levels
    """
    _check_known(identifier)
    is_blocked = CATALOGUE[identifier].is_create_blocked(plane.clock().date())
    _check(plane, identifier, is_blocked=is_blocked)


def check_updated_runtime(plane: ControlPlane, identifier: str) -> None:
    """Raise ServiceError unless a function can be given this runtime by an update."""
    _check_known(identifier)
    is_blocked = CATALOGUE[identifier].is_update_blocked(plane.clock().date())
    _check(plane, identifier, is_blocked=is_blocked)


def check_update_allowed(plane: ControlPlane, identifier: str) -> None:
    """Raise ServiceError when functions that stay with this runtime can no longer be updated.

    Whether it is installed does not matter here: that is the next invocation's affair.
    """
    is_blocked = CATALOGUE[identifier].is_update_blocked(plane.clock().date())
    if is_blocked and not plane.allows_blocked_runtimes:
        raise _no_longer_supported(identifier)


def _check(plane: ControlPlane, identifier: str, *, is_blocked: bool) -> None:
    if is_blocked and not plane.allows_blocked_runtimes:
        raise _no_longer_supported(identifier)
    obstacle = plane.runtime_obstacle(identifier)
    if obstacle is not None:
        raise invalid_parameter_value(obstacle)


def _check_known(identifier: str) -> None:
    if identifier not in CATALOGUE:
        raise invalid_parameter_value(
            f"Value {identifier} at 'runtime' failed to satisfy constraint: Member must satisfy "
            f"enum value set: [{_AWS_RUNTIMES}] or be a valid ARN"
        )


def _no_longer_supported(identifier: str) -> ServiceError:
    return invalid_parameter_value(
        f"The runtime parameter of {identifier} is no longer supported for creating or updating "
        "AWS Lambda functions. We recommend you use a supported runtime while creating or "
        "updating functions."
    )
