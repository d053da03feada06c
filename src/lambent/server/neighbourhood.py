"""Other AWS services: where they are, and what they are called with, by us and by functions."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.aws.credentials import IssuedCredentials
from lambent.aws.role_policies import RolePolicies
from lambent.aws.signers import Signers
from lambent.server.aws_clients import endpoints_of, open_aws_clients
from lambent.server.companion import open_companion
from lambent.server.sandbox_access import aws_access
from lambent.server.sandbox_doors import SandboxDoors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lambent.aws.clients import AwsClients, Endpoints
    from lambent.execution_environment.aws_access import AwsAccess
    from lambent.server.companion import Companion
    from lambent.server.config import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbourhood:
    companion: Companion | None  # None: the settings want none
    endpoints: Endpoints
    aws: AwsClients
    credentials: IssuedCredentials  # of functions
    doors: SandboxDoors
    access: AwsAccess  # what environments are given
    role_policies: RolePolicies
    signers: Signers  # of requests to function URLs


@contextlib.asynccontextmanager
async def open_neighbourhood(config: Config, url: str) -> AsyncIterator[Neighbourhood]:
    """`url` is this server's own. Raises CompanionUnavailable."""
    async with open_companion(config, url) as companion:
        endpoints = endpoints_of(config, companion)
        with open_aws_clients(endpoints) as aws:
            credentials = IssuedCredentials()
            doors = SandboxDoors(credentials)
            yield Neighbourhood(
                companion=companion,
                endpoints=endpoints,
                aws=aws,
                credentials=credentials,
                doors=doors,
                access=aws_access(
                    credentials, aws, doors, default_endpoint=config.aws_endpoint_url
                ),
                role_policies=RolePolicies(aws),
                signers=Signers(
                    issued=credentials,
                    listed=config.access_keys,
                    account_id=config.account_id,
                    own=aws.own_credentials,
                ),
            )
