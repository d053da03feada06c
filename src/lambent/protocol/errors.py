"""Errors as responses: the model's own, and those that every AWS service has.

The two protocols are two functions: `rest_json_errors` and `json_errors`.
https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from botocore.model import ServiceModel, StructureShape

from lambent.domain.errors import ServiceError
from lambent.protocol.http import HttpResponse
from lambent.protocol.json_values import Encode, structure_encoder, write_json
from lambent.protocol.model import body_members
from lambent.protocol.serializer import (
    JSON,
    REQUEST_ID,
    AddHeaders,
    header_safe,
    header_writer,
    json_content_type,
)

SerializeError = Callable[[ServiceError, str], HttpResponse]


class Form(NamedTuple):
    """How one error is written."""

    status: int
    message_member: str
    encode: Encode
    add_headers: AddHeaders
    has_type: bool = False  # whether the body says who is to blame


def _common(status: int, message_member: str = "message") -> Form:
    return Form(status, message_member, dict, header_writer(None))


# Which of the two spellings of "message" is as recorded for each; clients understand both.
_COMMON: Mapping[str, Form] = {
    "AccessDeniedException": _common(403, "Message"),
    "InternalFailure": _common(500),
    # Not AWS's: what this release does not have. SDKs do not try a 501 again.
    "NotImplementedException": _common(501),
    "RequestEntityTooLargeException": _common(413, "Message"),
    "SerializationException": _common(400, "Message"),
    "ServiceException": _common(500, "Message"),
    "UnknownOperationException": _common(404),
    "ValidationException": _common(400),
}
# CloudWatch Logs, like DynamoDB, answers 400 to a target it does not know.
_JSON_COMMON = {**_COMMON, "UnknownOperationException": _common(400)}
# Under the names that the query protocol has for them.
_QUERY_COMMON = {
    "AccessDeniedException": "AccessDenied",
    "UnknownOperationException": "InvalidAction",
    "ValidationException": "ValidationError",
}
# A code nobody declared is a mistake of ours, and is not to look like the caller's.
_UNDECLARED = _common(500)


def rest_json_errors(model: ServiceModel) -> SerializeError:
    """A function that writes an error with its code in a header."""
    forms = {**_COMMON, **_modelled(model)}

    def serialize(error: ServiceError, request_id: str) -> HttpResponse:
        form = forms.get(error.code, _UNDECLARED)
        headers = [
            ("Content-Type", JSON),
            (REQUEST_ID, request_id),
            ("x-amzn-ErrorType", header_safe(error.code)),
        ]
        form.add_headers(error.members, headers)
        return HttpResponse(
            status=form.status, headers=headers, body=write_json(_body(error, form))
        )

    return serialize


def json_errors(model: ServiceModel) -> SerializeError:
    """A function that writes an error with its code in the body."""
    form_of, add_query_error = forms_of(model), query_error(model)
    content_type = json_content_type(model)

    def serialize(error: ServiceError, request_id: str) -> HttpResponse:
        form = form_of(error.code)
        headers = [
            ("Content-Type", content_type),
            (REQUEST_ID, request_id),
            *add_query_error(error.code),
        ]
        body = {"__type": error.code, **_body(error, form)}
        return HttpResponse(status=form.status, headers=headers, body=write_json(body))

    return serialize


def forms_of(model: ServiceModel) -> Callable[[str], Form]:
    """A function to how a service whose operations are not paths writes an error, by its code."""
    forms = {**_JSON_COMMON, **_modelled(model)}
    return lambda code: forms.get(code, _UNDECLARED)


def query_code(model: ServiceModel) -> Callable[[str], str]:
    """A function to the name that an error has in the query protocol."""
    codes = {
        shape.name: shape.metadata.get("error", {}).get("code", shape.name)
        for shape in model.error_shapes
    }
    return lambda code: codes.get(code) or _QUERY_COMMON.get(code, code)


def query_error(model: ServiceModel) -> Callable[[str], list[tuple[str, str]]]:
    """A function to the header in which services that had the query protocol say its codes.

    https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#aws-protocols-awsquerycompatible-trait
    """
    if "awsQueryCompatible" not in model.metadata:
        return lambda code: []
    code_of, form_of = query_code(model), forms_of(model)

    def header(code: str) -> list[tuple[str, str]]:
        blamed = "Sender" if form_of(code).status < 500 else "Receiver"
        return [("x-amzn-query-error", f"{code_of(code)};{blamed}")]

    return header


def _modelled(model: ServiceModel) -> dict[str, Form]:
    shapes = model.error_shapes
    return {shape.name: _form(shape) for shape in shapes if isinstance(shape, StructureShape)}


def _form(shape: StructureShape) -> Form:
    names = body_members(shape)
    return Form(
        shape.metadata.get("error", {}).get("httpStatusCode", 400),
        next((name for name in names if name.lower() == "message"), "message"),
        structure_encoder(shape, names),
        header_writer(shape),
        has_type="Type" in names,
    )


def _body(error: ServiceError, form: Form) -> dict[str, Any]:
    given = error.members  # may say Type=None: a few of Lambda's errors come without one
    if form.has_type:
        given = {"Type": "User" if form.status < 500 else "Service", **given}
    return {**form.encode(given), form.message_member: error.message}
