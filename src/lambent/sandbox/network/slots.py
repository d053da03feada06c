"""Network slots: a namespace for each sandbox, made before it is needed.

A slot holds loopback, two listening sockets of ours at fixed loopback addresses, and, where there
is a router, one link to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import socket
import struct
from contextlib import ExitStack
from typing import TYPE_CHECKING

from lambent.sandbox import system_calls
from lambent.sandbox.network.listening import address_of, listen
from lambent.sandbox.sandbox import NetworkSlot, open_tcp_socket

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from lambent.sandbox.network.router import Router

_LOOPBACK = "127.0.0.1"
_API_PORTS = (9001, 9002)  # as AWS's; the other one where that is the door's

_log = logging.getLogger(__name__)

_BACKLOG = 128
_MAKERS = 4  # slots made at the same time, when many are taken at once
# <linux/sockios.h>, <linux/if.h>
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1


class SlotPool:
    """A few slots in stock; as one is taken the next is being made."""

    def __init__(self, make: Callable[[], NetworkSlot], executor: Executor, size: int) -> None:
        self._make = make
        self._executor = executor
        self._stock: asyncio.Queue[NetworkSlot | OSError] = asyncio.Queue(maxsize=size)

    async def take(self) -> NetworkSlot:
        """A slot nobody has ever used. Raises OSError when the kernel gives none."""
        slot = await self._stock.get()
        if isinstance(slot, OSError):
            raise slot
        return slot

    async def run(self) -> None:
        """Keep the stock full; on cancellation, dispose of it."""
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(_MAKERS):
                    group.create_task(self._refill(), name=f"network slots {number}")
        finally:
            while not self._stock.empty():
                slot = self._stock.get_nowait()
                if not isinstance(slot, OSError):
                    await slot.close()

    async def _refill(self) -> None:
        while True:
            slot = await self._made()
            try:
                await self._stock.put(slot)
            except asyncio.CancelledError:
                if not isinstance(slot, OSError):
                    await slot.close()
                raise

    async def _made(self) -> NetworkSlot | OSError:
        made = asyncio.get_running_loop().run_in_executor(self._executor, self._make)
        try:
            return await asyncio.shield(made)
        except OSError as error:
            # Whoever asks next gets the error; then it is tried again.
            _log.warning("cannot make a network slot: %s", error)
            return error
        except asyncio.CancelledError:
            with contextlib.suppress(OSError):
                await (await made).close()
            raise


def make_slot(
    home: int, router: Router | None, door_port: int, namespace: int | None = None
) -> NetworkSlot:
    """Make one slot. Blocks, as its `open_socket` does: the calling thread stays in `home`.

    `door_port` is where its door listens; 0: anywhere.

    `namespace` is a descriptor, which becomes the slot's, of a namespace nobody has used yet; by
    default a new one.
    """
    with ExitStack() as undo:
        if namespace is None:
            namespace = system_calls.new_network_namespace(return_to=home)
        undo.callback(os.close, namespace)
        with system_calls.inside_network(namespace, return_to=home):
            _bring_loopback_up()
            door = undo.enter_context(listen((_LOOPBACK, door_port), _BACKLOG))
            [api_port, *_] = (port for port in _API_PORTS if port != door.getsockname()[1])
            listener = undo.enter_context(listen((_LOOPBACK, api_port), _BACKLOG))
        if router is not None:
            undo.callback(router.forget, router.connect(namespace))

        def connector(own: int = namespace) -> socket.socket:
            with system_calls.inside_network(own, return_to=home):
                return open_tcp_socket()

        # The kernel takes the link and the routes away with the namespace, in its own time.
        release = undo.pop_all()
    return NetworkSlot(
        listener=listener,
        api_address=address_of(listener),
        door=door,
        door_address=address_of(door),
        namespace=namespace,
        release=release.close,
        connector=connector,
    )


def _bring_loopback_up() -> None:
    """In the calling thread's network namespace; a new one has it down. Needs no program."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH22x", b"lo", 0)
        answer = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request)
        _, flags = struct.unpack("16sH22x", answer)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", flags | _IFF_UP))
