"""The clients of neighbouring AWS services, as the settings want them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambent.aws.clients import AwsClients, Endpoints

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from lambent.server.config import Config


def open_aws_clients(config: Config) -> AbstractContextManager[AwsClients]:
    """Nobody is called before the first request that needs it."""
    return AwsClients.open(
        Endpoints(
            default=config.aws_endpoint_url,
            of_services=config.aws_endpoints,
            profile=config.aws_profile,
        )
    )
