"""The shutdown phase: the runtime is asked to end, then the extensions are told, then all is over.

As AWS's supervisor does it at the end of an environment's life and at each reset; how long each
takes at most: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from lambent.domain.quotas import (
    INTERNAL_EXTENSION_SHUTDOWN_SECONDS,
    RUNTIME_SHUTDOWN_SECONDS,
    SHUTDOWN_SECONDS,
)
from lambent.telemetry.clock import now_ms

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lambent.execution_environment.apis.extensions_api import ExtensionsApi, ShutdownReason
    from lambent.execution_environment.processes import Processes
    from lambent.execution_environment.running_process import RunningProcess
    from lambent.execution_environment.telemetry_api.subscriptions import TelemetrySubscriptions

# What is still to be sent is sent before the SHUTDOWN event, by whoever can take it.
_FLUSH_SECONDS = 0.2


async def shut_down(
    processes: Processes,
    extensions: ExtensionsApi,
    subscriptions: TelemetrySubscriptions,
    reason: ShutdownReason,
) -> None:
    """Give everybody the time AWS gives them; who is still there afterwards is to be killed."""
    if extensions.is_empty:
        return
    loop = asyncio.get_running_loop()
    has_externals = bool(extensions.externals)
    seconds = SHUTDOWN_SECONDS if has_externals else INTERNAL_EXTENSION_SHUTDOWN_SECONDS
    end, end_ms = loop.time() + seconds, now_ms() + int(seconds * 1000)
    if processes.runtime is not None:
        processes.runtime.terminate()
        await _wait([processes.runtime], RUNTIME_SHUTDOWN_SECONDS if has_externals else seconds)
        processes.runtime.kill()
    await subscriptions.flush(_FLUSH_SECONDS)
    extensions.send_shutdown(reason, end_ms)
    for extension in extensions.externals:
        if "SHUTDOWN" not in extension.events and extension.name in processes.externals:
            processes.externals[extension.name].kill()
    await _wait(processes.externals.values(), end - loop.time())


async def _wait(running: Iterable[RunningProcess], seconds: float) -> None:
    """Until all have ended, but no longer."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            for each in running:
                await each.has_ended.wait()
