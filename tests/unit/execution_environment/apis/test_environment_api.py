from __future__ import annotations

from unittest.mock import Mock

import pytest
from tests.unit.execution_environment.fakes import STREAM_LIMITS, VERSION
from tests.unit.execution_environment.http_client import MemoryTransport, listening

from lambent.execution_environment.apis.credentials_api import CredentialsApi
from lambent.execution_environment.apis.environment_api import EnvironmentApi
from lambent.execution_environment.apis.extensions_api import ExtensionsApi
from lambent.execution_environment.apis.runtime_api import RuntimeApi

MANY_OPEN = 300


@pytest.fixture
async def api():
    return EnvironmentApi(
        RuntimeApi(Mock(), STREAM_LIMITS), ExtensionsApi(Mock(), VERSION), CredentialsApi()
    )


@pytest.mark.parametrize("path", ["/", "/2018-06-01/other", "/2020-01-01/extension/other"])
async def test_what_no_api_knows_is_not_found(api, path):
    async with listening(api.connect) as address:
        client = await address.connect()
        response = await client.request("GET", path)
        assert (response.status, response.headers["content-type"]) == (404, "text/plain")
        api.close()


async def test_after_close_nothing_is_heard_any_more(api):
    async with listening(api.connect) as address:
        client = await address.connect()
        await client.request("GET", "/")
        api.close()
        assert await client.is_hung_up()
        late = await address.connect()
        assert await late.is_hung_up()


def connected(api):
    connection, transport = api.connect(), MemoryTransport()
    connection.connection_made(transport)
    return connection, transport


async def test_a_sandbox_cannot_hold_any_number_of_connections(api):
    opened = [connected(api) for _ in range(MANY_OPEN)]
    refused = [transport for _, transport in opened if transport.is_closed]
    assert 0 < len(refused) < MANY_OPEN
    opened[0][0].connection_lost(None)
    assert not connected(api)[1].is_closed
