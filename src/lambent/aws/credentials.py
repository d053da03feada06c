"""Credentials given to functions: known here as long as the environment that has them lives.

A function's SDK signs with them, and whoever verifies that finds here whose they are.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lambent.domain.function import FunctionVersion

_ENDED = 10_000  # access keys told apart, once ended, from those that never were
_ROLE = re.compile(r"arn:[a-z-]+:iam::([0-9]{12}):role/(?:.*/)?([^/]+)", re.ASCII | re.DOTALL)
_KEY_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"  # AWS's own are in base 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a function signs its own AWS requests with."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expiration: datetime | None = None  # None: good as long as the environment lives


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """In whose name a function calls: its execution role's, for as long as its environment lives."""

    account_id: str
    region: str  # the function's own
    role_arn: str
    principal_arn: str  # arn:aws:sts::123456789012:assumed-role/role/function
    credentials: Credentials


class TokenInvalid(Exception):
    """Raised for an access key, or a session token, nobody was given."""


class TokenExpired(Exception):
    """Raised for credentials whose environment has ended."""


class IssuedCredentials:
    """The sessions of all environments. Belongs to the event loop."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()

    def issue(self, version: FunctionVersion) -> Credentials:
        """New credentials for an environment of `version`; `revoke` them when it ends."""
        made = new_credentials()
        self.admit(version, made)
        return made

    def admit(self, version: FunctionVersion, credentials: Credentials) -> None:
        """Know credentials of an environment of `version` that somebody else has made."""
        self.open(session_of(version, credentials))

    def open(self, session: Session) -> None:
        """Know the credentials of any session, until `revoke`."""
        self._sessions[session.credentials.access_key_id] = session

    def revoke(self, credentials: Credentials) -> None:
        """From now on they are expired."""
        key = credentials.access_key_id
        if self._sessions.pop(key, None) is not None:
            self._ended[key] = None
            if len(self._ended) > _ENDED:
                self._ended.popitem(last=False)

    def has_issued(self, access_key_id: str) -> bool:
        """Whether it is the key of a session, or was lately."""
        return access_key_id in self._sessions or access_key_id in self._ended

    def session(self, access_key_id: str, session_token: str) -> Session:
        """Whose they are. Raises TokenInvalid, TokenExpired; the signature is still to be checked."""
        session = self._sessions.get(access_key_id)
        if session is None:
            raise TokenExpired if access_key_id in self._ended else TokenInvalid
        given, known = session_token.encode(), session.credentials.session_token.encode()
        if not hmac.compare_digest(given, known):
            raise TokenInvalid
        expiration = session.credentials.expiration
        if expiration is not None and expiration < datetime.now(UTC):
            raise TokenExpired
        return session


def new_credentials(expiration: datetime | None = None) -> Credentials:
    """Such as nobody has yet."""
    return Credentials(
        access_key_id="ASIA" + "".join(secrets.choice(_KEY_LETTERS) for _ in range(16)),
        secret_access_key=secrets.token_urlsafe(30),
        session_token=secrets.token_urlsafe(192),
        expiration=expiration,
    )


def session_of(version: FunctionVersion, credentials: Credentials) -> Session:
    """The session in which a function of this version acts.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-role-session
    """
    match = _ROLE.fullmatch(version.role)
    name = match[2] if match else "unknown"
    account = match[1] if match else version.account_id
    partition = version.arn.split(":", 2)[1]
    return Session(
        account_id=version.account_id,
        region=version.region,
        role_arn=version.role,
        principal_arn=f"arn:{partition}:sts::{account}:assumed-role/{name}/{version.name}",
        credentials=credentials,
    )
