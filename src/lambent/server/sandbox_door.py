"""A sandbox's door: AWS's APIs as its function's SDKs reach them, for what that function signs only.

It serves what the gateway does, at the same port of loopback, but for nobody whose signature does
not verify with the credentials of that very environment, and never what is the operator's own:
health, metrics, deployment packages. Whoever calls is hostile code.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol
from xml.sax.saxutils import escape

from lambent.aws.clients import COMPANION_ACCOUNT
from lambent.aws.credentials import IssuedCredentials, Session, TokenExpired, TokenInvalid
from lambent.domain.caller import Caller, Principal
from lambent.domain.errors import ServiceError
from lambent.domain.identifiers import new_uuid
from lambent.protocol import signature as signatures
from lambent.protocol.http import HttpResponse
from lambent.protocol.signature import Signature, SignatureRefused
from lambent.server import custom_resources, function_urls, object_links
from lambent.server.callable_services import action_of, check_service
from lambent.server.error_forms import error_answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambent.aws.credentials import Credentials
    from lambent.aws.role_policies import RolePolicies
    from lambent.invocation.function_urls.event import UrlRequest
    from lambent.protocol.http import HttpRequest
    from lambent.server.connection_bounds import Places

logger = logging.getLogger(__name__)

_LONG_TO_HASH_BYTES = 256 * 1024
_STATUSES = {"ServiceException": 500, "SlowDown": 503, "ValidationException": 400}  # else 403


class Gateway(Protocol):
    async def answer_signed(
        self, request: HttpRequest, caller: Caller, signed_for: str | None
    ) -> HttpResponse: ...

    async def answer_function_url(
        self, request: UrlRequest, sandbox_keys: frozenset[str] | None
    ) -> HttpResponse: ...

    def is_operators(self, service: str) -> bool: ...

    def held_of_function_url(self, request: UrlRequest) -> int: ...


class SandboxDoor:
    """See the module. One call answers one request."""

    def __init__(
        self,
        gateway: Gateway,
        credentials: IssuedCredentials,
        policies: RolePolicies,
        own: Sequence[Credentials],
        streams: Places,
    ) -> None:
        """`own` are those of the sandbox's function, the last of them good the longest.

        `streams` has room for the bodies that may be passed on at once.
        """
        self._own = own
        self._streams = streams
        self._gateway = gateway
        self._credentials = credentials
        self._policies = policies

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        if (for_function := function_urls.url_request(request)) is not None:
            keys = frozenset(each.access_key_id for each in self._own)
            return await self._gateway.answer_function_url(for_function, keys)
        request_id = new_uuid()
        try:
            signature, session = await self._verified(request)
        except SignatureRefused as error:
            return _refusal(request, error.service, error.code, error.message, request_id)
        caller = _caller(request, signature, session, request_id)
        try:
            await self._check_service(request, signature.service, caller)
            if signature.service == "sts" and await action_of(request) == "GetCallerIdentity":
                return _identity(session, request_id)
            _make_unmistakable(request, signature)
            return await self._pass_on(request, caller, signature.service)
        except ServiceError as error:
            return _refusal(request, signature.service, error.code, error.message, request_id)

    async def _verified(self, request: HttpRequest) -> tuple[Signature, Session]:
        """Raises SignatureRefused."""
        signatures.check_query(request.query)
        signer = object_links.signer_of(request)
        if signer is not None and not self._is_own(signer):
            last = self._own[-1]
            session = self._session("s3", last.access_key_id, last.session_token)
            return object_links.signed_again(request, session), session
        signature = signatures.read_signature(request)
        session = self._session(signature.service, signature.access_key_id, signature.session_token)
        # Whoever has the URL of a custom resource's response may use it, and it has no other use.
        if not (
            self._is_own(signature.access_key_id) or custom_resources.is_response(request.path)
        ):
            raise _unrecognized(signature.service)
        signatures.check_time(signature, datetime.now(UTC))
        sha256 = await _body_sha256(request, signature)
        secret = session.credentials.secret_access_key
        signatures.check_signature(signature, request, secret, sha256)
        if signature.body_sha256 not in (None, sha256):
            raise signatures.mismatch(signature.service)
        return signature, session

    def _is_own(self, access_key_id: str) -> bool:
        return any(each.access_key_id == access_key_id for each in self._own)

    def _session(self, service: str, access_key_id: str, session_token: str) -> Session:
        try:
            return self._credentials.session(access_key_id, session_token)
        except TokenInvalid:
            raise _unrecognized(service) from None
        except TokenExpired:
            raise SignatureRefused(
                "ExpiredTokenException",
                "The security token included in the request is expired",
                service,
            ) from None

    async def _check_service(self, request: HttpRequest, service: str, caller: Caller) -> None:
        is_operators = self._gateway.is_operators(service)
        await check_service(request, service, caller, self._policies, is_operators=is_operators)

    async def _pass_on(self, request: HttpRequest, caller: Caller, service: str) -> HttpResponse:
        """Raises ServiceError when too many bodies are on their way."""
        if request.stream is None:
            return await self._gateway.answer_signed(request, caller, service)
        if not self._streams.admit():
            raise ServiceError(
                "SlowDown", "This function sends too many long bodies at once. Try again."
            )
        try:
            return await self._gateway.answer_signed(request, caller, service)
        finally:
            self._streams.leave()


def _unrecognized(service: str) -> SignatureRefused:
    return SignatureRefused(
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
        service,
    )


def _caller(
    request: HttpRequest, signature: Signature, session: Session, request_id: str
) -> Caller:
    return Caller(
        account_id=session.account_id,
        region=signature.region,
        request_id=request_id,
        trace_header=request.headers.get("x-amzn-trace-id"),
        host=request.headers.get("host", ""),
        principal=Principal(arn=session.principal_arn, role_arn=session.role_arn),
    )


def held_of(gateway: Gateway, request: HttpRequest) -> int | None:
    """See `protocol.http.HeldOf`: S3's, which say what they sign, are passed on as they come."""
    if (for_function := function_urls.url_request(request)) is not None:
        return gateway.held_of_function_url(for_function)
    return 0 if _is_passed_on(request) else None


