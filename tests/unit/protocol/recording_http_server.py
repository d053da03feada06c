"""A server that keeps what it was asked."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.unit.execution_environment.http_client import listening

from lambent.protocol.body_budget import BodyBudget
from lambent.protocol.http_connection import Connection

if TYPE_CHECKING:
    from lambent.protocol.http import HttpRequest

MIB = 1024 * 1024


class Server:
    """Answers 200 with what it was asked, or keeps requests for the test to answer."""

    def __init__(self, *, budget=MIB, answers=True):
        self.budget = BodyBudget(limit_bytes=budget)
        self.answers = answers
        self.requests = []
        self.connections = []  # of the requests
        self.received: asyncio.Queue[HttpRequest] = asyncio.Queue()
        self.lost: asyncio.Queue[Connection] = asyncio.Queue()

    def make(self):
        return Connection(self.receive, self.lost.put_nowait, self.budget)

    def receive(self, request, connection):
        self.requests.append(request)
        self.connections.append(connection)
        self.received.put_nowait(request)
        if self.answers:
            connection.respond(200, f"{request.method} {request.path}".encode())


@asynccontextmanager
async def serving(**options):
    server = Server(**options)
    async with listening(server.make) as address:
        yield server, address
