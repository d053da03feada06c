"""What we ask of bubblewrap: namespaces, root file system, system call filter, users."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from lambent.sandbox import entry_shell, root_files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lambent.sandbox.sandbox import Mount, Volume

# Inside, where the sandbox has a user namespace of its own: what Lambda shows.
USER_ID = 993
GROUP_ID = 990

_NAMESPACES = ("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
_PROCESS = ("--new-session", "--die-with-parent", "--clearenv", "--cap-drop", "ALL")
_TO_CHANGE_USER = tuple(
    word
    for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")
    for word in ("--cap-add", capability)
)
_OWN_USER_NAMESPACE = ("--unshare-user", "--uid", str(USER_ID), "--gid", str(GROUP_ID))


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """Where the tools are: bwrap on the host, the other inside as well (both under /usr)."""

    bubblewrap: str
    setpriv: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all sandboxes of a server have in common."""

    programs: Programs
    etc: Path
    filter: Path | None
    home_network: int  # where the threads that start sandboxes live


def find_programs() -> Programs | None:
    bubblewrap, setpriv = shutil.which("bwrap"), shutil.which("setpriv")
    if bubblewrap is None or setpriv is None:
        return None
    return Programs(bubblewrap=bubblewrap, setpriv=setpriv)


def sandbox_arguments(
    surroundings: Surroundings, mounts: Sequence[Mount], volume: Volume
) -> list[str]:
    """bwrap's arguments, without the descriptors of one start."""
    own_user = volume.user_id is not None
    arguments = [*_NAMESPACES, *_PROCESS, "--hostname", root_files.HOST_NAME]
    arguments += _TO_CHANGE_USER if own_user else _OWN_USER_NAMESPACE
    arguments += [*root_files.program_arguments(), *root_files.shell_arguments()]
    arguments += root_files.device_arguments()
    arguments += ["--proc", "/proc", "--ro-bind", str(surroundings.etc), "/etc"]
    for name in ("passwd", "group"):
        arguments += ["--ro-bind", str(volume.accounts / name), f"/etc/{name}"]
    arguments += ["--bind", str(volume.path), "/tmp"]
    for directory in ["/opt", *_parents_of(mounts)]:
        arguments += ["--dir", directory]  # bwrap would make them for root's eyes only
    for mount in mounts:
        arguments += ["--ro-bind", str(mount.source), mount.target]
    return [*arguments, "--remount-ro", "/", "--chdir", "/"]


def _parents_of(mounts: Sequence[Mount]) -> list[str]:
    """The directories above the mount points, outermost first."""
    parents = {str(parent) for mount in mounts for parent in PurePosixPath(mount.target).parents}
    return sorted(parents - {"/"})


def command_line(programs: Programs, arguments_descriptor: int, user_id: int | None) -> list[str]:
    """bwrap with its arguments in a file, down to the shell that awaits the entry script."""
    line = [programs.bubblewrap, "--args", str(arguments_descriptor), "--"]
    if user_id is not None:
        line += [programs.setpriv, "--reuid", str(user_id), "--regid", str(user_id)]
        line += ["--clear-groups", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all", "--"]
    return [*line, root_files.ENTRY_SHELL, *entry_shell.SHELL[1:]]
