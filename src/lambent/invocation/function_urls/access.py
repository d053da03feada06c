"""Who may call a function at its URL: nobody without a policy that says so, or the account's word.

https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lambent.aws.credentials import TokenExpired, TokenInvalid
from lambent.aws.role_policies import policies_in_force
from lambent.domain.caller import partition_of
from lambent.domain.policy_statement import Access
from lambent.domain.resource_policy import is_allowed, is_denied, policies_for
from lambent.protocol import browsers, signature as signatures
from lambent.protocol.signature import Signature, SignatureRefused

if TYPE_CHECKING:
    from lambent.aws.credentials import Session
    from lambent.aws.role_policies import RolePolicies
    from lambent.aws.signers import Signer, Signers
    from lambent.domain.function_url import FunctionUrl
    from lambent.domain.identity_policy import Decision
    from lambent.domain.resource_policy import FunctionPolicy, PolicyOf
    from lambent.protocol.http import HttpRequest

_CALL_URL = "lambda:InvokeFunctionUrl"
# What a call of the URL comes to. Policies can deny it to whoever comes by the URL; that they must
# also allow it, AWS demands of URLs made since October 2025 only, and not in each account.
_CALL_FUNCTION = "lambda:InvokeFunction"
_LONG_TO_HASH_BYTES = 256 * 1024
_FORBIDDEN = (
    "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
)


_ANYBODY_S_PAGE = (
    "A web page cannot sign with a key that anybody could sign with. List one with its secret in the "
    "setting access_keys."
)


class UrlForbidden(Exception):
    """Raised for a request that is not let through: to be answered so.

    `code` is the header x-amzn-ErrorType, and `document` the body as JSON.
    """

    def __init__(self, status: int, code: str, document: dict[str, str]) -> None:
        super().__init__(f"{code}: {document}")
        self.status = status
        self.code = code
        self.document = document


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlCaller:
    """Who signed a request, as the event's requestContext.authorizer.iam has it."""

    access_key: str
    account_id: str
    caller_id: str
    user_arn: str
    user_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlAccess:
    """What is known of policies and of signers."""

    policy_of: PolicyOf
    role_policies: RolePolicies
    signers: Signers


async def authorize(
    access: UrlAccess,
    url: FunctionUrl,
    request: HttpRequest,
    sandbox_keys: frozenset[str] | None = None,
) -> UrlCaller | None:
    """Who calls; None for whoever it is of a URL with AuthType NONE. Raises UrlForbidden.

    `request` is as it came: its path, query and headers are what was signed. `sandbox_keys` are the
    access keys of the sandbox whose door it came through, and no others' signatures count there;
    None: it came to the public listener. Raises ServiceError when IAM cannot be asked.
    """
    policies = policies_for(access.policy_of, url.reference)
    if url.auth_type == "NONE":
        if not _is_allowed(policies, url, None):
            raise _forbidden()
        return None
    try:
        signature, signer = await _signer(access.signers, url, request, sandbox_keys)
    except SignatureRefused as error:
        raise _refused(error) from None
    await _check_permission(access, policies, url, signer)
    return _caller(url, signature, signer)


async def _signer(
    signers: Signers, url: FunctionUrl, request: HttpRequest, sandbox_keys: frozenset[str] | None
) -> tuple[Signature, Signer]:
    """Raises SignatureRefused."""
    signature = signatures.read_signature(request)
    # Signers leave such steps out, so that they sign of /id/../other what they sign of /other: in
    # the path form of URLs that would be another function's.
    if ".." in request.path.split("/"):
        raise signatures.mismatch(signature.service)
    _check_scope(signature, url)
    signatures.check_time(signature, datetime.now(UTC))
    signer = await _find(signers, signature, sandbox_keys)
    if signer.is_anybody and browsers.is_of_another_page(request.headers):
        # A page that knows the address can sign with what everybody knows, and its reader's browser
        # reaches what is here.
        raise SignatureRefused("AccessDeniedException", _ANYBODY_S_PAGE, signature.service)
    sha256 = await _sha256(request.body)
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-lambda.html
    # says of payloads that are not signed: Lambda takes none.
    if signature.payload not in (None, sha256):
        raise signatures.mismatch(signature.service)
    if signer.secret is None:
        signatures.canonical_request(signature, request, sha256)  # what is signed must be there
    else:
        signatures.check_signature(signature, request, signer.secret, sha256)
    return signature, signer


