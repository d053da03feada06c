"""What is for other services, passed on to where they are: the companion, or a configured endpoint.

Bodies stream through, both ways. What the caller signed arrives as it was, its Host included, so a
neighbour that checks signatures can.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lambent.aws.clients import COMPANION_ACCOUNT, COMPANION_SECRET, NoEndpoint
from lambent.aws.endpoint import AWS_ITSELF
from lambent.protocol.http import HttpRequest, HttpResponse
from lambent.protocol.http_client import Answer, NoAnswer, Outgoing, Place, exchange
from lambent.server.error_forms import error_answer

if TYPE_CHECKING:
    from lambent.aws.clients import Endpoints
    from lambent.domain.caller import Caller
    from lambent.server.companion import Companion

logger = logging.getLogger(__name__)

_START_SECONDS = 30  # that a call waits for the companion
# Of each connection, and so not passed on: https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1
_HOP_BY_HOP = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization"),
        *("proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
        *("content-length", "expect"),  # what frames a body is ours to say, and 100 was said
    }
)
# What `Connection` may not name, as it may nothing that is for the other end: these say to whom a
# request is, and for whom.
_NEVER_OF_CONNECTION = re.compile(
    r"authorization|host|via|forwarded|content-.*|cookie|x-(?:amz|amzn|forwarded|lambent|moto)-.*"
)
# By the name that requests are signed for, the service's in the settings (botocore's).
_SERVICE_NAMES = {"monitoring": "cloudwatch", "states": "stepfunctions", "email": "ses"}
# With `.s3` it is nothing else; without, as AWS's SDK for JavaScript has it, only what is signed.
_HOST_OF_BUCKET = re.compile(
    r"(?P<bucket>(?!s3[.-])[a-z0-9][a-z0-9.-]{2,62}?)(?P<s3>\.s3(?:[.-][a-z0-9-]+)?)?"
    r"\.(?P<rest>localhost(?::\d+)?)",
    re.ASCII | re.IGNORECASE,
)
# In the one form that the companion reads as we do.
_PLAIN_SCOPE = re.compile(
    r"AWS4-[A-Z0-9-]+ Credential=[^/,\s]+/\d{8}/[a-z0-9-]+/(?P<service>[a-z0-9-]+)/aws4_request,",
    re.ASCII,
)
# The companion's own: to change how it works, and what it says of the machine it plays.
_COMPANIONS_OWN = ("/moto-api", "/latest/meta-data/", "/latest/api/", "/favicon.ico")
_SLASHES = re.compile(r"/{2,}")
_VIA = f"1.1 lambent-{secrets.token_hex(8)}"
# For the URLs that the companion answers, such as queues'.
_SCHEME = "x-forwarded-proto"
_OURS_TO_SAY = ("via", COMPANION_ACCOUNT, COMPANION_SECRET)  # not the caller's


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """Passes requests on; the gateway decides which."""

    endpoints: Endpoints
    companion: Companion | None

    def serves(self, service: str) -> bool:
        """Whether there is any endpoint for what is signed for `service`."""
        try:
            self._endpoint(service)
        except NoEndpoint:
            return False
        return True

    def is_operators(self, service: str) -> bool:
        """Whether an endpoint is configured for just this service."""
        return _SERVICE_NAMES.get(service, service) in self.endpoints.of_services

    async def answer(self, request: HttpRequest, service: str, caller: Caller) -> HttpResponse:
        """What the neighbour answers, or why it gives no answer, as `service` puts errors.

        A caller that goes away takes its request along, and what of the answer is still to come.
        """
        endpoint = self._endpoint(service)
        refuse = functools.partial(error_answer, request, service, request_id=caller.request_id)
        if reason := self._obstacle(request, service, endpoint):
            return refuse(code="InvalidRequestException", message=reason, status=400)
        try:
            answer = await self._pass_on(request, service, caller, endpoint)
        except ValueError as error:
            return refuse(code="InvalidRequestException", message=str(error), status=400)
        except (NoAnswer, TimeoutError) as error:
            logger.warning("%s at %s gives no answer: %s", service, endpoint, error)
            reason = str(error) or "it does not start"
            message = f"{service} gives no answer at {endpoint}: {reason}"
            return refuse(code="ServiceException", message=message, status=503)
        return HttpResponse(
            status=answer.status, headers=_kept(answer.headers), body=b"", source=answer
        )

    def _endpoint(self, service: str) -> str:
        return self.endpoints.of(_SERVICE_NAMES.get(service, service))

    def _is_companion(self, service: str) -> bool:
        return self.endpoints.is_companion(_SERVICE_NAMES.get(service, service))

    def _obstacle(self, request: HttpRequest, service: str, endpoint: str) -> str | None:
        if endpoint == AWS_ITSELF:
            return (
                f"{service} is AWS's own here. Call AWS directly: leave --endpoint-url out for "
                f"{service}. Only Lambent's own calls go to AWS by themselves."
            )
        if _VIA in request.headers.get("via", ""):
            return f"the endpoint of {service}, {endpoint}, leads back to this server"
        if request.is_too_large:
            return "the request is larger than this endpoint takes"
        if request.headers.get("transfer-encoding", "chunked").lower() != "chunked":
            return "this transfer encoding is not available here"
        if any(map(_NEVER_OF_CONNECTION.fullmatch, _named(list(request.headers.items())))):
            return "Connection names a header that is not of a connection"
        return None

    async def _pass_on(
        self, request: HttpRequest, service: str, caller: Caller, endpoint: str
    ) -> Answer:
        """Raises NoAnswer, TimeoutError, ValueError."""
        task = asyncio.current_task()
        assert task is not None
        request.on_gone = task.cancel
        outgoing = _outgoing(request)
        if self._is_companion(service):
            outgoing = _for_companion(outgoing, service, caller)
            outgoing.headers.append((_SCHEME, "https" if request.is_tls else "http"))
            if _is_companions_own(outgoing, service):
                raise ValueError("this path is not available here")
            outgoing.headers.append((COMPANION_SECRET, self.endpoints.companion_secret))
            if self.companion is not None:
                async with asyncio.timeout(_START_SECONDS):
                    await self.companion.ready()
        answer = await exchange(_place(endpoint), outgoing)
        request.on_gone = answer.close
        return answer


def unsigned_service(request: HttpRequest) -> str | None:
    """The neighbour that a request without a signature is for; None: it is for one of our APIs.

    S3's public objects, uploads from forms and signatures of version 2, whichever form the bucket
    is named in, and the few operations of STS and Cognito that nobody can sign yet.
    """
    if bucket_of_host(request.headers.get("host", "")):
        return "s3"
    if target := request.headers.get("x-amz-target"):
        return _UNSIGNED_TARGETS.get(target.partition(".")[0])
    if request.path.endswith(_KEYS_OF_USER_POOLS):
        return "cognito-idp"
    if request.path == "/":
        is_sts = (
            b"Action=AssumeRoleWith" in request.body or "Action=AssumeRoleWith" in request.query
        )
        return "sts" if is_sts else None
    return None if _OURS.match(request.path) else "s3"


_UNSIGNED_TARGETS = {
    "AWSCognitoIdentityService": "cognito-identity",
    "AWSCognitoIdentityProviderService": "cognito-idp",
}
_KEYS_OF_USER_POOLS = ("/.well-known/jwks.json", "/.well-known/openid-configuration")
# Lambda's paths begin with the date of an API version, which no bucket's name looks like.
_OURS = re.compile(r"/(?:\d{4}-\d\d-\d\d|_lambent)(?:/|$)|/(?:health|metrics)$", re.ASCII)


def bucket_of_host(host: str, *, is_signed: bool = False) -> tuple[str, str] | None:
    """The bucket of `bucket.s3.localhost:9000` or `bucket.s3.us-east-1.localhost`, and the rest.

    In a request signed for S3 of `bucket.localhost:9000`, too.
    """
    match = _HOST_OF_BUCKET.fullmatch(host)
    if match is None or not (match["s3"] or is_signed):
        return None
    return match["bucket"].lower(), match["rest"]


def _outgoing(request: HttpRequest) -> Outgoing:
    headers = _kept(list(request.headers.items()))
    via = request.headers.get("via")
    return Outgoing(
        method=request.method,
        target=request.path + (f"?{request.query}" if request.query else ""),
        headers=[
            *((name, value) for name, value in headers if name not in _OURS_TO_SAY),
            ("via", f"{via}, {_VIA}" if via else _VIA),
        ],
        body=request.body if request.stream is None else request.stream,
    )


def _kept(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Without those that are of one connection, or named as such."""
    named = _named(headers)
    return [each for each in headers if each[0] not in _HOP_BY_HOP and each[0] not in named]


