"""A connection that ends when it is closed, also where the broker reads nothing of it.

The client library waits until what it has to say is sent. A broker without memory, or one that
hangs, would keep us for as long as it likes.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aio_pika
from aio_pika.exceptions import ConnectionClosed
from aiormq.connection import TCPTransportFactory, TLSTransportFactory, TransportFactory

if TYPE_CHECKING:
    from aiormq.abc import ExceptionType
    from pamqp.common import FieldTable
    from yarl import URL


_PATIENCE_SECONDS = 3  # for the broker's farewell


class ClosableConnection(aio_pika.Connection):
    def __init__(self, url: URL, client_properties: FieldTable) -> None:
        super().__init__(url, client_properties=client_properties)
        self._sockets = self.kwargs["transport_factory"] = _Sockets()

    async def close(self, exc: ExceptionType | None = ConnectionClosed) -> None:
        # Not by way of cancelling what waits: it goes on waiting then, for the socket to be closed.
        patience = asyncio.get_running_loop().call_later(_PATIENCE_SECONDS, self._sockets.abort)
        try:
            await super().close(exc)
        finally:
            patience.cancel()


class _Sockets(TransportFactory):
    """Opens one, and keeps it at hand."""

    def __init__(self) -> None:
        self._writer: asyncio.StreamWriter | None = None

    async def create(
        self, url: URL, **options: Any
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        of_library = TLSTransportFactory() if url.scheme == "amqps" else TCPTransportFactory()
        reader, self._writer = await of_library.create(url, **options)
        return reader, self._writer

    def abort(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
