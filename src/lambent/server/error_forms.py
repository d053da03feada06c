"""An error in the form that the clients of a service read, whichever service that is.

For answers that come before the service itself is asked.
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html#operation-error-serialization
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape

from lambent.protocol.http import HttpResponse

if TYPE_CHECKING:
    from lambent.protocol.http import HttpRequest

_S3 = frozenset({"s3", "s3express", "s3-object-lambda", "s3-outposts"})
_REST_XML = frozenset({"cloudfront", "route53"})
_FORM = "application/x-www-form-urlencoded"
_ACTION = re.compile(r"(?:^|&)Action=")
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
# By the code of services that speak JSON: what those of XML call it.
_QUERY_CODES = {
    "AccessDeniedException": "AccessDenied",
    "ExpiredTokenException": "ExpiredToken",
    "IncompleteSignatureException": "IncompleteSignature",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "MissingAuthenticationTokenException": "MissingAuthenticationToken",
    "ServiceException": "ServiceUnavailable",
    "UnrecognizedClientException": "InvalidClientTokenId",
}
_S3_CODES = {
    **_QUERY_CODES,
    "IncompleteSignatureException": "AuthorizationHeaderMalformed",
    "MissingAuthenticationTokenException": "AccessDenied",
    "UnrecognizedClientException": "InvalidAccessKeyId",
}


class _Error(NamedTuple):
    code: str
    message: str
    request_id: str


def error_answer(
    request: HttpRequest, service: str, *, code: str, message: str, request_id: str, status: int
) -> HttpResponse:
    """`code` is as services with JSON have it; `service` is the signing name."""
    if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
        return _cbor(status, _Error(code, message, request_id))
    if service in _S3:
        error = _Error(_S3_CODES.get(code, code), message, request_id)
        return _xml(status, f"<Error>{_members(error)}{_id(error)}</Error>", request_id)
    if not (service in _REST_XML or service == "ec2" or _is_query(request)):
        return _json(status, _Error(code, message, request_id))
    error = _Error(_QUERY_CODES.get(code, code), message, request_id)
    if service == "ec2":
        document = (
            f"<Response><Errors><Error>{_members(error)}</Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>"
        )
    else:
        document = (
            f"<ErrorResponse><Error><Type>Sender</Type>{_members(error)}</Error>{_id(error)}"
            "</ErrorResponse>"
        )
    return _xml(status, document, request_id)


def _is_query(request: HttpRequest) -> bool:
    is_form = request.headers.get("content-type", "").startswith(_FORM)
    return is_form or _ACTION.search(request.query) is not None


def _members(error: _Error) -> str:
    return f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"


def _id(error: _Error) -> str:
    return f"<RequestId>{error.request_id}</RequestId>"


def _xml(status: int, document: str, request_id: str) -> HttpResponse:
    return HttpResponse(
        status=status,
        headers=[("content-type", "text/xml"), ("x-amzn-requestid", request_id)],
        body=(_DECLARATION + document).encode(),
    )


def _json(status: int, error: _Error) -> HttpResponse:
    """With the code where either kind of client looks for it: the header, or the body."""
    return HttpResponse(
        status=status,
        headers=[
            ("content-type", "application/json"),
            ("x-amzn-requestid", error.request_id),
            ("x-amzn-errortype", error.code),
        ],
        body=json.dumps({"__type": error.code, "message": error.message}).encode(),
    )


def _cbor(status: int, error: _Error) -> HttpResponse:
    pairs = (("__type", error.code), ("message", error.message))
    body = b"\xa2" + b"".join(_cbor_text(name) + _cbor_text(text) for name, text in pairs)
    return HttpResponse(
        status=status,
        headers=[
            ("content-type", "application/cbor"),
            ("smithy-protocol", "rpc-v2-cbor"),
            ("x-amzn-requestid", error.request_id),
        ],
        body=body,
    )


def _cbor_text(text: str) -> bytes:
    """A text string whose length is in two bytes: RFC 8949, 3.1."""
    encoded = text.encode()
    return b"\x79" + len(encoded).to_bytes(2, "big") + encoded