def _check_scope(signature: Signature, url: FunctionUrl) -> None:
    if signature.service != "lambda":
        raise SignatureRefused(
            "InvalidSignatureException",
            "Credential should be scoped to correct service: 'lambda'.",
        )
    if signature.region != url.region:
        raise SignatureRefused(
            "InvalidSignatureException",
            f"Credential should be scoped to a valid region, not '{signature.region}'.",
        )


async def _find(
    signers: Signers, signature: Signature, sandbox_keys: frozenset[str] | None
) -> Signer:
    try:
        return await signers.find(signature.access_key_id, signature.session_token, sandbox_keys)
    except TokenInvalid:
        raise SignatureRefused(
            "UnrecognizedClientException", "The security token included in the request is invalid."
        ) from None
    except TokenExpired:
        raise SignatureRefused(
            "ExpiredTokenException", "The security token included in the request is expired"
        ) from None


async def _sha256(body: bytes) -> str:
    if len(body) <= _LONG_TO_HASH_BYTES:
        return hashlib.sha256(body).hexdigest()
    return await asyncio.to_thread(lambda: hashlib.sha256(body).hexdigest())


async def _check_permission(
    access: UrlAccess, policies: tuple[FunctionPolicy, ...], url: FunctionUrl, signer: Signer
) -> None:
    """Within an account one side's word is enough, between two both must say yes; none may deny.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
    """
    account_id = signer.account_id
    decision: Decision = "allowed"  # the account itself may do everything
    if signer.session is not None:
        decision = await _decision_of_role(access.role_policies, url, signer.session)
    if decision == "denied" or _is_denied(policies, url, account_id):
        raise _forbidden()
    by_policy = _is_allowed(policies, url, account_id)
    by_identity = decision == "allowed"
    is_own = account_id == url.account_id
    if not (by_policy or by_identity if is_own else by_policy and by_identity):
        raise _forbidden()


async def _decision_of_role(
    role_policies: RolePolicies, url: FunctionUrl, session: Session
) -> Decision:
    held = await policies_in_force(
        role_policies, session.account_id, session.region, session.role_arn
    )
    context = _access(url, _CALL_URL, session.account_id).context()
    if held.decide(_CALL_FUNCTION, [url.arn], context) == "denied":
        return "denied"
    return held.decide(_CALL_URL, [url.arn], context)


def _is_allowed(
    policies: tuple[FunctionPolicy, ...], url: FunctionUrl, account_id: str | None
) -> bool:
    return is_allowed(policies, _access(url, _CALL_URL, account_id)) and not _is_denied(
        policies, url, account_id
    )


def _is_denied(
    policies: tuple[FunctionPolicy, ...], url: FunctionUrl, account_id: str | None
) -> bool:
    return any(
        is_denied(policies, _access(url, action, account_id))
        for action in (_CALL_URL, _CALL_FUNCTION)
    )


def _access(url: FunctionUrl, action: str, account_id: str | None) -> Access:
    return Access(
        action=action,
        resource=url.arn,
        account_id=account_id,
        function_url_auth_type=url.auth_type,
        is_via_function_url=True,
    )


def _caller(url: FunctionUrl, signature: Signature, signer: Signer) -> UrlCaller:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#principaltable"""
    key, account_id, session = signature.access_key_id, signer.account_id, signer.session
    if session is None:
        user_arn = f"arn:{partition_of(url.region)}:iam::{account_id}:root"
        user_id = account_id
    else:
        user_arn = session.principal_arn
        user_id = f"AROA{key[4:]}:{user_arn.rpartition('/')[2]}"
    return UrlCaller(
        access_key=key,
        account_id=account_id,
        caller_id=user_id,
        user_arn=user_arn,
        user_id=user_id,
    )


def _forbidden() -> UrlForbidden:
    """As AWS answers, recorded: the same to strangers and to those who may not."""
    return UrlForbidden(403, "AccessDeniedException", {"Message": _FORBIDDEN})


def _refused(error: SignatureRefused) -> UrlForbidden:
    if error.code == "MissingAuthenticationTokenException":
        return _forbidden()
    # What comes from the check of signatures has its message in lower case, on AWS too.
    status = 400 if error.code == "ValidationException" else 403
    return UrlForbidden(status, error.code, {"message": error.message})
