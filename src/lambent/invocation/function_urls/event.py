"""The event that a request to a function URL becomes: payload format 2.0.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-request-payload

What AWS only documents, and leaves out of the events it sends (`pathParameters`, `stageVariables`),
is left out here too; recorded events have no null.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, unquote_plus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lambent.invocation.function_urls.access import UrlCaller
    from lambent.protocol.http import HttpRequest

# They are about one connection: https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1
_OF_CONNECTION = frozenset(
    {
        "connection",
        "expect",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# Bodies of any other type are base64: forms and multipart ones, too.
_TEXT_TYPES = frozenset({"application/javascript", "application/json", "application/xml"})
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlRequest:
    """A request to a function URL, and what its address says."""

    request: HttpRequest
    url_id: str
    region: str | None  # None: the address names none
    path: str  # the function's part of it: percent-encoded, without the query


@dataclass(frozen=True, slots=True, kw_only=True)
class EventContext:
    """What else is in an event."""

    request_id: str
    trace_header: str  # of the invocation
    now: datetime  # in UTC
    caller: UrlCaller | None  # None: nobody signed, and nobody had to


def build_event(of: UrlRequest, context: EventContext) -> bytes:
    """The event as JSON."""
    request = of.request
    headers = _headers(request, context.trace_header)
    event: dict[str, object] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": of.path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": _request_context(of, context),
        **_body(request),
    }
    if "cookie" in headers:
        event["cookies"] = [each.strip() for each in headers["cookie"].split(";") if each.strip()]
    if request.query:
        event["queryStringParameters"] = _parameters(request.query)
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def host_name(host: str) -> str:
    """A Host header's name, without its port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _headers(request: HttpRequest, trace_header: str) -> dict[str, str]:
    """With what a load balancer in front of a function adds."""
    given = request.headers
    headers = {name: value for name, value in given.items() if name not in _OF_CONNECTION}
    forwarded = given.get("x-forwarded-for")
    headers["x-forwarded-for"] = f"{forwarded}, {request.peer}" if forwarded else request.peer
    headers["x-forwarded-proto"] = "https" if request.is_tls else "http"
    headers["x-forwarded-port"] = _port(given.get("host", ""), is_tls=request.is_tls)
    headers.setdefault("x-amzn-trace-id", trace_header.partition(";")[0])
    return headers


def _port(host: str, *, is_tls: bool) -> str:
    port = host[len(host_name(host)) + 1 :]
    return port or ("443" if is_tls else "80")


def _request_context(of: UrlRequest, context: EventContext) -> dict[str, object]:
    request, caller = of.request, context.caller
    authorizer = {} if caller is None else {"authentication": None, "authorizer": _iam(caller)}
    return {
        "accountId": caller.account_id if caller is not None else "anonymous",
        "apiId": of.url_id,
        **authorizer,
        "domainName": host_name(request.headers.get("host", "")),
        "domainPrefix": of.url_id,
        "http": {
            "method": request.method,
            # Decoded, unlike rawPath: so AWS has recorded it.
            "path": unquote(of.path),
            "protocol": request.version,
            "sourceIp": request.peer,
            "userAgent": request.headers.get("user-agent", ""),
        },
        "requestId": context.request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": _common_log_time(context.now),
        "timeEpoch": int(context.now.timestamp() * 1000),
    }


def _iam(caller: UrlCaller) -> Mapping[str, object]:
    return {
        "iam": {
            "accessKey": caller.access_key,
            "accountId": caller.account_id,
            "callerId": caller.caller_id,
            "cognitoIdentity": None,
            "principalOrgId": None,
            "userArn": caller.user_arn,
            "userId": caller.user_id,
        }
    }


def _common_log_time(moment: datetime) -> str:
    """`12/Mar/2020:19:03:58 +0000`, in English whatever the locale is."""
    return f"{moment:%d}/{_MONTHS[moment.month - 1]}/{moment:%Y:%H:%M:%S} +0000"


def _parameters(query: str) -> dict[str, str]:
    """Decoded; the values of one name are joined with commas."""
    values: dict[str, list[str]] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if pair:
            values.setdefault(unquote_plus(name), []).append(unquote_plus(value))
    return {name: ",".join(each) for name, each in values.items()}


def _body(request: HttpRequest) -> dict[str, object]:
    if not request.body:
        return {"isBase64Encoded": False}
    if _is_text(request.headers.get("content-type", "")):
        try:
            return {"body": request.body.decode(), "isBase64Encoded": False}
        except UnicodeDecodeError:  # whatever it says it is, JSON cannot hold it
            pass
    return {"body": base64.b64encode(request.body).decode(), "isBase64Encoded": True}


def _is_text(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind.startswith("text/") or kind in _TEXT_TYPES or kind.endswith(("+json", "+xml"))
