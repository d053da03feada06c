"""The sandboxes' way out: a network namespace of ours between them and the host.

Each slot has a link to it. It forwards, filters and translates, and one user-mode network process
(pasta or slirp4netns) carries what passes to the outside with ordinary sockets. So the host itself
gets no interface, no rule and no forwarding, and an ordinary user can have all of this too.
"""

from __future__ import annotations

import itertools
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lambent.sandbox import system_calls
from lambent.sandbox.network import firewall

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

# Link-local, as inside AWS: nobody can need to reach another host at such an address through us,
# so no choice of ours ever hides a real network.
ROUTER_ADDRESS = "169.254.76.1"
_SLOT_ADDRESSES = tuple(
    f"169.254.{third}.{last}" for third in range(77, 250) for last in range(1, 255)
)
_LINK_MTU = 65520  # as the uplink's: nothing here is a real wire


@dataclass(slots=True, kw_only=True)
class Router:
    """The router's namespace. Its methods block, and run in threads that live in `home`."""

    namespace: int
    home: int
    _forwards: bool = False
    _refused: frozenset[str] = frozenset()
    _in_use: dict[str, int] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    @classmethod
    def open(cls, *, home: int) -> Router:
        """A router that leads nowhere yet. Raises OSError."""
        router = cls(namespace=system_calls.new_network_namespace(return_to=home), home=home)
        try:
            with router.inside():
                _ip([f"address add {ROUTER_ADDRESS}/32 dev lo", "link set lo up"])
                # Strictly: what comes from a slot under another's address is dropped.
                Path("/proc/sys/net/ipv4/conf/all/rp_filter").write_text("1")
                if firewall.is_available():
                    firewall.apply(firewall.rules())
        except BaseException:
            router.close()
            raise
        return router

    def inside(self) -> AbstractContextManager[None]:
        return system_calls.inside_network(self.namespace, return_to=self.home)

    def begin_to_forward(self) -> None:
        """Once there is a way out, and the filter before it. Raises OSError."""
        self._forwards = True
        with self.inside():
            self._refuse_host()
            Path("/proc/sys/net/ipv4/ip_forward").write_text("1")

    def connect(self, namespace: int) -> str:
        """Give a slot its link and routes; returns its address. Raises OSError."""
        address = self._unused_address(namespace)
        try:
            self._link(namespace, address)
        except BaseException:
            self.forget(address)
            raise
        return address

    def forget(self, address: str) -> None:
        """Free the address of a slot that is closed; its link went with its namespace."""
        self._in_use.pop(address, None)

    def close(self) -> None:
        os.close(self.namespace)

    def _link(self, namespace: int, address: str) -> None:
        interface = f"{firewall.SLOT_PREFIX}{next(self._numbers)}"
        with self.inside():
            if self._forwards:
                self._refuse_host()
            _ip(
                [
                    f"link add {interface} mtu {_LINK_MTU} type veth "
                    f"peer name eth0 mtu {_LINK_MTU} netns /proc/self/fd/{namespace}",
                    f"link set {interface} addrgenmode none",
                    f"link set {interface} up",
                    f"route add {address}/32 dev {interface} src {ROUTER_ADDRESS}",
                ],
                keep=namespace,
            )
        with system_calls.inside_network(namespace, return_to=self.home):
            _ip(
                [
                    f"address add {address}/32 dev eth0",
                    "link set eth0 addrgenmode none",
                    "link set eth0 up",
                    f"route add {ROUTER_ADDRESS}/32 dev eth0 scope link",
                    f"route add default via {ROUTER_ADDRESS} dev eth0",
                ]
            )

    def _unused_address(self, namespace: int) -> str:
        for _ in _SLOT_ADDRESSES:
            address = _SLOT_ADDRESSES[next(self._numbers) % len(_SLOT_ADDRESSES)]
            if self._in_use.setdefault(address, namespace) == namespace:
                return address
        raise OSError("all addresses for network slots are in use")

    def _refuse_host(self) -> None:
        """Follow the host's own addresses, which come and go with its networks."""
        addresses = firewall.host_addresses()
        if addresses != self._refused:
            firewall.apply(firewall.refuse(addresses))
            self._refused = addresses


def _ip(commands: Sequence[str], keep: int | None = None) -> None:
    """Run iproute2 commands in the calling thread's network namespace. Raises OSError."""
    done = subprocess.run(
        ["ip", "-batch", "-"],
        input="\n".join(commands),
        text=True,
        capture_output=True,
        check=False,
        pass_fds=() if keep is None else (keep,),
    )
    if done.returncode != 0:
        raise OSError(f"ip: {done.stderr.strip()}")
