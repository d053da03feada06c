"""Where control groups are mounted, and which group this process is in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Hierarchies:
    """The directories of our own groups: by controller for version 1, one for version 2."""

    v1: Mapping[str, Path]
    v2: Path | None


def read_hierarchies(process: Path = Path("/proc/self")) -> Hierarchies:
    """Our own groups, as this mount namespace shows them."""
    own = dict(_own_groups((process / "cgroup").read_text()))
    v1: dict[str, Path] = {}
    v2: Path | None = None
    for kind, mount_point, root, options in _mounts((process / "mountinfo").read_text()):
        if kind == "cgroup2":
            v2 = v2 or _inside(mount_point, root, own.get("", "/"))
            continue
        for controller in options.split(","):
            if controller in own and controller not in v1:
                v1[controller] = _inside(mount_point, root, own[controller])
    return Hierarchies(v1=v1, v2=v2)


def _own_groups(text: str) -> Iterator[tuple[str, str]]:
    """(controller, group); version 2 has the empty controller: cgroups(7)."""
    for line in text.splitlines():
        _, controllers, group = line.split(":", 2)
        for controller in controllers.split(","):
            yield controller, group


def _mounts(text: str) -> Iterator[tuple[str, Path, str, str]]:
    """(kind, mount point, root within the hierarchy, options): proc_pid_mountinfo(5)."""
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            fields = before.split()
            yield kind, Path(fields[4]), fields[3], options


def _inside(mount_point: Path, root: str, group: str) -> Path:
    # A container may see only its own part of the hierarchy, under the full name.
    if root != "/" and (group == root or group.startswith(f"{root}/")):
        group = group[len(root) :]
    return mount_point / group.lstrip("/")
