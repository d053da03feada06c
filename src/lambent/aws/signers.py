"""Whose an access key is, and with which secret its owner signs: what anybody here knows of it.

Functions sign with the keys their environments were given, people with those the operator lists,
and whoever shares the server's own AWS credentials with these.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lambent.aws.credentials import TokenInvalid

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from lambent.aws.credentials import Credentials, IssuedCredentials, Session

# What AWS's tools are commonly given where anything will do; good as long as nothing is listed.
LOCAL_KEYS = {"test": "test"}

_ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII)
# AWS's own form. Only for such a key is it worth a search for the server's credentials, which may
# wait seconds for a cloud's metadata service.
_KEY_OF_AWS = re.compile(r"A[A-Z0-9]{15,127}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who signs with an access key."""

    account_id: str
    secret: str | None = field(repr=False)  # None: nobody here knows it, and any signature is taken
    is_anybody: bool = False  # it proves nothing: no secret is known, or everybody knows it
    session: Session | None = None  # of a function; None: the whole account signs


@dataclass(frozen=True, slots=True, kw_only=True)
class Signers:
    """All that are known."""

    issued: IssuedCredentials
    listed: Mapping[str, str] = field(repr=False)  # access key -> secret; empty: anybody may sign
    account_id: str  # of keys that are not an account's number
    own: Callable[[], Awaitable[Credentials | None]]  # the server's, for its calls to AWS

    async def find(
        self, access_key_id: str, session_token: str, sandbox_keys: frozenset[str] | None
    ) -> Signer:
        """Whose key it is; the signature is still to be checked. Raises TokenInvalid, TokenExpired.

        `sandbox_keys` are those of the sandbox whose function signs, where no others count; None:
        anybody signs.
        """
        if sandbox_keys is not None and access_key_id not in sandbox_keys:
            raise TokenInvalid
        if sandbox_keys is not None or self.issued.has_issued(access_key_id):
            session = self.issued.session(access_key_id, session_token)
            return Signer(
                account_id=session.account_id,
                secret=session.credentials.secret_access_key,
                session=session,
            )
        account_id = access_key_id if _ACCOUNT.fullmatch(access_key_id) else self.account_id
        secret = (self.listed or LOCAL_KEYS).get(access_key_id)
        is_secret = bool(self.listed) and secret is not None
        if secret is None:
            secret = await self._own_secret(access_key_id, session_token)
            is_secret = secret is not None
        if secret is None and self.listed:
            raise TokenInvalid
        return Signer(account_id=account_id, secret=secret, is_anybody=not is_secret)

    async def _own_secret(self, access_key_id: str, session_token: str) -> str | None:
        """Raises TokenInvalid for the server's own key without the token that belongs to it."""
        if not _KEY_OF_AWS.fullmatch(access_key_id):
            return None
        own = await self.own()
        if own is None or own.access_key_id != access_key_id:
            return None
        if not hmac.compare_digest(session_token.encode(), own.session_token.encode()):
            raise TokenInvalid
        return own.secret_access_key
