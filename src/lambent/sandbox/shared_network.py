"""What all slots of a server have in common: the router, its way out, and our own endpoint."""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.sandbox import firewall, network, system_calls, uplink
from lambent.sandbox.router import ROUTER_ADDRESS, Router

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from concurrent.futures import Executor
    from pathlib import Path

_ENDPOINT_BACKLOG = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedNetwork:
    router: Router | None
    uplink: uplink.Uplink | None
    endpoint: socket.socket | None
    problem: str = ""  # why there is no way out

    @property
    def endpoint_address(self) -> str | None:
        if self.endpoint is None:
            return None
        host, port = self.endpoint.getsockname()
        return f"{host}:{port}"

    def close(self) -> None:
        if self.uplink is not None:
            self.uplink.close()
        if self.endpoint is not None:
            self.endpoint.close()
        if self.router is not None:
            self.router.close()


@contextlib.contextmanager
def host_thread() -> Iterator[Executor]:
    """One thread that stays in the caller's network, where the way out must be started."""
    with ThreadPoolExecutor(1, "host network") as executor:
        # Now, from here: a thread begins in the namespace of whoever makes the pool start it.
        executor.submit(os.getpid).result()
        yield executor


def open_shared_network(
    directory: Path, *, home: int, endpoint_port: int | None, host: Executor
) -> SharedNetwork:
    """As much as this machine gives. Blocks.

    From a thread living in the network namespace `home`. `host` runs things in the host's network.
    """
    try:
        router = Router.open(home=home, endpoint_port=endpoint_port)
    except OSError as error:
        return SharedNetwork(router=None, uplink=None, endpoint=None, problem=str(error))
    endpoint = None
    if endpoint_port is not None:
        with router.inside():
            endpoint = network.listen((ROUTER_ADDRESS, endpoint_port), _ENDPOINT_BACKLOG)
    try:
        way_out = _connect_outside(router, directory / "router", host)
    except OSError as error:
        return SharedNetwork(router=router, uplink=None, endpoint=endpoint, problem=str(error))
    return SharedNetwork(router=router, uplink=way_out, endpoint=endpoint)


def _connect_outside(router: Router, mount_point: Path, host: Executor) -> uplink.Uplink:
    programs = uplink.installed_programs()
    if not firewall.is_available() or not programs:
        raise FileNotFoundError("nft, and pasta or slirp4netns, are needed")
    # Both programs drop the powers it takes to follow a descriptor of ours, so: a file.
    mount_point.touch()
    source = f"/proc/self/fd/{router.namespace}"
    system_calls.mount(source, mount_point, flags=system_calls.MS_BIND)
    try:
        return _first_that_works(router, mount_point, programs, host)
    finally:
        with contextlib.suppress(OSError):
            system_calls.unmount(mount_point)


def _first_that_works(
    router: Router, mount_point: Path, programs: list[str], host: Executor
) -> uplink.Uplink:
    for program in programs:
        started = host.submit(uplink.spawn, program, mount_point).result()
        with router.inside():
            is_up = uplink.wait_until_up(started)
        try:
            if is_up:
                router.begin_to_forward()
                return started
        except OSError:
            started.close()
            raise
        started.close()
    raise OSError(f"{' and '.join(programs)} did not work")
