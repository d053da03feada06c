"""The clients of neighbouring AWS services, as the settings want them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from lambent.aws.clients import AwsClients, Endpoints

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambent.server.companion import Companion
    from lambent.server.config import Config


def endpoints_of(config: Config, companion: Companion | None) -> Endpoints:
    """Where the settings say that services are, and where the companion is."""
    return Endpoints(
        default=config.aws_endpoint_url,
        of_services=config.aws_endpoints,
        companion=companion.url if companion else "",
        companion_secret=companion.callers_secret if companion else "",
        profile=config.aws_profile,
    )


@contextlib.contextmanager
def open_aws_clients(endpoints: Endpoints) -> Iterator[AwsClients]:
    """Nobody is called before the first request that needs it. Blocks: see `AwsClients.load`."""
    with AwsClients.open(endpoints) as clients:
        clients.load()
        yield clients
