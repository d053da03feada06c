"""The process that carries the router's traffic with ordinary sockets: pasta, or slirp4netns.

It runs in the host's network as who we are, and is told never to lead to the host's loopback.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from lambent.sandbox import system_calls

INTERFACE = "tap0"
NAME_SERVER = "169.254.2.3"  # answered by asking the host's resolver, even one on its loopback

_ADDRESS = "169.254.2.100"  # this and the others are what slirp4netns makes of the network
_GATEWAY = "169.254.2.2"
_NETWORK = "169.254.2.0/24"
_START_SECONDS = 5.0
_LOOK_SECONDS = 0.005

# It dies with the thread that starts it, and with it its process id namespace.
_LEASH = ("bwrap", "--unshare-pid", "--die-with-parent", "--dev-bind", "/", "/", "--")


@dataclass(frozen=True, slots=True, kw_only=True)
class Uplink:
    process: subprocess.Popen[bytes]

    def close(self) -> None:
        """End it, and wait until it has let go of the router."""
        pid = self.process.pid
        descriptors = []
        if self.process.poll() is None:
            inner = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            descriptors = [os.pidfd_open(int(child)) for child in inner]
        self.process.kill()
        self.process.wait()
        for descriptor in descriptors:
            system_calls.wait_for_death(descriptor)
            os.close(descriptor)


def installed_programs() -> list[str]:
    """The programs that can do it, the faster first."""
    return [name for name in ("pasta", "slirp4netns") if shutil.which(name)]


def spawn(program: str, namespace: Path) -> Uplink:
    """Start it on the namespace mounted at the file `namespace`.

    From a thread in the host's network that lives as long as it is needed. Raises OSError.
    """
    process = subprocess.Popen(
        [*_LEASH, program, *_arguments(program, str(namespace))],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,  # what a terminal sends its job is the server's, which may take its time
    )
    return Uplink(process=process)


def wait_until_up(uplink: Uplink) -> bool:
    """Whether it gave the calling thread's network namespace a way out. Blocks."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and uplink.process.poll() is None:
        if _has_default_route():
            return True
        # Neither program tells in a way the other does; routes send no events without a program.
        time.sleep(_LOOK_SECONDS)
    return False


def _arguments(program: str, namespace: str) -> list[str]:
    if program == "slirp4netns":
        options = ["--configure", "--disable-host-loopback", f"--cidr={_NETWORK}", "--mtu=65520"]
        return [*options, "--netns-type=path", "--enable-seccomp", namespace, INTERFACE]
    no_ports = [word for option in "tuTU" for word in (f"-{option}", "none")]
    addresses = ["--address", _ADDRESS, "--netmask", "24", "--gateway", _GATEWAY]
    options = ["--foreground", "--quiet", "--config-net", "--ipv4-only", "--no-map-gw", "--no-dhcp"]
    return [
        *options,
        *no_ports,
        *addresses,
        *("--dns-forward", NAME_SERVER, "--ns-ifname", INTERFACE),
        *("--netns-only", "--runas", "0", "--netns", namespace),
    ]


def _has_default_route() -> bool:
    routes = Path(f"/proc/self/task/{threading.get_native_id()}/net/route").read_text()
    return any(line.split()[1] == "00000000" for line in routes.splitlines()[1:])
