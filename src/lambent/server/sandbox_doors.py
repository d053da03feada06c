"""The doors of all network slots: each is served once somebody knocks, which most never do."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.aws.credentials import TokenExpired, TokenInvalid
from lambent.domain.quotas import MIB, TIMEOUT_MAXIMUM_SECONDS
from lambent.protocol.body_budget import BodyBudget
from lambent.server import sandbox_door
from lambent.server.connection_bounds import ConnectionBounds, Places
from lambent.server.gateway import MAX_REQUEST_BYTES
from lambent.server.listener import Listener
from lambent.server.listening import Listening, limit_unsent
from lambent.server.sandbox_door import SandboxDoor

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Iterator, Sequence

    from lambent.aws.credentials import Credentials, IssuedCredentials
    from lambent.aws.role_policies import RolePolicies
    from lambent.server.sandbox_door import Gateway

logger = logging.getLogger(__name__)

# An SDK's pool has 10 to 50 for each client; with 1,024 descriptors no sandbox has many more.
_CONNECTIONS = 256
# Each is a thread and a connection of the companion's, too, until its sender has sent all.
_STREAMS = 32
# So much of one function's, however many environments it has, and more of all together: what one
# holds is not to be all there is.
_OF_FUNCTION = (2048, 128, 256 * MIB)
_OF_ALL = (8192, 1024, 512 * MIB)
# AWS's SDKs send some kilobytes: the longest is a session token, or what a policy takes.
_MAX_HEAD_BYTES = 64 * 1024
_MOST_UNSENT_BYTES = 32 * MIB  # of one environment: five of the largest answers
_LAST_ANSWERS_SECONDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Serving:
    gateway: Gateway
    policies: RolePolicies
    tasks: asyncio.TaskGroup


class SandboxDoors:
    """See `aws_access.Doors`. Belongs to the event loop."""

    def __init__(self, credentials: IssuedCredentials) -> None:
        self._credentials = credentials
        self._serving: _Serving | None = None
        self._quiet: dict[socket.socket, Sequence[Credentials]] = {}  # nobody has knocked yet
        self._listeners: dict[socket.socket, Listener] = {}  # of the others that are open
        self._at_work: dict[asyncio.Task[None], Listener] = {}  # also those of closed ones
        self._all = _bounds(*_OF_ALL)
        # As long as any door of the function is served.
        self._functions: weakref.WeakValueDictionary[str, ConnectionBounds] = (
            weakref.WeakValueDictionary()
        )

    @contextlib.contextmanager
    def open(self, door: socket.socket, own: Sequence[Credentials]) -> Iterator[None]:
        """Who signs with one of `own`, which may become more, is answered meanwhile.

        What was asked before the end is done all the same. Outside `serving` callers wait.
        """
        limit_unsent(door)
        self._quiet[door] = own
        if self._serving is not None:
            self._watch(door)
        try:
            yield
        finally:
            if self._quiet.pop(door, None) is not None:
                asyncio.get_running_loop().remove_reader(door)
            listener = self._listeners.pop(door, None)
            if listener is not None:
                listener.stop()

    def hang_up(self, door: socket.socket) -> int:
        """Close the connections to one as soon as they are answered; how many there are."""
        listener = self._listeners.get(door)
        return listener.hang_up() if listener is not None else 0

    @contextlib.asynccontextmanager
    async def serving(self, gateway: Gateway, policies: RolePolicies) -> AsyncIterator[None]:
        """Whoever knocks is answered meanwhile."""
        async with asyncio.TaskGroup() as tasks:
            self._serving = _Serving(gateway=gateway, policies=policies, tasks=tasks)
            for door in self._quiet:
                self._watch(door)
            try:
                yield
            finally:
                self._serving = None
                for door in self._quiet:
                    asyncio.get_running_loop().remove_reader(door)
                await self._end()

    async def _end(self) -> None:
        for listener in self._at_work.values():
            listener.stop()
        if self._at_work:
            await asyncio.wait(self._at_work, timeout=_LAST_ANSWERS_SECONDS)
        for listener in self._at_work.values():
            listener.abandon()

    def _watch(self, door: socket.socket) -> None:
        # A server for each from its start would cost every cold start what few functions need.
        asyncio.get_running_loop().add_reader(door, self._knocked, door)

    def _knocked(self, door: socket.socket) -> None:
        asyncio.get_running_loop().remove_reader(door)
        own = self._quiet.pop(door)
        serving = self._serving
        assert serving is not None
        function = self._function_of(own)
        bounds = _bounds(_CONNECTIONS, _STREAMS, 2 * MAX_REQUEST_BYTES, function)
        self._listeners[door] = listener = Listener(
            SandboxDoor(serving.gateway, self._credentials, serving.policies, own, bounds.streams),
            max_body_bytes=MAX_REQUEST_BYTES,
            # What a function has asked goes on when it ends; so does what it has invoked.
            drain_seconds=TIMEOUT_MAXIMUM_SECONDS,
            held_of=functools.partial(sandbox_door.held_of, serving.gateway),
            bounds=bounds,
        )
        task = serving.tasks.create_task(_serve(listener, door, function), name="door of a sandbox")
        self._at_work[task] = listener
        task.add_done_callback(self._at_work.pop)

    def _function_of(self, own: Sequence[Credentials]) -> ConnectionBounds:
        """What the environments of one function share."""
        name = ""
        for each in own:
            with contextlib.suppress(TokenExpired, TokenInvalid):
                session = self._credentials.session(each.access_key_id, each.session_token)
                name = f"{session.account_id} {session.region} {session.principal_arn}"
        found = self._functions.get(name)
        if found is None:
            found = self._functions[name] = _bounds(*_OF_FUNCTION, self._all)
        return found


def _bounds(
    connections: int, streams: int, body_bytes: int, within: ConnectionBounds | None = None
) -> ConnectionBounds:
    return ConnectionBounds(
        connections=Places(limit=connections, within=within.connections if within else None),
        streams=Places(limit=streams, within=within.streams if within else None),
        budget=BodyBudget(
            limit_bytes=body_bytes,
            within=within.budget if within else None,
            max_head_bytes=_MAX_HEAD_BYTES,
        ),
        most_unsent_bytes=_MOST_UNSENT_BYTES,
    )


async def _serve(listener: Listener, door: socket.socket, function: ConnectionBounds) -> None:
    """`function` is kept meanwhile."""
    try:
        # A descriptor of its own: the slot's is closed by others, at any moment after the end.
        with door.dup() as listening:
            await listener.serve(Listening(socket=listening))
    except OSError as error:
        logger.warning("a function cannot reach AWS's APIs: %s", error)