def _named(headers: list[tuple[str, str]]) -> set[str]:
    return {
        name.strip().lower()
        for header, value in headers
        if header == "connection"
        for name in value.split(",")
    }


def _for_companion(outgoing: Outgoing, service: str, caller: Caller) -> Outgoing:
    """In the forms that moto knows: an account's header, the scope as a header, a bucket's path."""
    headers = dict(outgoing.headers)
    headers.pop(_SCHEME, None)
    target = outgoing.target
    headers.setdefault("host", "localhost")
    if service == "s3" and (found := bucket_of_host(headers["host"], is_signed=True)):
        bucket, headers["host"] = found
        target = f"/{bucket}{target}"
    # What a function signs has been verified; nobody is to find anything else in it.
    if caller.principal is not None or not _is_plain(headers.get("authorization"), service):
        scope = f"none/20200101/{caller.region}/{service}/aws4_request"
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none"
        )
    headers[COMPANION_ACCOUNT] = caller.account_id
    return Outgoing(
        method=outgoing.method, target=target, headers=list(headers.items()), body=outgoing.body
    )


def _is_plain(authorization: str | None, service: str) -> bool:
    """Whether moto reads it as being for `service`; what has none, it takes for S3's."""
    authorization = authorization or ""
    # Of the old signatures, too, the companion reads those with four bars as having a scope.
    if service == "s3" and (
        not authorization or (authorization.startswith("AWS ") and authorization.count("/") < 4)
    ):
        return True
    match = _PLAIN_SCOPE.match(authorization or "")
    return match is not None and match["service"] == service


def _is_companions_own(outgoing: Outgoing, service: str) -> bool:
    """However it is written: the companion's HTTP server decodes, and takes `//a` for `/a`.

    Of `a://b/c` it takes `/c`; so what is no plain path is not let through.
    """
    path = outgoing.target.partition("?")[0]
    # Without a header that says S3, what begins with `service_region/` is for that service there.
    has_scope = any(name == "authorization" for name, _ in outgoing.headers)
    is_ambiguous = service == "s3" and not has_scope
    for spelling in (path, unquote(path), unquote(unquote(path))):
        plain = _SLASHES.sub("/", spelling.lower())
        if not plain.startswith("/") or plain.startswith(_COMPANIONS_OWN):
            return True
        if is_ambiguous and "_" in plain.split("/", 2)[1]:
            return True
    return False


_place = functools.lru_cache(maxsize=64)(Place.of)
