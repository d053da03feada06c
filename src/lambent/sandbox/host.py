"""What this host can enforce, found out by trying, with the remedy for what it cannot."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lambent.sandbox import (
    bubblewrap,
    late_mounts,
    privileges,
    seccomp,
    servers,
    system_calls,
    volumes,
)
from lambent.sandbox.control_groups.groups import ControlGroups, open_control_groups
from lambent.sandbox.network import firewall, slots, uplink
from lambent.sandbox.network.shared import host_thread, open_shared_network

State = Literal["enforced", "limited", "missing"]

_PACKAGES = {
    "apt-get": "sudo apt-get install -y {}",
    "dnf": "sudo dnf install -y {}",
    "apk": "sudo apk add {}",
    "pacman": "sudo pacman -S --noconfirm {}",
    "zypper": "sudo zypper install -y {}",
}
_DELEGATE = "systemd-run --user --scope -p Delegate=yes lambent serve"
_TRIAL = [
    "--unshare-pid",
    "--unshare-net",
    "--ro-bind",
    "/",
    "/",
    "--proc",
    "/proc",
    "--",
    "/bin/sh",
    "-c",
    ":",
]
_TRIAL_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """One kind of enforcement on this host."""

    name: str
    state: State
    detail: str  # what it means for functions
    remedy: str = ""  # a command to type; empty when nothing needs doing


def probe() -> list[Capability]:
    """Try everything. Blocks for some tenths of a second.

    Call it after `privileges.enter_namespaces()`, from a process whose threads are all in the
    host's network.
    """
    essentials = probe_essentials()
    networks = _networks() if privileges.has_namespace_powers() else []
    rest = [_users(), *_control_groups(), *networks, _temporary_files(), _filter(), _fast_starts()]
    return [*essentials, *rest]


def probe_essentials() -> list[Capability]:
    """What namespaces isolation is nothing without."""
    namespaces = _namespaces()
    if namespaces.state == "missing":
        return [namespaces]
    return [namespaces, _bubblewrap()]


def _namespaces() -> Capability:
    name = "namespaces"
    if privileges.has_namespace_powers():
        return Capability(name=name, state="enforced", detail="Namespaces can be made.")
    restriction = _user_namespace_restriction()
    return Capability(
        name=name,
        state="missing",
        detail=f"Namespaces cannot be made: {restriction[0]}",
        remedy=restriction[1],
    )


def _user_namespace_restriction() -> tuple[str, str]:
    """(why, remedy), from the switches distributions have."""
    if _read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
        # Ubuntu 23.10 and later: a user namespace is made, but has no powers.
        name = "kernel.apparmor_restrict_unprivileged_userns"
        return "AppArmor takes the powers out of user namespaces.", _sysctl(name, 0)
    if _read("/proc/sys/kernel/unprivileged_userns_clone") == "0":
        return "user namespaces are off.", _sysctl("kernel.unprivileged_userns_clone", 1)
    if _read("/proc/sys/user/max_user_namespaces") == "0":
        return "no user namespaces are allowed.", _sysctl("user.max_user_namespaces", 10_000)
    return (
        "the kernel refuses; inside a container, start that with --privileged.",
        "sudo lambent serve",
    )


def _bubblewrap() -> Capability:
    name = "bubblewrap"
    if bubblewrap.find_programs() is None:
        missing = "bubblewrap util-linux"
        detail = "bwrap or setpriv is not installed."
        return Capability(name=name, state="missing", detail=detail, remedy=_install(missing))
    own_user = [] if privileges.has_root_powers() else ["--unshare-user"]
    done = subprocess.run(
        ["bwrap", *own_user, *_TRIAL],
        capture_output=True,
        text=True,
        check=False,
        timeout=_TRIAL_SECONDS,
    )
    if done.returncode == 0:
        return Capability(name=name, state="enforced", detail="Functions see only their own files.")
    return Capability(
        name=name,
        state="missing",
        detail=f"bwrap does not work: {done.stderr.strip()}",
        remedy=_user_namespace_restriction()[1],
    )


def _users() -> Capability:
    if privileges.has_root_powers():
        detail = "Each sandbox runs as a user of its own."
        return Capability(name="users", state="enforced", detail=detail)
    detail = "All sandboxes run as your user, and share its limits; they cannot see each other."
    return Capability(name="users", state="limited", detail=detail, remedy="sudo lambent serve")


def _control_groups() -> list[Capability]:
    meanings = {
        "memory": "A function's memory size",
        "cpu": "A function's share of the processor",
        "pids": "A function's number of processes",
    }
    groups = open_control_groups(f"{servers.own_name()}-probe")
    try:
        return [
            Capability(name=name, state="missing", detail=f"{what} is not held.", remedy=_DELEGATE)
            if name in groups.missing
            else Capability(name=name, state="enforced", detail=f"{what} is held.")
            for name, what in meanings.items()
        ] + [_freezer(groups)]
    finally:
        groups.close()


def _freezer(groups: ControlGroups) -> Capability:
    if groups.can_freeze:
        detail = "Functions stand still between invocations."
        return Capability(name="freezer", state="enforced", detail=detail)
    detail = "Functions may go on working between invocations."
    return Capability(name="freezer", state="missing", detail=detail, remedy=_DELEGATE)


def _networks() -> list[Capability]:
    """In threads of its own: who leaves the host's network may not be able to return."""
    with (
        tempfile.TemporaryDirectory(prefix="lambent-") as directory,
        ThreadPoolExecutor(1) as inside,
        host_thread() as outside,
    ):
        try:
            problem = inside.submit(_try_network, Path(directory), outside).result()
        except OSError as error:
            detail = f"Functions have no network of their own: {error}"
            return [Capability(name="network", state="missing", detail=detail)]
    return [
        Capability(name="network", state="enforced", detail="Each sandbox has its own network."),
        _outbound(problem),
    ]


