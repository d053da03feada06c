"""What we ask of bubblewrap: namespaces, root file system, system call filter, users."""

from __future__ import annotations

import functools
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from lambent.sandbox import entry_shell, root_files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lambent.sandbox.sandbox import Command, Mount, Volume

# Inside, where the sandbox has a user namespace of its own: what Lambda shows.
USER_ID = 993
GROUP_ID = 990

_NAMESPACES = ("--unshare-uts", "--unshare-cgroup-try")
_FIRST_NAMESPACES = ("--unshare-pid", "--unshare-ipc")
_PROCESS = ("--new-session", "--clearenv", "--cap-drop", "ALL")
_TO_CHANGE_USER = tuple(
    word
    for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")
    for word in ("--cap-add", capability)
)
# setns(2) into a sandbox, and what is given up there.
_TO_FORK = ("CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")
_USER_INSIDE = ("--uid", str(USER_ID), "--gid", str(GROUP_ID))


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """Where the tools are: bwrap on the host, the others inside as well (all under /usr)."""

    bubblewrap: str
    setpriv: str
    holder: tuple[str, ...]  # writes what it reads, until that ends, and buries orphans


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What bwrap runs when it has built."""

    argv: tuple[str, ...]
    user_id: int | None  # whose its output is to be
    question: bytes  # it answers this with a byte of telemetry as soon as it runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all sandboxes of a server have in common."""

    programs: Programs
    etc: Path
    filter: Path | None
    home_network: int  # where the threads that start sandboxes live
    # Our mounts, and a copy of them without volumes: bwrap looks through all that it finds for each
    # that it adds, which with a hundred volumes took an eighth of a sandbox's start. None where the
    # kernel cannot add a volume afterwards.
    mounts: tuple[int, int] | None


def find_programs() -> Programs | None:
    bubblewrap, setpriv = shutil.which("bwrap"), shutil.which("setpriv")
    env, cat = shutil.which("env"), shutil.which("cat")
    if bubblewrap is None or setpriv is None or env is None or cat is None:
        return None
    return Programs(bubblewrap=bubblewrap, setpriv=setpriv, holder=_find_holder(env, cat))


def _find_holder(env: str, cat: str) -> tuple[str, ...]:
    """`cat`, for whom the kernel buries orphans where `env` (coreutils 8.31) can ask for that."""
    careless = (env, "--ignore-signal=CHLD", cat)
    tried = subprocess.run(careless, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    return careless if tried.returncode == 0 else (cat,)


def sandbox_arguments(
    surroundings: Surroundings, mounts: Sequence[Mount], volume: Volume
) -> list[str]:
    """bwrap's arguments for a new sandbox, without the descriptors of one start."""
    return [*_first_arguments(volume), *company_arguments(surroundings, mounts, volume)]


def held_arguments(
    surroundings: Surroundings, mounts: Sequence[Mount], volume: Volume
) -> list[str]:
    """The same for a sandbox that lasts whoever comes and goes in it.

    Its process 1 is the holder. A function can not signal process 1, whoever's it is.
    """
    return [
        *_first_arguments(volume),
        "--as-pid-1",
        *(_USER_INSIDE if volume.user_id is None else ()),
        *_place_arguments(surroundings, mounts, volume),
    ]


def _first_arguments(volume: Volume) -> list[str]:
    user = [] if volume.user_id is not None else ["--unshare-user"]
    return [*_FIRST_NAMESPACES, "--die-with-parent", *user]


def company_arguments(
    surroundings: Surroundings, mounts: Sequence[Mount], volume: Volume
) -> list[str]:
    """bwrap's arguments for one more command in a sandbox.

    Its process ids (and users, where they are the sandbox's own) come as descriptors; its network
    and IPC are what bwrap is started in. bwrap cannot join a mount namespace: the files are put
    together once more, from the same parts.
    """
    user = _USER_INSIDE if volume.user_id is None else _TO_CHANGE_USER
    return [*_place_arguments(surroundings, mounts, volume), *user]


def _place_arguments(
    surroundings: Surroundings, mounts: Sequence[Mount], volume: Volume
) -> list[str]:
    arguments = [*_NAMESPACES, *_PROCESS, "--hostname", root_files.HOST_NAME]
    arguments += [*root_files.program_arguments(), *root_files.shell_arguments()]
    arguments += root_files.device_arguments()
    arguments += ["--proc", "/proc", "--ro-bind", str(surroundings.etc), "/etc"]
    for name in ("passwd", "group"):
        arguments += ["--ro-bind", str(volume.accounts / name), f"/etc/{name}"]
    is_late = surroundings.mounts is not None
    arguments += ["--dir", "/tmp"] if is_late else ["--bind", str(volume.path), "/tmp"]
    for directory in ["/opt", *_parents_of(*(mount.target for mount in mounts))]:
        arguments += ["--dir", directory]  # bwrap would make them for root's eyes only
    for mount in mounts:
        arguments += ["--ro-bind", str(mount.source), mount.target]
    return [*arguments, "--remount-ro", "/", "--chdir", "/"]


def fork_server_line(
    surroundings: Surroundings,
    mounts: Sequence[Mount],
    command: Command,
    added: Mapping[str, str],
) -> list[str]:
    """bwrap's command line for what is to be copied into sandboxes: their files, no more powers
    than it takes to enter them, no network. Nothing secret: command lines are public.
    """
    line = [surroundings.programs.bubblewrap, "--die-with-parent", "--unshare-ipc", "--clearenv"]
    for name, value in {**command.environment, **added}.items():
        line += ["--setenv", name, value]
    line += ["--cap-drop", "ALL"]
    for capability in _TO_FORK:
        line += ["--cap-add", capability]
    line += [*root_files.program_arguments(), "--ro-bind", str(surroundings.etc), "/etc"]
    for directory in _parents_of(*(mount.target for mount in mounts)):
        line += ["--dir", directory]
    for mount in mounts:
        line += ["--ro-bind", str(mount.source), mount.target]
    line += ["--remount-ro", "/", "--chdir", command.working_directory, "--"]
    return [*line, *command.argv]


@functools.cache  # of the few places there are for things in a sandbox
def _parents_of(*targets: str) -> list[str]:
    """The directories above the mount points, outermost first."""
    parents = {str(parent) for target in targets for parent in PurePosixPath(target).parents}
    return sorted(parents - {"/"})


def shell_entry(programs: Programs, user_id: int | None) -> Entry:
    """The shell that awaits the entry script, as this user; None for who it is anyway."""
    argv: tuple[str, ...] = (root_files.ENTRY_SHELL, *entry_shell.SHELL[1:])
    if user_id is not None:
        user = ("--reuid", str(user_id), "--regid", str(user_id), "--clear-groups")
        powers = ("--no-new-privs", "--inh-caps=-all", "--bounding-set=-all")
        argv = (programs.setpriv, *user, *powers, "--", *argv)
    return Entry(argv=argv, user_id=user_id, question=entry_shell.QUESTION)


def holder_entry(programs: Programs) -> Entry:
    """What lasts as long as a sandbox, and never becomes anything else."""
    return Entry(argv=programs.holder, user_id=None, question=b"\n")
