"""The Invoke API in front of a stand-in for the engine."""

from __future__ import annotations

from typing import Any

from tests.unit.emulator.engines import FakeEngine

from lambent.emulator.engine_calls import EngineCalls
from lambent.emulator.invoke_api import InvokeApi, InvokeOptions
from lambent.protocol.http import HttpRequest

INVOKE = "/2015-03-31/functions/function/invocations"
OWN_ARN = "arn:aws:lambda:us-east-1:123456789012:function:own-name"


class Bench:
    """An API in front of a stand-in for the engine."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.is_ready = True
        self.calls = EngineCalls(
            self.engine, is_ready=lambda: self.is_ready, details=lambda: {"instances": 1}
        )
        self.api = InvokeApi(self.calls, InvokeOptions())

    def choose(self, **options: Any) -> None:
        self.api = InvokeApi(self.calls, InvokeOptions(**options))

    async def send(self, path: str = INVOKE, body: bytes = b"{}", *, method="POST", **headers: str):
        path, _, query = path.partition("?")
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = HttpRequest(
            method=method,
            path=path,
            query=query,
            headers={"host": "localhost:8080", **named},
            body=body,
        )
        return await self.api(request)

    @property
    def invocation(self):
        [only] = self.engine.invocations
        return only


def head(response):
    return {name.lower(): value for name, value in response.headers}


def code_of(response):
    return response.status, head(response)["x-amzn-errortype"]
