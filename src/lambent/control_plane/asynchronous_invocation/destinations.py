"""Where records of asynchronous invocations may be sent.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lambent.control_plane.plane import ControlPlane, allowed, existing_qualifier
from lambent.domain.arn import FunctionReference, parse_function_reference
from lambent.domain.errors import ServiceError, invalid_parameter_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.domain.caller import Caller

_ARN = re.compile(r"arn:aws[a-zA-Z0-9-]*:([a-zA-Z0-9-]+):([a-z0-9-]*):(\d*):(.+)", re.ASCII)
# What follows the service in an ARN. No FIFO queues and topics: their names end in `.fifo`.
_OWNED = r"[a-z0-9-]+:\d{12}:"
_RESOURCES: Mapping[str, re.Pattern[str]] = {
    "events": re.compile(rf"{_OWNED}event-bus/[A-Za-z0-9._/-]{{1,256}}"),
    "lambda": re.compile(rf"{_OWNED}function:.+"),
    "s3": re.compile(r"::[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"),
    "sns": re.compile(rf"{_OWNED}[A-Za-z0-9_-]{{1,256}}"),
    "sqs": re.compile(rf"{_OWNED}[A-Za-z0-9_-]{{1,80}}"),
}
_SUCCESS_SERVICES = _RESOURCES.keys() - {"s3"}


def check_destinations(
    plane: ControlPlane,
    caller: Caller,
    reference: FunctionReference,
    config: Mapping[str, Mapping[str, str]],
) -> None:
    """Raise ServiceError for a DestinationConfig that `reference` cannot have."""
    on_success = destination_in(config, "OnSuccess")
    on_failure = destination_in(config, "OnFailure")
    if (on_success and _service(on_success) not in _SUCCESS_SERVICES) or (
        on_failure and _service(on_failure) not in _RESOURCES
    ):
        raise invalid_parameter_value(
            f"The provided destination config {_in_words(config)} is invalid."
        )
    for arn in filter(None, (on_success, on_failure)):
        _check_destination(plane, caller, reference, arn)


def destination_in(config: Mapping[str, Mapping[str, str]], side: str) -> str | None:
    """The ARN for `OnSuccess` or `OnFailure`; no text is no destination."""
    return (config.get(side) or {}).get("Destination") or None


def _check_destination(
    plane: ControlPlane, caller: Caller, reference: FunctionReference, arn: str
) -> None:
    service = _service(arn)
    if not _RESOURCES[service].fullmatch(arn.split(":", 3)[3]):
        raise _invalid(arn)
    if service == "lambda":
        _check_function(plane, caller, reference, arn)


def _check_function(
    plane: ControlPlane, caller: Caller, reference: FunctionReference, arn: str
) -> None:
    try:
        # Who may not invoke another account's function is not told whether it exists.
        destination = allowed(
            plane, caller, parse_function_reference(arn, caller), "InvokeFunction"
        )
        existing_qualifier(plane, destination)
    except ServiceError:
        raise _invalid(arn) from None
    if destination.arn == reference.arn:
        raise invalid_parameter_value("You can't specify the function as a destination for itself.")


def _service(arn: str) -> str:
    match = _ARN.fullmatch(arn)
    return match[1] if match else ""


def _invalid(arn: str) -> ServiceError:
    return invalid_parameter_value(f"The destination ARN {arn} is invalid.")


def _in_words(config: Mapping[str, Mapping[str, str]]) -> str:
    """As AWS's Java prints it."""
    sides = []
    for member, side in (("onSuccess", "OnSuccess"), ("onFailure", "OnFailure")):
        given = config.get(side)
        text = (
            "null" if given is None else f"{side}(destination={given.get('Destination', 'null')})"
        )
        sides.append(f"{member}={text}")
    return f"DestinationConfig({', '.join(sides)})"
