"""An environment that lives, and everything a test does to it."""

from __future__ import annotations

import asyncio
import re

from tests.unit.execution_environment.fakes import VERSION

from lambent.domain.invocation import Invocation
from lambent.execution_environment.environment import Environment
from lambent.execution_environment.lifecycle import EnvironmentState

FIRST = "11111111-3c7a-4697-b07a-ac58fc914c95"
SECOND = "22222222-3c7a-4697-b07a-ac58fc914c95"
INIT_ERROR_BODY = b'{"errorType":"Runtime.ImportModuleError","errorMessage":"no module"}'


def invocation(request_id=FIRST, on_stream=None):
    return Invocation(
        request_id=request_id,
        invoked_arn=VERSION.arn,
        payload=b'{"name":"Ada"}',
        trace_header="Root=1-5759e988-bd862e3fe1be46a994272793",
        on_stream=on_stream,
    )


class Driver:
    """An environment that lives, and everything a test does to it."""

    def __init__(self, fakes, version, **options):
        self.isolation = fakes.isolation
        self.available: asyncio.Queue[Environment] = asyncio.Queue()
        self.environment = Environment(version, fakes.parts, self.available.put_nowait, **options)
        self.log = fakes.logs.streams[-1]
        self.living = asyncio.create_task(self.environment.run())

    @property
    def state(self):
        return self.environment.state

    async def runtime(self):
        """The runtime that was started last, or is about to be."""
        return await self.isolation.started.get()

    async def ready(self):
        """A runtime that has initialised and waits for an invocation."""
        runtime = await self.runtime()
        await runtime.poll()
        assert await self.available.get() is self.environment
        return runtime

    def invoke(self, request_id=FIRST, on_stream=None, **options):
        asked = invocation(request_id, on_stream)
        return asyncio.create_task(self.environment.invoke(asked, **options))

    async def invoked(self, runtime, request_id=FIRST, **options):
        """Invoke, and let the runtime have it."""
        invoking = self.invoke(request_id, **options)
        await runtime.receive()
        return invoking

    async def call(self, runtime, request_id=FIRST, body=b"null"):
        """A whole invocation, after which the environment is available again."""
        invoking = await self.invoked(runtime, request_id)
        await runtime.respond(request_id, body)
        await runtime.poll()
        await self.available.get()
        return await invoking

    async def extension(self, *events, name=None):
        """An extension that was started, and has registered for these events."""
        extension = await self.isolation.extensions.get()
        assert name in (None, extension.name)
        await extension.register(*events)
        return extension

    async def until_reset(self):
        """Wait for the environment to know that its runtime is gone."""
        for _ in range(100):
            if self.state is EnvironmentState.RESET:
                return
            await asyncio.sleep(0)
        raise AssertionError(self.state)

    async def close(self):
        self.environment.close()
        await self.living

    def lines(self, start=""):
        """The log's lines, with durations and times of day taken out."""
        text = re.sub(r"\d+\.\d\d ms", "_ ms", self.log.text)
        text = re.sub(r"Billed Duration: \d+ ms", "Billed Duration: _ ms", text)
        text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "TIME", text)
        return [line for line in text.splitlines() if line.startswith(start)]


def report_line(request_id=FIRST, init="", ending=""):
    return (
        f"REPORT RequestId: {request_id}\tDuration: _ ms\tBilled Duration: _ ms\t"
        f"Memory Size: 128 MB\tMax Memory Used: 0 MB\t{init}{ending}"
    )


INIT = "Init Duration: _ ms\t"
