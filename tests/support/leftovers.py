"""What a server holds of the machine, counted, so that before can be compared with after."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.support.server import RunningServer

Snapshot = dict[str, Counter[str]]  # names of things by kind, and how many of each

CGROUPS = Path("/sys/fs/cgroup")
_NUMBER = re.compile(r"\d+")
_STEADY = 8  # snapshots in a row


def snapshot(server: RunningServer) -> Snapshot:
    """Processes, mounts, cgroups, networks, descriptors and files, by kind.

    Numbers in names count as equal: what is in stock gets new ones each time.
    """
    pid = server.process.pid
    found: dict[str, Iterable[str]] = {
        "processes": (_name(each) for each in descendants(pid)),
        "mounts": mount_points(pid),
        "cgroups": cgroups(pid),
        "links": _links(pid),
        "descriptors": _descriptors(pid, server.data_dir),
        "loop devices": _loop_devices(server.data_dir),
        "files": (path for path in _walk(server.data_dir / "sandboxes") if "/volumes/" in path),
    }
    return {kind: Counter(map(_numberless, names)) for kind, names in found.items()}


def settled(server: RunningServer) -> Snapshot:
    """A snapshot of a server that has nothing to do and whose stock is full."""
    seen: list[Snapshot] = []

    def steady() -> bool:
        seen.append(snapshot(server))
        return len(seen) > _STEADY and all(each == seen[-1] for each in seen[-_STEADY:])

    eventually(steady, "a server at rest")
    return seen[-1]


def wait_back(server: RunningServer, before: Snapshot) -> None:
    """Wait until everything is as it was before; otherwise tell what is not."""

    def difference() -> dict[str, tuple[Counter[str], Counter[str]]]:
        after = snapshot(server)
        return {
            kind: (after[kind] - before[kind], before[kind] - after[kind])
            for kind in before
            if after[kind] != before[kind]
        }

    eventually(lambda: not difference(), lambda: f"left over, and missing: {difference()}")


def descendants(pid: int) -> list[int]:
    """Every process below this one."""
    children: dict[int, list[int]] = {}
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(process.name))
    found, todo = [], [pid]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def mount_points(pid: int) -> list[str]:
    """What is mounted where a process sees it."""
    lines = Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
    return [line.split()[4] for line in lines]


def cgroups(pid: int) -> list[str]:
    """The groups below a server's own, in whatever hierarchy."""
    own = re.compile(rf"/lambent/\d+-{pid}-\d+/")
    return [path for path in _walk(CGROUPS) if own.search(path)]


def _walk(root: Path) -> Iterator[str]:
    """Directories, and files that are no cgroup's, below a place where things come and go."""
    is_cgroup = root.is_relative_to(CGROUPS)
    for directory, directories, files in os.walk(root):
        names = directories if is_cgroup else directories + files
        yield from (f"{directory}/{name}" for name in names)


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "gone"


def _numberless(text: str) -> str:
    return _NUMBER.sub("N", text)


def _links(pid: int) -> Iterator[str]:
    """Network interfaces: the host's, and those in every namespace the server holds."""
    yield from (f"host {link.name}" for link in Path("/sys/class/net").iterdir())
    namespaces = [
        str(descriptor)
        for descriptor, target in _open_files(pid)
        if target.startswith("net:") and target != str(Path("/proc/self/ns/net").readlink())
    ]
    listing = 'for each; do nsenter --net="$each" ip -brief link; done'
    listed = subprocess.run(
        ["sh", "-c", listing, "sh", *namespaces], capture_output=True, text=True
    ).stdout
    yield from (line.split()[0] for line in listed.splitlines())


def _descriptors(pid: int, data_dir: Path) -> Iterator[str]:
    """Kinds of a process's open files, without its clients' connections and its database."""
    for _, target in _open_files(pid):
        is_database = target.startswith(str(data_dir)) and "/sandboxes/" not in target
        if not target.startswith("socket:") and not is_database:
            yield target


def _open_files(pid: int) -> Iterator[tuple[Path, str]]:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            yield descriptor, str(descriptor.readlink())


def _loop_devices(data_dir: Path) -> Iterator[str]:
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):
            if backing.read_text().startswith(str(data_dir)):
                yield "loop"
