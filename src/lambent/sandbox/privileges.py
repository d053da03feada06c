"""What this process may do, and how an ordinary user gets enough of it."""

from __future__ import annotations

import os
from pathlib import Path

from lambent.sandbox import system_calls

_CAP_SYS_ADMIN = 21


def has_root_powers() -> bool:
    """Whether we are the machine's root, not merely root of a user namespace."""
    if os.geteuid() != 0 or not _has_capability(_CAP_SYS_ADMIN):
        return False
    identity = ["0", "0", str(2**32 - 1)]
    return Path("/proc/self/uid_map").read_text().split() == identity


def has_namespace_powers() -> bool:
    """Whether we are root of at least our own user namespace."""
    return os.geteuid() == 0 and _has_capability(_CAP_SYS_ADMIN)


def enter_namespaces() -> bool:
    """Put this process where it may build sandboxes; says whether that worked.

    Call it once, first of all: before any thread, event loop or connection exists. Root gets a
    private mount namespace, so that even `kill -9` leaves no mount on the host. Anybody else
    becomes root of a user namespace of their own, in which the same code then works; files keep
    their owners. Where the kernel refuses, nothing has changed and `host.probe()` tells why.
    """
    _find_administration_programs()
    try:
        if has_namespace_powers():
            system_calls.unshare(system_calls.CLONE_NEWNS)
        else:
            _become_root_of_own_namespace()
        system_calls.mount("none", Path("/"), flags=system_calls.MS_REC | system_calls.MS_SLAVE)
    except OSError:
        return False
    return True


def _find_administration_programs() -> None:
    """Debian leaves the directories of `nft`, `ip` and `mkfs` out of an ordinary user's PATH."""
    os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def _become_root_of_own_namespace() -> None:
    user, group = os.geteuid(), os.getegid()
    # IPC too: a thread that visits a sandbox's may return only to one of this user namespace's.
    kinds = system_calls.CLONE_NEWUSER | system_calls.CLONE_NEWNS | system_calls.CLONE_NEWIPC
    system_calls.unshare(kinds)
    # The kernel asks for this order: user_namespaces(7), "setgroups".
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")


def _has_capability(number: int) -> bool:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> number & 1)
    return False
