"""`lambent gateway`: Invoke calls for many functions, passed on to a message broker and answered.

It has no state: as many as one likes can run side by side, and any of them can be ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from typing import TYPE_CHECKING

from lambent.domain.quotas import MIB, REQUEST_PAYLOAD_BYTES
from lambent.emulator.addresses import open_addresses
from lambent.emulator.amqp.remote_functions import RemoteFunctions
from lambent.emulator.invoke_api import InvokeApi, InvokeOptions
from lambent.emulator.remote_calls import RemoteCalls
from lambent.server.background import running
from lambent.server.connection_bounds import MOST_PUBLIC_CONNECTIONS, public_bounds
from lambent.server.listener import Listener
from lambent.server.listening import url_of
from lambent.server.open_files import OWN_DESCRIPTORS, allow_descriptors
from lambent.server.stop import Stop

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambent.emulator.gateway_settings import GatewaySettings
    from lambent.protocol.http import HttpRequest, HttpResponse

logger = logging.getLogger(__name__)

_CLIENT_NAME = "lambent gateway"
# Without Lambda's limit there is the broker's, which says so in no other way than by closing the
# channel: RabbitMQ takes 16 MiB since its version 4, before 128.
_UNLIMITED_BYTES = 128 * MIB


async def serve_gateway(settings: GatewaySettings, on_listening: Callable[[str], None]) -> None:
    """Run until SIGTERM or SIGINT; `on_listening` gets the Invoke API's URL once it answers.

    The first signal lets calls that wait for answers have them; a second one ends them. Raises
    AddressInUse, and an exception group with BrokerUnreachable when there is no broker any more.
    """
    allow_descriptors(OWN_DESCRIPTORS + MOST_PUBLIC_CONNECTIONS)
    functions = RemoteFunctions(settings.amqp, _CLIENT_NAME)
    options = InvokeOptions(
        max_event_bytes=REQUEST_PAYLOAD_BYTES if settings.limits_sizes else _UNLIMITED_BYTES,
        serves_openfaas=settings.openfaas,
        time_out_answer=settings.time_out_answer,
    )
    async with contextlib.AsyncExitStack() as stack:
        listening = stack.enter_context(open_addresses(settings.host, settings.port))
        stop = stack.enter_context(Stop(settings.drain_seconds))
        await stack.enter_async_context(running("broker", functions.run()))
        calls = RemoteCalls(functions, settings)
        listener = Listener(
            functools.partial(_answer, InvokeApi(calls, options)),
            max_body_bytes=options.max_event_bytes,
            drain_seconds=settings.drain_seconds,
            bounds=public_bounds(options.max_event_bytes, kept_descriptors=OWN_DESCRIPTORS),
            # Its request would be held for as long as the function takes, which may be an hour.
            may_half_close=False,
        )
        on_listening(url_of(listening[0].socket))
        await stop.serve(listener, calls, calls, listening)
        logger.info("no longer listening; leaving the broker")


async def _answer(api: InvokeApi, request: HttpRequest) -> HttpResponse:
    """Nobody waits any longer for the answer of a function whose caller has gone."""
    task = asyncio.current_task()
    assert task is not None
    request.on_gone = task.cancel
    return await api(request)
