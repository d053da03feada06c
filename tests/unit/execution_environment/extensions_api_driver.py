"""Extensions that talk to their API, and what the environment behind it hears."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.unit.execution_environment.fakes import VERSION

from lambent.domain.invocation import Invocation
from lambent.execution_environment.apis.extensions_api import ExtensionsApi

if TYPE_CHECKING:
    from tests.unit.execution_environment.http_client import Address, Client

PREFIX = "/2020-01-01/extension"
INVOCATION = Invocation(
    request_id="8f507cfc-3c7a-4697-b07a-ac58fc914c95",
    invoked_arn="arn:aws:lambda:us-east-1:123456789012:function:greet:live",
    payload=b'{"name":"Ada"}',
    trace_header="Root=1-5759e988-bd862e3fe1be46a994272793",
)
BOTH = b'{"events":["INVOKE","SHUTDOWN"]}'


class RecordingEnvironment:
    def __init__(self):
        self.told = []
        self.api = ExtensionsApi(self, VERSION)

    def extension_registered(self):
        self.told.append("registered")

    def extension_is_ready(self):
        self.told.append("ready")

    def extension_failed(self, extension):
        self.told.append(("failed", extension.name, extension.error_type))

    def subscribe(self, name, path, body):
        self.told.append(("subscribe", name, path, body))
        return 200, b'"OK"'

    def runtime_is_ready(self):
        self.told.append("runtime ready")

    def runtime_failed_to_initialize(self, error):
        self.told.append(("runtime failed", error))

    def runtime_answered(self, answer):
        self.told.append(("runtime answered", answer))

    def runtime_is_ready_to_restore(self):
        self.told.append("runtime ready to restore")

    def runtime_failed_to_restore(self, error):
        self.told.append(("restore failed", error))


@dataclass
class Conversation:
    """What extensions say, and what the environment heard."""

    environment: RecordingEnvironment
    address: Address
    client: Client

    @property
    def api(self):
        return self.environment.api

    @property
    def told(self):
        return self.environment.told

    async def register(self, name="watcher", body=BOTH, **headers):
        named = {"Lambda-Extension-Name": name, **headers}
        return await self.client.request("POST", f"{PREFIX}/register", body, named)

    async def registered(self, name="watcher", body=BOTH):
        """The headers an extension identifies itself with from then on."""
        answer = await self.register(name, body)
        assert answer.status == 200
        return {"Lambda-Extension-Identifier": answer.headers["lambda-extension-identifier"]}

    async def external(self, name="watcher", body=BOTH):
        self.api.expect(name)
        return await self.registered(name, body)

    async def ready(self, identity):
        """A connection on which an extension waits for its next event."""
        client = await self.address.connect()
        client.send_request("GET", f"{PREFIX}/event/next", headers=identity)
        await self.until_told("ready")
        return client

    async def until_told(self, what):
        before = self.told.count(what)
        while self.told.count(what) == before:
            # Each exchange lets the server take in what came before it.
            await self.client.request("GET", "/")

    async def fail(self, phase, identity, error_type="Extension.Mine"):
        headers = {**identity, "Lambda-Extension-Function-Error-Type": error_type}
        return await self.client.request("POST", f"{PREFIX}/{phase}/error", b"{}", headers)


def error_of(response):
    document = json.loads(response.body)
    return response.status, document["errorType"], document["errorMessage"]
