"""CORS of a function URL: which web pages' requests it takes, and what browsers are told of that.

https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html#urls-cors
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambent.domain.wildcard import matches
from lambent.protocol.http import HttpResponse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambent.domain.function_url import Cors
    from lambent.protocol.http import HttpRequest

_ALL = "*"
# What an answer says depends on who asks: no cache may give one page what another was told.
_VARY = ("vary", "Origin")
_MAX_NAMES = 100  # of headers, in one question: as many as Cors.AllowHeaders can have


def preflight_answer(cors: Cors | None, request: HttpRequest) -> HttpResponse | None:
    """The answer to a browser that asks before it sends a page's request, to be given before
    authorization and without the function; None: this is no such question, or the URL has no CORS
    settings, and the function answers.

    https://fetch.spec.whatwg.org/#cors-preflight-fetch
    """
    method = request.headers.get("access-control-request-method")
    if cors is None or request.method != "OPTIONS" or not method:
        return None
    if "origin" not in request.headers:
        return None
    headers = [("content-type", "application/json"), _VARY]
    names = _requested_names(request)
    if _is_allowed_origin(cors, request) and _is_among(method, cors.get("AllowMethods")):
        headers += _allowed_origin(cors, request)
        headers.append(("access-control-allow-methods", method))
        if allowed := [name for name in names if _is_among(name, cors.get("AllowHeaders"))]:
            headers.append(("access-control-allow-headers", ",".join(allowed)))
        if (seconds := cors.get("MaxAge")) is not None:
            headers.append(("access-control-max-age", str(seconds)))
    return HttpResponse(status=200, headers=headers, body=b"")


def with_cors_headers(
    cors: Cors | None, request: HttpRequest, headers: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    """The headers of any answer of the URL (the function's or an error's), with those of CORS.

    Those that the function itself gave stay, also where both say the same: as on AWS, browsers
    then refuse the answer.
    """
    if cors is None:
        return list(headers)
    found = [*headers, _VARY]
    if _is_allowed_origin(cors, request):
        found += _allowed_origin(cors, request)
        if exposed := cors.get("ExposeHeaders"):
            found.append(("access-control-expose-headers", ",".join(exposed)))
    return found


def _is_allowed_origin(cors: Cors, request: HttpRequest) -> bool:
    """Origins are compared as they are: browsers write them in one form only.

    Of `https://*.example.com` AWS says nothing; here the wildcard is any text.
    """
    origin = request.headers.get("origin")
    allowed = cors.get("AllowOrigins") or ()
    return origin is not None and any(matches(each, origin) for each in allowed)


def _allowed_origin(cors: Cors, request: HttpRequest) -> list[tuple[str, str]]:
    """The origin itself also where all are allowed, since `*` is none to requests with cookies."""
    found = [("access-control-allow-origin", request.headers["origin"])]
    if cors.get("AllowCredentials"):
        found.append(("access-control-allow-credentials", "true"))
    return found


def _requested_names(request: HttpRequest) -> list[str]:
    text = request.headers.get("access-control-request-headers", "")
    return [name for part in text.split(",", _MAX_NAMES)[:_MAX_NAMES] if (name := part.strip())]


def _is_among(wanted: str, allowed: Sequence[str] | None) -> bool:
    """The case of a header's name means nothing, and methods are in upper case anyway."""
    return any(each in (_ALL, wanted) or each.lower() == wanted.lower() for each in allowed or ())
