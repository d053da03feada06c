"""Which requests are for a function URL, told from where they were sent.

A request for a function never reaches an API, and one for an API never a function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambent.domain.quotas import REQUEST_PAYLOAD_BYTES
from lambent.invocation.function_urls import endpoint
from lambent.invocation.function_urls.event import UrlRequest, host_name

if TYPE_CHECKING:
    from lambent.invocation.function_urls.endpoint import FunctionUrls
    from lambent.protocol.http import HttpRequest, HttpResponse

# For clients that cannot look up names under localhost: what follows is the id, then the path.
PATH_PREFIX = "/_lambent/function-urls/"
_LABEL = "lambda-url"
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


def is_too_long(request: HttpRequest) -> bool:
    """Whether its head already says that no function can have it, so that no body need be held."""
    length = request.headers.get("content-length", "")
    return length.isdecimal() and int(length) > REQUEST_PAYLOAD_BYTES


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
    response = await endpoint.answer(functions, of, sandbox_keys)
    if of.region is None:
        response.headers.append(_SANDBOX)
    return response
