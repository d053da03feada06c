"""Requests for what this endpoint does not serve, answered in a form that their senders read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lambent.aws.clients import REMEDY
from lambent.protocol.http import HttpResponse

if TYPE_CHECKING:
    from lambent.protocol.http import HttpRequest

_FORM = "application/x-www-form-urlencoded"
_ACTION = re.compile(r"(?:^|&)Action=")
# The services that write XML by their names: what else writes it takes forms.
_S3 = frozenset({"s3", "s3express", "s3-object-lambda", "s3-outposts"})
_REST_XML = frozenset({"cloudfront", "route53"})
# Not 404: to whoever asks whether a bucket is there, that means no.
_STATUS = 400
_CODE = "UnknownOperationException"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def other_service_message(service: str) -> str:
    """`service` is the signing name a request is for."""
    return (
        "This endpoint serves Lambda, CloudWatch Logs and the CloudWatch metrics of functions; the "
        f"request is for {service}. For that, {REMEDY}."
    )


def xml_answer(request: HttpRequest, service: str, request_id: str) -> HttpResponse | None:
    """The answer to a request signed for another service, when that service's are in XML.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-responses.html
    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    """
    # Nothing is escaped: of what a request says there is the service, a name of letters and digits.
    error = f"<Code>{_CODE}</Code><Message>{other_service_message(service)}</Message>"
    if service in _S3:
        return _xml(f"<Error>{error}<RequestId>{request_id}</RequestId></Error>", request_id)
    if service == "ec2":
        return _xml(
            f"<Response><Errors><Error>{error}</Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>",
            request_id,
        )
    if service in _REST_XML or _is_query(request):
        return _xml(
            f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>",
            request_id,
        )
    return None


def _is_query(request: HttpRequest) -> bool:
    is_form = request.headers.get("content-type", "").startswith(_FORM)
    return is_form or _ACTION.search(request.query) is not None


def _xml(document: str, request_id: str) -> HttpResponse:
    return HttpResponse(
        status=_STATUS,
        headers=[("content-type", "text/xml"), ("x-amzn-requestid", request_id)],
        body=(_DECLARATION + document).encode(),
    )
