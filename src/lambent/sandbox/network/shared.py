"""What all slots of a server have in common: the router and its way out."""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.sandbox import system_calls
from lambent.sandbox.network import firewall, uplink
from lambent.sandbox.network.router import Router

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedNetwork:
    router: Router | None
    uplink: uplink.Uplink | None
    problem: str = ""  # why there is no way out

    def close(self) -> None:
        if self.uplink is not None:
            self.uplink.close()
        if self.router is not None:
            self.router.close()


@contextlib.contextmanager
def host_thread() -> Iterator[Executor]:
    """One thread that stays in the caller's network, where the way out must be started."""
    with ThreadPoolExecutor(1, "host network") as executor:
        # Now, from here: a thread begins in the namespace of whoever makes the pool start it.
        executor.submit(os.getpid).result()
        yield executor


def open_shared_network(directory: Path, *, home: int, host: Executor) -> SharedNetwork:
    """As much as this machine gives. Blocks.

    From a thread living in the network namespace `home`. `host` runs things in the host's network.
    """
    try:
        router = Router.open(home=home)
    except OSError as error:
        return SharedNetwork(router=None, uplink=None, problem=str(error))
    try:
        way_out = _connect_outside(router, directory / "router", host)
    except OSError as error:
        return SharedNetwork(router=router, uplink=None, problem=str(error))
    return SharedNetwork(router=router, uplink=way_out)


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