def _try_network(directory: Path, outside: Executor) -> str:
    """What keeps functions from the outside: empty when nothing does. Raises OSError."""
    home = system_calls.new_network_namespace()
    try:
        shared = open_shared_network(directory, home=home, host=outside)
        try:
            slots.make_slot(home, shared.router, door_port=0).release()
        finally:
            shared.close()
    finally:
        os.close(home)
    return shared.problem


def _outbound(problem: str) -> Capability:
    name = "outbound network"
    if not problem:
        detail = "Functions reach the outside, and neither this host nor each other."
        return Capability(name=name, state="enforced", detail=detail)
    return Capability(
        name=name,
        state="missing",
        detail=f"Functions cannot reach the outside: {problem}",
        remedy=_outbound_remedy(),
    )


def _outbound_remedy() -> str:
    missing = [] if firewall.is_available() else ["nftables"]
    if not uplink.installed_programs():
        missing.append("passt")
    if missing:
        return _install(" ".join(missing))
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "sudo chmod 0666 /dev/net/tun"
    return "ip route  # is this host itself connected?"


def _temporary_files() -> Capability:
    name = "/tmp size"
    if not privileges.has_root_powers():
        detail = "/tmp has its size, but what is in it counts as the function's memory."
        return Capability(name=name, state="limited", detail=detail, remedy="sudo lambent serve")
    problem = volumes.find_problem()
    if not problem:
        detail = "/tmp is a file system of its own, of the size asked for."
        return Capability(name=name, state="enforced", detail=detail)
    return Capability(
        name=name,
        state="limited",
        detail=f"/tmp counts as the function's memory: {problem}",
        remedy=_install("e2fsprogs") if "mkfs" in problem else "sudo modprobe loop",
    )


def _filter() -> Capability:
    name = "system call filter"
    if not seccomp.is_supported():
        detail = "No list of system calls for this processor; the kernel's own checks remain."
        return Capability(name=name, state="missing", detail=detail)
    if _read("/proc/sys/kernel/seccomp/actions_avail") is None:
        detail = "This kernel has no seccomp filters."
        return Capability(name=name, state="missing", detail=detail)
    detail = "System calls that no function needs are refused."
    return Capability(name=name, state="enforced", detail=detail)


def _fast_starts() -> Capability:
    name = "fast starts"
    problem = late_mounts.find_problem()
    if not problem:
        detail = "Environments begin in sandboxes that are ready beforehand."
        return Capability(name=name, state="enforced", detail=detail)
    detail = f"Every cold start builds its sandbox: {problem}"
    return Capability(name=name, state="limited", detail=detail)


def _install(packages: str) -> str:
    for program, command in _PACKAGES.items():
        if shutil.which(program):
            return command.format(packages)
    return f"install {packages}"


def _sysctl(name: str, value: int) -> str:
    return f"sudo sysctl -w {name}={value}"


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None
