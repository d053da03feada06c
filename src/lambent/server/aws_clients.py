"""The clients of neighbouring AWS services, as the settings want them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from lambent.aws.clients import AwsClients, Endpoints

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambent.server.config import Config


@contextlib.contextmanager
def open_aws_clients(config: Config) -> Iterator[AwsClients]:
    """Nobody is called before the first request that needs it. Blocks: see `AwsClients.load`."""
    endpoints = Endpoints(
        default=config.aws_endpoint_url,
        of_services=config.aws_endpoints,
        profile=config.aws_profile,
    )
    with AwsClients.open(endpoints) as clients:
        clients.load()
        yield clients
