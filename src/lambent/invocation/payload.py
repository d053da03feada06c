"""Checks of what a caller sends with an invocation, with AWS's own refusals."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING

from lambent.domain.errors import ServiceError, invalid_parameter_value
from lambent.domain.quotas import CLIENT_CONTEXT_BYTES, EVENT_PAYLOAD_BYTES, REQUEST_PAYLOAD_BYTES
from lambent.protocol.json_text import NotJson, check_json, read_json

if TYPE_CHECKING:
    from collections.abc import Mapping


def checked_event(payload: bytes) -> bytes:
    """The event a function gets: the payload as it came, or `{}` for none.

    Raises RequestTooLargeException over 6 MB and InvalidRequestContentException for no JSON.
    """
    if not payload:
        return b"{}"
    if len(payload) > REQUEST_PAYLOAD_BYTES:
        raise event_too_large()
    try:
        check_json(payload)
    except NotJson as error:
        raise _not_json(str(error)) from None
    except RecursionError:
        raise _not_json("Document is nested too deeply") from None
    return payload


def checked_queued_event(payload: bytes) -> bytes:
    """The same for an event that waits in the queue, which may have 1 MB."""
    check_queued_size(payload)
    return checked_event(payload)


def check_queued_size(payload: bytes) -> None:
    """Raises RequestTooLargeException for an event that is too large to wait in the queue."""
    if len(payload) > EVENT_PAYLOAD_BYTES:
        raise ServiceError(
            "RequestTooLargeException",
            f"{len(payload)} byte payload is too large for the Event invocation type "
            f"(limit {EVENT_PAYLOAD_BYTES} bytes)",
        )


def event_too_large(limit_bytes: int = REQUEST_PAYLOAD_BYTES) -> ServiceError:
    """AWS's words for an event that is larger than an invocation's may be."""
    return ServiceError(
        "RequestTooLargeException",
        f"Request must be smaller than {limit_bytes} bytes for the InvokeFunction operation",
    )


def refuse_durable_execution(request: Mapping[str, object]) -> None:
    """Raise ServiceError when an invocation names a durable execution, which do not exist here."""
    if "DurableExecutionName" in request:
        raise invalid_parameter_value(
            "DurableExecutionName is not available in this release of Lambent: durable executions "
            "do not exist."
        )


def _not_json(complaint: str) -> ServiceError:
    return ServiceError(
        "InvalidRequestContentException",
        "Could not parse request body into json: Could not parse payload into json: " + complaint,
    )


def checked_tenant_id(tenant_id: str | None, *, is_tenant_isolated: bool) -> str | None:
    """The tenant an invocation is for; None for a function without tenant isolation.

    Raises InvalidParameterValueException unless a tenant is named exactly where there are tenants.
    https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation-troubleshooting.html
    """
    if is_tenant_isolated and not tenant_id:
        raise invalid_parameter_value(
            "The invoked function is enabled with tenancy configuration. "
            "Add a valid tenant ID in your request and try again."
        )
    if tenant_id is not None and not is_tenant_isolated:
        # AWS documents the case, and not its words.
        raise invalid_parameter_value(
            "The invoked function is not enabled with tenancy configuration. "
            "Remove the tenant ID from your request and try again."
        )
    return tenant_id


def checked_client_context(encoded: str | None) -> str | None:
    """The caller's client context as one line of JSON, or None.

    Re-encoded, so that nothing but JSON in ASCII can reach the runtime's header.
    """
    if not encoded:
        return None
    try:
        if len(encoded) > CLIENT_CONTEXT_BYTES:
            raise ValueError
        document = read_json(base64.b64decode(encoded, validate=True))
        if not isinstance(document, dict):
            raise ValueError
    except (binascii.Error, ValueError, RecursionError):
        raise ServiceError(
            "InvalidRequestContentException",
            "Client context must be a valid Base64-encoded JSON object.",
        ) from None
    return json.dumps(document, separators=(",", ":"))
