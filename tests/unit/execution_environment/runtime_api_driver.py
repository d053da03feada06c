"""A runtime that talks to its Runtime API, and what the environment behind it hears."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

from tests.unit.execution_environment.fakes import VERSION
from tests.unit.execution_environment.http_client import NEXT, Address, Client, MemoryTransport

from lambent.domain.invocation import Invocation
from lambent.execution_environment.apis.credentials_api import CredentialsApi
from lambent.execution_environment.apis.environment_api import EnvironmentApi
from lambent.execution_environment.apis.extensions_api import ExtensionsApi

if TYPE_CHECKING:
    from lambent.execution_environment.apis.runtime_api import RuntimeApi

INVOCATION = Invocation(
    request_id="8f507cfc-3c7a-4697-b07a-ac58fc914c95",
    invoked_arn="arn:aws:lambda:us-east-1:123456789012:function:greet:live",
    payload=b'{"name":"Ada"}',
    trace_header="Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
)
ANSWER = f"/invocation/{INVOCATION.request_id}"


class RecordingEnvironment:
    def __init__(self):
        self.events = []
        self.told: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()

    def _tell(self, *event):
        self.events.append(event)
        self.told.put_nowait(event)

    def runtime_is_ready(self):
        self._tell("ready")

    def runtime_failed_to_initialize(self, error):
        self._tell("init failed", error)

    def runtime_answered(self, answer):
        self._tell("answered", answer)

    def runtime_is_ready_to_restore(self):
        self._tell("ready to restore")

    def runtime_failed_to_restore(self, error):
        self._tell("restore failed", error)


@dataclass
class Conversation:
    """A runtime, its Runtime API, and what the environment heard."""

    api: RuntimeApi
    environment: RecordingEnvironment
    address: Address
    client: Client
    lost: asyncio.Queue[object]  # connections the Runtime API knows to be gone

    @property
    def events(self):
        return self.environment.events

    async def poll(self, client=None):
        """Send `next` and wait until the environment knows."""
        (client or self.client).send_request("GET", NEXT)
        assert await self.environment.told.get() == ("ready",)

    async def begin(self, invocation=INVOCATION):
        """Be invoked."""
        await self.poll()
        self.api.send(invocation, 1000)
        return await self.client.receive()

    async def answered(self):
        name, answer = await self.environment.told.get()
        assert name == "answered"
        return answer


def listener_of(api):
    """What a runtime reaches its API through."""
    return EnvironmentApi(api, ExtensionsApi(Mock(), VERSION), CredentialsApi())


def error_of(response):
    document = json.loads(response.body)
    return response.status, document["errorType"], document["errorMessage"]


def connected(listener):
    connection, transport = listener.connect(), MemoryTransport()
    connection.connection_made(transport)
    return connection, transport
