"""Credentials of execution roles from STS itself, for functions whose neighbours are AWS's own."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lambent.aws.clients import AwsClients, CallRefused, NoEndpoint, Scope, Unreachable
from lambent.aws.credentials import Credentials, IssuedCredentials

if TYPE_CHECKING:
    from lambent.domain.function import FunctionVersion

logger = logging.getLogger(__name__)

_LONGEST_NAME = 64  # of a session


class RoleSessions:
    """Sessions that AWS knows, and we too: the door takes what is signed with them."""

    def __init__(self, clients: AwsClients, issued: IssuedCredentials) -> None:
        self._clients = clients
        self._issued = issued

    async def issue(self, version: FunctionVersion) -> Credentials:
        """Those of an hour; where STS gives none, such as only this server knows."""
        try:
            made = await self._assume(version)
        except (CallRefused, NoEndpoint, Unreachable) as error:
            logger.warning(
                "%s cannot call AWS: its role %s is not to be had: %s. The role must trust whoever "
                "this server calls AWS as.",
                version.qualified_arn,
                version.role,
                error,
            )
            return self._issued.issue(version)
        self._issued.admit(version, made)
        return made

    async def _assume(self, version: FunctionVersion) -> Credentials:
        answer = await self._clients.run(
            "sts",
            Scope(account_id=version.account_id, region=version.region),
            lambda sts: sts.assume_role(
                RoleArn=version.role, RoleSessionName=version.name[:_LONGEST_NAME]
            ),
        )
        try:
            given = answer["Credentials"]
            expiration: datetime = given["Expiration"]
            return Credentials(
                access_key_id=given["AccessKeyId"],
                secret_access_key=given["SecretAccessKey"],
                session_token=given["SessionToken"],
                expiration=expiration.astimezone(UTC),
            )
        except (KeyError, TypeError, AttributeError):
            raise Unreachable("what answers as STS gives no credentials") from None
