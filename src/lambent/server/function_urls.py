"""Which requests are for a function URL, told from where they were sent.

A request for a function never reaches an API, and one for an API never a function.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lambent.invocation.function_urls import endpoint
from lambent.invocation.function_urls.event import UrlRequest, host_name
from lambent.protocol import browsers
from lambent.server.json_response import json_response

if TYPE_CHECKING:
    from lambent.invocation.function_urls.endpoint import FunctionUrls
    from lambent.protocol.http import HttpRequest, HttpResponse

# For clients that cannot look up names under localhost: what follows is the id, then the path.
PATH_PREFIX = "/_lambent/function-urls/"
_LABEL = "lambda-url"
# AWS's own gateways take less. Much more would be decoded while nothing else runs.
_MAX_HEAD_BYTES = 64 * 1024
_HEAD_TOO_LONG = "The request line and headers have more than 64 KiB together."
# Headers that speak for a host as a whole, whatever the path.
_OF_A_HOST = frozenset(
    {
        *("clear-site-data", "nel", "report-to", "reporting-endpoints", "set-cookie"),
        "strict-transport-security",
    }
)
_DOMAIN = re.compile(r";\s*domain\s*=[^;]*", re.IGNORECASE)
# Pages at this path would be pages of the API's own origin, and their scripts could call it. In a
# sandbox they have an origin that is nobody's:
# https://html.spec.whatwg.org/multipage/browsers.html#sandboxed-origin-browsing-context-flag
_SANDBOX = ("content-security-policy", "sandbox allow-forms allow-scripts")


def url_request(request: HttpRequest) -> UrlRequest | None:
    """What `request` asks of a function URL; None: it is not for one."""
    host = request.headers.get("host", "").lower()
    if _LABEL in host:
        labels = host_name(host).rstrip(".").split(".")
        if _LABEL in labels:
            return _by_host(request, labels)
    if request.path.startswith(PATH_PREFIX):
        return _by_path(request)
    return None


def _by_host(request: HttpRequest, labels: list[str]) -> UrlRequest:
    """`{url-id}.lambda-url.{region}` and any domain; nothing that is like it is anybody's."""
    is_address = len(labels) > 2 and labels[1] == _LABEL
    return UrlRequest(
        request=request,
        url_id=labels[0] if is_address else "",
        region=labels[2] if is_address else None,
        path=request.path,
    )


def _by_path(request: HttpRequest) -> UrlRequest:
    url_id, _, path = request.path.removeprefix(PATH_PREFIX).partition("/")
    return UrlRequest(request=request, url_id=url_id, region=None, path=f"/{path}")


async def answer(
    functions: FunctionUrls, of: UrlRequest, sandbox_keys: frozenset[str] | None = None
) -> HttpResponse:
    """See `endpoint.answer`."""
    headers = of.request.headers
    if _head_bytes(of.request) > _MAX_HEAD_BYTES:
        return json_response(431, {"Message": _HEAD_TOO_LONG})
    is_in_browser = of.region is None and browsers.is_browser(headers)
    if is_in_browser and not browsers.is_safe_host(headers.get("host", "")):
        return json_response(403, {"Message": browsers.REFUSAL})
    if is_in_browser:
        headers.pop("cookie", None)  # those of localhost are the operator's
    response = await endpoint.answer(functions, of, sandbox_keys)
    if of.region is None:
        response.headers = _of_no_host(response.headers, is_in_browser=is_in_browser)
    elif host_name(headers.get("host", "")).lower().rstrip(".").endswith(".localhost"):
        response.headers = [_without_domain(*each) for each in response.headers]
    return response


def _head_bytes(request: HttpRequest) -> int:
    fields = sum(len(name) + len(value) for name, value in request.headers.items())
    return len(request.path) + len(request.query) + fields


def _of_no_host(headers: list[tuple[str, str]], *, is_in_browser: bool) -> list[tuple[str, str]]:
    """What a function behind the API's own host may say there: nothing for all of that host."""
    kept = [each for each in headers if not (is_in_browser and each[0].lower() in _OF_A_HOST)]
    return [*kept, _SANDBOX]


def _without_domain(name: str, value: str) -> tuple[str, str]:
    """A cookie that is its own function's only: browsers take `us-east-1.localhost` for one site."""
    return (name, _DOMAIN.sub("", value)) if name.lower() == "set-cookie" else (name, value)