def _is_passed_on(request: HttpRequest) -> bool:
    if custom_resources.is_response(request.path):
        return False
    try:
        signatures.check_query(request.query)
        if object_links.signer_of(request) is not None:
            return True
        signature = signatures.read_signature(request)
    except SignatureRefused:
        return False
    return signature.service == "s3" and signature.payload is not None


async def _body_sha256(request: HttpRequest, signature: Signature) -> str | None:
    """What the body hashes to; None when the signature says nothing of it.

    Of a body that still comes, what it will have hashed to when all of it has been read.
    """
    if signature.payload is not None and signature.body_sha256 is None:
        return None
    if request.stream is not None:
        request.stream.expect(signature.body_sha256 or "")
        return signature.body_sha256
    if len(request.body) <= _LONG_TO_HASH_BYTES:
        return hashlib.sha256(request.body).hexdigest()
    return await asyncio.to_thread(lambda: hashlib.sha256(request.body).hexdigest())


def _make_unmistakable(request: HttpRequest, signature: Signature) -> None:
    """Let whoever reads the request next see the one service and signer it was verified for.

    The companion takes the service of what has no such header from the path or the body.
    """
    request.headers.pop(COMPANION_ACCOUNT, None)
    if signature.is_presigned:
        request.headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={signature.access_key_id}/{signature.scope}, "
            f"SignedHeaders={signature.signed_headers}, Signature={signature.signature}"
        )


def _refusal(
    request: HttpRequest, service: str, code: str, message: str, request_id: str
) -> HttpResponse:
    logger.debug("a function's request for %s is refused: %s", service or "?", code)
    status = _STATUSES.get(code, 403)
    return error_answer(
        request, service, code=code, message=message, request_id=request_id, status=status
    )


def _identity(session: Session, request_id: str) -> HttpResponse:
    """STS's answer to who calls: no neighbour knows.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    """
    key = session.credentials.access_key_id
    name = session.principal_arn.rpartition("/")[2]
    document = (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        f"<GetCallerIdentityResult><Arn>{escape(session.principal_arn)}</Arn>"
        f"<UserId>AROA{key[4:]}:{escape(name)}</UserId><Account>{session.account_id}</Account>"
        "</GetCallerIdentityResult><ResponseMetadata>"
        f"<RequestId>{request_id}</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    )
    return HttpResponse(status=200, headers=[("content-type", "text/xml")], body=document.encode())
